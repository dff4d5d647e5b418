// A tar archive laid over an image: kept as it is now, and read like any layer. Its digests are not known
// beforehand; they say what it is.

import FileTree
import FlatArrays
import Glibc
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import SystemPackage

extension HostSnapshot {
  /// The layer of an archive; `number` is its place in the stack.
  func layer(
    ofArchive path: FilePath,
    option: String,
    number: Int,
    store: LayerStore,
    cache: SpanCache
  ) throws(LayersError) -> AddedLayer {
    let name = additionName(option, path.rawBytes)
    return try named(name) { () throws(AdditionFault) in
      let source = try self.source(path)
      do throws(LayersError) {
        return try layer(of: source, name: name, number: number, store: store, cache: cache)
      } catch {
        switch error {
        case .entries(_, let cause): throw .members(cause)
        case .store(_, let cause): throw .store(cause)
        default: throw .archive(error)
        }
      }
    }
  }

  private func layer(
    of source: ScratchSource,
    name: String,
    number: Int,
    store: LayerStore,
    cache: SpanCache
  ) throws(LayersError) -> AddedLayer {
    let index = try LayerIndexer.index(
      source,
      blobDigest: try digest(of: source),
      diffID: nil,
      limits: store.limits,
      hashesBlob: false
    )
    let reader = LayerReader(
      index,
      number: number,
      source: source,
      copy: try store.seekableCopy(of: index, from: source),
      cache: cache
    )
    var warnings = AdditionWarnings(name)
    for warning in index.warnings {
      let path = warning.member.flatMap { index.table.memberPath(at: $0) }
      warnings.note(.archive(warning.kind), at: path, count: Int(clamping: warning.count))
    }
    return AddedLayer(
      table: index.table,
      role: .overlay,
      digest: index.diffID,
      bytes: .blob(reader),
      warnings: warnings.all,
      names: [name],
      isArchive: true
    )
  }

  /// The archive's bytes, kept.
  ///
  /// A pipe is an archive, too, as a shell's process substitution makes them.
  private func source(_ path: FilePath) throws(AdditionFault) -> ScratchSource {
    let bytes = path.rawBytes
    let type = try opening(bytes) { () throws(Errno) in
      try HostFile.open(path, hostPathOnly).status().type
    }
    guard type == S_IFREG || type == S_IFIFO else { throw .host(bytes, .notAnArchive) }
    let (file, status) = try opening(bytes) { () throws(Errno) in
      let file = try HostFile.open(path, O_RDONLY)
      return (file, try file.status())
    }
    let kept = try inFile(bytes) { () throws(ScratchFile.CopyFailure) in
      status.type == S_IFREG
        ? try scratch.append(
          from: file.descriptor,
          at: 0,
          byteCount: UInt64(max(status.st_size, 0))
        )
        : try scratch.append(allOf: file.descriptor)
    }
    if status.type == S_IFREG {
      let after = try opening(bytes) { () throws(Errno) in try file.status() }
      guard after.isUnchanged(since: status) else { throw .host(bytes, .changed) }
    }
    // Not even the end of an archive: whoever should have written it has failed.
    if kept.byteCount == 0 { throw .host(bytes, .notAnArchive) }
    return ScratchSource(scratch: scratch, start: kept.start, byteCount: kept.byteCount)
  }

  private func digest(of source: ScratchSource) throws(LayersError) -> Digest {
    var hasher = DigestHasher(.sha256)
    var position: UInt64 = 0
    let none = hasher.finalize()
    try withTemporaryBytes(1 << 20) { buffer throws(LayersError) in
      while position < source.byteCount {
        let count: Int
        do throws(ByteSourceError) {
          count = try source.read(at: BlobOffset(position), into: buffer)
        } catch {
          throw .compression(layer: none, .source(error))
        }
        hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        position += UInt64(count)
      }
    }
    return hasher.finalize()
  }
}

/// A part of the scratch file as a source of bytes.
private struct ScratchSource: ByteSource {
  let scratch: ScratchFile
  let start: UInt64
  let byteCount: UInt64

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    guard offset.bytes < byteCount else { return 0 }
    let count = Int(min(UInt64(buffer.count), byteCount - offset.bytes))
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    let filled: Int
    do throws(ImageStoreError) {
      filled = try scratch.read(at: start + offset.bytes, into: part)
    } catch {
      guard case .failed(_, _, let cause) = error else { throw .changed(at: offset) }
      throw .unreadable(at: offset, errno: cause.rawValue)
    }
    guard filled == count else { throw .changed(at: offset) }
    return count
  }
}
