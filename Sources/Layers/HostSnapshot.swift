// The bytes of a file of this machine, kept as they are now in a file without a name, so that whatever
// happens to the original, a mount shows what was added. Holes stay holes. Counts and hashes what it
// keeps: equal contents give equal digests, wherever their holes are.

import FileTree
import FlatArrays
import Glibc
import ImageStore
import OCISpec
import Offsets
import SystemPackage
import TarFormat

/// The content of a regular file as it was when it was read.
struct SnapshotContent {
  var byteCount: UInt64
  /// Where it begins in the scratch file; without a meaning where there are segments.
  var data: TarOffset
  /// Of a file with holes.
  var segments: [DataSegment]
  var counter: DataBlockCounter
  /// Of the size, of the blocks of 4 KiB that are not all zero, and of where they are.
  var digest: Digest
}

struct HostSnapshot {
  let scratch: ScratchFile
  /// What layers of images are held to.
  let limits: LayerLimits

  /// How often a file is read that changes meanwhile, before it is given up.
  private static let attempts = 4
  /// 1 MiB: whole blocks.
  private static let windowByteCount = 1 << 20

  /// Keeps a file's content.
  ///
  /// - Returns: Its status at that time, and the content.
  func take(
    _ file: HostFile,
    at path: [UInt8]
  ) throws(AdditionFault) -> (status: stat, content: SnapshotContent) {
    for _ in 0..<Self.attempts {
      let before = try status(of: file, at: path)
      guard before.type == S_IFREG else { throw .host(path, .notARegularFile) }
      let byteCount = UInt64(max(before.st_size, 0))
      if byteCount > limits.tar.fileSize {
        throw .host(path, .tooLarge(limit: limits.tar.fileSize))
      }
      let segments = try copy(file, byteCount: byteCount, at: path)
      guard let segments, try status(of: file, at: path).isUnchanged(since: before) else {
        continue
      }
      return (before, try content(segments, byteCount: byteCount))
    }
    throw .host(path, .changed)
  }

  private func status(of file: HostFile, at path: [UInt8]) throws(AdditionFault) -> stat {
    do {
      return try file.status()
    } catch {
      throw .host(path, .system(operation: "read its status", error))
    }
  }

  /// The file's runs of data, copied; `nil` where it became shorter.
  private func copy(
    _ file: HostFile,
    byteCount: UInt64,
    at path: [UInt8]
  ) throws(AdditionFault) -> [DataSegment]? {
    var segments: [DataSegment] = []
    var position: UInt64 = 0
    while let run = try dataRun(of: file, from: position, byteCount: byteCount, at: path) {
      if segments.count == limits.tar.sparseSegments {
        throw .host(path, .tooManyHoles(limit: segments.count))
      }
      let wanted = UInt64(run.count)
      let copied = try inFile(path) { () throws(ScratchFile.CopyFailure) in
        try scratch.append(from: file.descriptor, at: run.lowerBound, byteCount: wanted)
      }
      if copied.byteCount < wanted { return nil }
      let start = TarOffset(copied.start)
      segments.append(
        DataSegment(file: FileOffset(run.lowerBound), byteCount: wanted, tar: start)
      )
      position = run.upperBound
    }
    return segments
  }

  private func dataRun(
    of file: HostFile,
    from position: UInt64,
    byteCount: UInt64,
    at path: [UInt8]
  ) throws(AdditionFault) -> Range<UInt64>? {
    do {
      return try file.dataRun(from: position, byteCount: byteCount)
    } catch {
      throw .host(path, .system(operation: "be read", error))
    }
  }

  func inFile<Result>(
    _ path: [UInt8],
    _ body: () throws(ScratchFile.CopyFailure) -> Result
  ) throws(AdditionFault) -> Result {
    do {
      return try body()
    } catch {
      switch error {
      case .source(let cause): throw .host(path, .system(operation: "be read", cause))
      case .store(let cause): throw .store(cause)
      }
    }
  }

  // MARK: Counting

