// A LayerIndex as a file: a head, then flat arrays that are mapped as they are. docs/FORMATS.md has
// the layout. A file that does not check out is not an error but a reason to build it again.

import FileTree
import FlatArrays
import ImageStore
package import OCISpec
import Offsets
import SeekableCompression

/// Writing and mapping index files.
package enum LayerIndexFile {
  /// Changes whenever what a pass would write changes: files of another version are not read.
  static let version: UInt32 = 3
  /// "BNGRIDX" and a newline, which text-mode damage would change.
  private static let magic: UInt64 = 0x0A58_4449_5247_4E42
  /// Digest of everything behind it but the windows, which have checksums of their own.
  private static let checksumRange = 8..<40
  private static let headByteCount = 4096
  /// Flat arrays begin at multiples of this.
  private static let alignment = 16

  // MARK: Writing

  static func byteCount(of index: LayerIndex) -> Int {
    sections(of: index).last.map { $0.offset + $0.byteCount } ?? headByteCount
  }

  /// Calls `write` with the pieces of the file, in order.
  package static func write<Failure: Error>(
    _ index: LayerIndex,
    to write: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var head = encodeHead(of: index)
    head.replaceSubrange(checksumRange, with: checksum(of: index, head: head))
    try head.withRawBytes(write)
    var position = headByteCount
    for part in sections(of: index) {
      let padding = [UInt8](repeating: 0, count: part.offset - position)
      try padding.withRawBytes(write)
      try part.withBytes(write)
      position = part.offset + part.byteCount
    }
  }

  /// One array of an index and its place in the file.
  private struct Part {
    let offset: Int
    let count: Int
    let byteCount: Int
    let isWindows: Bool
    private let bytes: ByteSlice

    init<Element>(_ array: FlatArray<Element>, at offset: Int, isWindows: Bool = false) {
      self.offset = offset
      count = array.count
      byteCount = array.count * MemoryLayout<Element>.stride
      self.isWindows = isWindows
      bytes = array.byteSlice
    }

    func withBytes<Failure: Error>(
      _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
      try bytes.withUnsafeBytes(body)
    }
  }

  private static func sections(of index: LayerIndex) -> [Part] {
    var parts: [Part] = []
    func next() -> Int {
      let end = parts.last.map { $0.offset + $0.byteCount } ?? headByteCount
      return (end + alignment - 1) / alignment * alignment
    }
    parts.append(Part(index.table.entries, at: next()))
    parts.append(Part(index.table.segments, at: next()))
    parts.append(Part(index.table.bytes, at: next()))
    parts.append(Part(index.points, at: next()))
    parts.append(Part(index.blockChecksums, at: next()))
    parts.append(Part(FlatArray(encodeWarnings(index.warnings)), at: next()))
    parts.append(Part(index.windows, at: next(), isWindows: true))
    return parts
  }

  private static func encodeHead(of index: LayerIndex) -> [UInt8] {
    var head = ByteEncoder()
    head.append(magic)
    for _ in 0..<(checksumRange.count / 8) { head.append(UInt64(0)) }
    head.append(version)
    for stride in strides { head.append(UInt32(stride)) }
    head.append(UInt32(index.codec.rawValue))
    head.append(index.blobByteCount)
    head.append(index.tarByteCount)
    head.append(Array(index.blobDigest.description.utf8))
    head.append(Array(index.diffID.description.utf8))
    for part in sections(of: index) {
      head.append(UInt64(part.offset))
      head.append(UInt64(part.count))
    }
    return head.bytes + [UInt8](repeating: 0, count: headByteCount - head.bytes.count)
  }

  /// The sizes of the records: a file written by a build that lays them out otherwise is not read.
  private static var strides: [Int] {
    [
      MemoryLayout<LayerEntry>.stride, MemoryLayout<DataSegment>.stride,
      MemoryLayout<SeekPoint>.stride,
    ]
  }

  private static func checksum(of index: LayerIndex, head: [UInt8]) -> [UInt8] {
    var hash = DigestHasher(.sha256)
    FlatArray(Array(head[checksumRange.upperBound...])).withUnsafeBytes { hash.update($0) }
    for part in sections(of: index) where !part.isWindows {
      part.withBytes { hash.update($0) }
    }
    return hash.finalize().bytes
  }

  private static func encodeWarnings(_ warnings: [LayerWarning]) -> [UInt8] {
    var bytes = ByteEncoder()
    for warning in warnings {
      bytes.append(Array(warning.kind.code.utf8))
      bytes.append(warning.count)
      switch warning.first {
      case .blob(let offset):
        bytes.append(UInt8(0))
        bytes.append(offset.bytes)
      case .tar(let offset):
        bytes.append(UInt8(1))
        bytes.append(offset.bytes)
      }
      // No member begins there: it would wrap around.
      bytes.append(warning.member?.bytes ?? .max)
    }
    return bytes.bytes
  }

  // MARK: Reading

  /// The index in the first `byteCount` bytes of an open file, mapped; `nil` when they are not one
  /// that this build wrote for the blob `digest`.
  package static func map(descriptor: Int32, byteCount: Int, digest: Digest) -> LayerIndex? {
    guard byteCount >= headByteCount,
      let block = ByteBlock(mapping: descriptor, byteCount: byteCount),
      let head = block.array(of: UInt8.self, at: 0, count: headByteCount)
    else { return nil }
    return decode(block, head: Array(head), digest: digest)
  }

  private static func decode(
    _ block: ByteBlock,
    head bytes: [UInt8],
    digest: Digest
  ) -> LayerIndex? {
    var head = ByteDecoder(bytes)
    guard head.next() == magic else { return nil }
    for _ in 0..<(checksumRange.count / 8) { _ = head.next(UInt64.self) }
    guard head.next() == version,
      strides.allSatisfy({ head.next() == UInt32($0) }),
      let codec = head.next(UInt32.self).flatMap({ Codec(rawValue: UInt8(truncatingIfNeeded: $0)) }
      ),
      let blobByteCount = head.next(UInt64.self), let tarByteCount = head.next(UInt64.self),
      head.nextRun() == Array(digest.description.utf8),
      let diffID = head.nextRun().flatMap(parseDigest),
      let arrays = Arrays(block, head: &head)
    else { return nil }
    guard
      let index = arrays.index(
        blobDigest: digest,
        diffID: diffID,
        codec: codec,
        blobByteCount: blobByteCount,
        tarByteCount: tarByteCount
      ),
      checksum(of: index, head: bytes) == Array(bytes[checksumRange]), isSound(index)
    else { return nil }
    return index
  }

  private static func parseDigest(_ bytes: [UInt8]) -> Digest? {
    do {
      return try Digest(String(decoding: bytes, as: UTF8.self))
    } catch {
      return nil
    }
  }

  /// Points rise and lie in their streams; there is a checksum for every block.
  private static func isSound(_ index: LayerIndex) -> Bool {
    UInt64(index.blockChecksums.count) == BlockChecksums.blockCount(index.blobByteCount)
      && index.points.areSound(
        blobByteCount: index.blobByteCount,
        tarByteCount: index.tarByteCount,
        windowByteCount: index.windows.count
      )
  }

  /// The arrays of a mapped file.
  private struct Arrays {
    let entries: FlatArray<LayerEntry>
    let segments: FlatArray<DataSegment>
    let bytes: FlatArray<UInt8>
    let points: FlatArray<SeekPoint>
    let blockChecksums: FlatArray<UInt32>
    let warnings: FlatArray<UInt8>
    let windows: FlatArray<UInt8>

    init?(_ block: ByteBlock, head: inout ByteDecoder) {
      func next<Element>(_ type: Element.Type) -> FlatArray<Element>? {
        guard let offset = head.next(UInt64.self).flatMap(Int.init(exactly:)),
          let count = head.next(UInt64.self).flatMap(Int.init(exactly:))
        else { return nil }
        return block.array(of: type, at: offset, count: count)
      }
      guard let entries = next(LayerEntry.self), let segments = next(DataSegment.self),
        let bytes = next(UInt8.self), let points = next(SeekPoint.self),
        let blockChecksums = next(UInt32.self), let warnings = next(UInt8.self),
        let windows = next(UInt8.self)
      else { return nil }
      self.entries = entries
      self.segments = segments
      self.bytes = bytes
      self.points = points
      self.blockChecksums = blockChecksums
      self.warnings = warnings
      self.windows = windows
    }

    func index(
      blobDigest: Digest,
      diffID: Digest,
      codec: Codec,
      blobByteCount: UInt64,
      tarByteCount: UInt64
    ) -> LayerIndex? {
      guard let warnings = decodeWarnings(Array(warnings)), let table = soundTable else {
        return nil
      }
      return LayerIndex(
        blobDigest: blobDigest,
        diffID: diffID,
        codec: codec,
        blobByteCount: blobByteCount,
        tarByteCount: tarByteCount,
        table: table,
        points: points,
        windows: windows,
        blockChecksums: blockChecksums,
        warnings: warnings
      )
    }

    private var soundTable: LayerTable? {
      do {
        return try LayerTable(entries: entries, segments: segments, bytes: bytes)
      } catch {
        return nil
      }
    }
  }

  private static func decodeWarnings(_ bytes: [UInt8]) -> [LayerWarning]? {
    var decoder = ByteDecoder(bytes)
    var warnings: [LayerWarning] = []
    while !decoder.isAtEnd {
      // Nothing may be left over: the checksum is that of the warnings written again.
      guard let code = decoder.nextRun(),
        let kind = LayerWarning.Kind(code: String(decoding: code, as: UTF8.self)),
        let count = decoder.next(UInt64.self), let space = decoder.next(UInt8.self), space <= 1,
        let offset = decoder.next(UInt64.self), let member = decoder.next(UInt64.self)
      else { return nil }
      warnings.append(
        LayerWarning(
          kind: kind,
          count: count,
          first: space == 0 ? .blob(BlobOffset(offset)) : .tar(TarOffset(offset)),
          member: member == .max ? nil : TarOffset(member)
        )
      )
    }
    return warnings
  }
}

extension [UInt8] {
  fileprivate func withRawBytes<Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    try FlatArray(self).withUnsafeBytes(body)
  }
}
