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
  /// Changes whenever what a pass or a merge would write changes: files of another version, trees too,
  /// are not read.
  static let version: UInt32 = 3
  /// "BNGRIDX" and a newline, which text-mode damage would change.
  private static let magic: UInt64 = 0x0A58_4449_5247_4E42

  // MARK: Writing

  static func byteCount(of index: LayerIndex) -> Int { arrays(of: index).byteCount }

  /// Calls `write` with the pieces of the file, in order.
  package static func write<Failure: Error>(
    _ index: LayerIndex,
    to write: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    try arrays(of: index).write(magic, fields(of: index), to: write)
  }

  private static func arrays(of index: LayerIndex) -> FlatFileWriter {
    var file = FlatFileWriter()
    file.append(index.table.entries)
    file.append(index.table.segments)
    file.append(index.table.bytes)
    file.append(index.points)
    file.append(index.blockChecksums)
    file.append(FlatArray(encodeWarnings(index.warnings)))
    // Each has a checksum of its own.
    file.append(index.windows, isCovered: false)
    return file
  }

  private static func fields(of index: LayerIndex) -> ByteEncoder {
    var fields = ByteEncoder()
    fields.append(version)
    for stride in strides { fields.append(UInt32(stride)) }
    fields.append(UInt32(index.codec.rawValue))
    fields.append(index.blobByteCount)
    fields.append(index.tarByteCount)
    fields.append(Array(index.blobDigest.description.utf8))
    fields.append(Array(index.diffID.description.utf8))
    return fields
  }

  /// The sizes of the records: a file written by a build that lays them out otherwise is not read.
  private static var strides: [Int] {
    [
      MemoryLayout<LayerEntry>.stride, MemoryLayout<DataSegment>.stride,
      MemoryLayout<SeekPoint>.stride,
    ]
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
  ///
  /// Reads all of it but the windows, unless this very file was found sound before: then the head and
  /// the seek points, and no entry.
  package static func map(
    descriptor: Int32,
    byteCount: Int,
    digest: Digest,
    wasFoundSound: Bool = false
  ) -> LayerIndex? {
    guard
      var file = FlatFileReader(descriptor: descriptor, byteCount: byteCount, magic: magic),
      file.fields.next() == version,
      strides.allSatisfy({ file.fields.next() == UInt32($0) }),
      let codec = file.fields.next(UInt32.self)
        .flatMap({ Codec(rawValue: UInt8(truncatingIfNeeded: $0)) }),
      let blobByteCount = file.fields.next(UInt64.self),
      let tarByteCount = file.fields.next(UInt64.self),
      file.fields.nextRun() == Array(digest.description.utf8),
      let diffID = file.fields.nextRun().flatMap(parseDigest),
      let arrays = Arrays(&file), wasFoundSound || file.isIntact,
      let table = arrays.table(wasFoundSound: wasFoundSound),
      let warnings = decodeWarnings(Array(arrays.warnings))
    else { return nil }
    let index = LayerIndex(
      blobDigest: digest,
      diffID: diffID,
      codec: codec,
      blobByteCount: blobByteCount,
      tarByteCount: tarByteCount,
      table: table,
      points: arrays.points,
      windows: arrays.windows,
      blockChecksums: arrays.blockChecksums,
      warnings: warnings
    )
    return isSound(index) ? index : nil
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

    init?(_ file: inout FlatFileReader) {
      guard let entries = file.next(LayerEntry.self), let segments = file.next(DataSegment.self),
        let bytes = file.next(UInt8.self), let points = file.next(SeekPoint.self),
        let blockChecksums = file.next(UInt32.self), let warnings = file.next(UInt8.self),
        let windows = file.next(UInt8.self, isCovered: false)
      else { return nil }
      self.entries = entries
      self.segments = segments
      self.bytes = bytes
      self.points = points
      self.blockChecksums = blockChecksums
      self.warnings = warnings
      self.windows = windows
    }

    func table(wasFoundSound: Bool) -> LayerTable? {
      if wasFoundSound {
        return LayerTable(foundSound: entries, segments: segments, bytes: bytes)
      }
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
      // Nothing may be left over.
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