  private func content(
    _ segments: [DataSegment],
    byteCount: UInt64
  ) throws(AdditionFault) -> SnapshotContent {
    var census = ContentCensus(byteCount: byteCount)
    try withTemporaryBytes(Self.windowByteCount) { buffer throws(AdditionFault) in
      var next = 0
      var position: UInt64 = 0
      while next < segments.count {
        let blockStart = segments[next].file.bytes & ~(DataBlockCounter.blockByteCount - 1)
        let start = max(position, blockStart)
        let end = min(start + UInt64(buffer.count), byteCount)
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(end - start)])
        try fill(window, from: start, segments[next...])
        census.add(UnsafeRawBufferPointer(window), at: start)
        position = end
        while next < segments.count, segments[next].end <= end { next += 1 }
      }
    }
    let isWhole = segments.first?.byteCount == byteCount || byteCount == 0
    return SnapshotContent(
      byteCount: byteCount,
      data: segments.first?.tar ?? .zero,
      segments: isWhole ? [] : segments.isEmpty ? [Self.onlyHole(byteCount)] : segments,
      counter: census.counter,
      digest: census.finalize()
    )
  }

  /// A file without segments would be one without holes.
  private static func onlyHole(_ byteCount: UInt64) -> DataSegment {
    DataSegment(file: FileOffset(byteCount), byteCount: 0, tar: .zero)
  }

  /// The file's bytes from `start` on, put together from its segments and zeros.
  private func fill(
    _ window: UnsafeMutableRawBufferPointer,
    from start: UInt64,
    _ segments: ArraySlice<DataSegment>
  ) throws(AdditionFault) {
    window.initializeMemory(as: UInt8.self, repeating: 0)
    let end = start + UInt64(window.count)
    for segment in segments {
      if segment.file.bytes >= end { break }
      let first = max(segment.file.bytes, start)
      let last = min(segment.end, end)
      let part = UnsafeMutableRawBufferPointer(
        rebasing: window[Int(first - start)..<Int(last - start)]
      )
      let position = segment.tar.bytes + (first - segment.file.bytes)
      do {
        _ = try scratch.read(at: position, into: part)
      } catch {
        throw .store(error)
      }
    }
  }
}

extension DataSegment {
  /// The file's first byte behind it; known to fit.
  fileprivate var end: UInt64 { file.bytes + byteCount }
}

/// Counts and hashes a file's blocks that are not all zero.
private struct ContentCensus {
  private(set) var counter = DataBlockCounter()
  private var bytes = DigestHasher(.sha256)
  private var places = DigestHasher(.sha256)
  private let byteCount: UInt64

  init(byteCount: UInt64) {
    self.byteCount = byteCount
  }

  /// Takes bytes that begin with a block and, unless the file ends, end with one.
  mutating func add(_ window: UnsafeRawBufferPointer, at offset: UInt64) {
    let blockByteCount = Int(DataBlockCounter.blockByteCount)
    var start = 0
    while start < window.count {
      var end = start
      while end < window.count, !isZero(window, end..<min(end + blockByteCount, window.count)) {
        end = min(end + blockByteCount, window.count)
      }
      if end > start { take(window, start..<end, at: offset) }
      // What follows a run is a block of zeros.
      start = end + blockByteCount
    }
  }

  private func isZero(_ window: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    let block = UnsafeRawBufferPointer(rebasing: window[range]).bindMemory(to: UInt8.self)
    return block.span.isAllZero
  }

  private mutating func take(
    _ window: UnsafeRawBufferPointer,
    _ range: Range<Int>,
    at offset: UInt64
  ) {
    let run = UnsafeRawBufferPointer(rebasing: window[range])
    counter.add(
      run.bindMemory(to: UInt8.self).span,
      at: FileOffset(offset + UInt64(range.lowerBound))
    )
    bytes.update(run)
    var place = ByteEncoder()
    let block = (offset + UInt64(range.lowerBound)) / DataBlockCounter.blockByteCount
    let count = DataBlockCounter.blockCount(of: UInt64(range.count))
    for number in block..<(block + count) { place.append(number) }
    place.bytes.withUnsafeBytes { places.update($0) }
  }

  func finalize() -> Digest {
    var whole = ByteEncoder()
    whole.append(byteCount)
    whole.append(places.finalize().bytes)
    whole.append(bytes.finalize().bytes)
    return DigestHasher.digest(of: whole.bytes, .sha256)
  }
}
