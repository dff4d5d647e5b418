// The header of a gzip member, byte by byte as it arrives. Knows what must be refused and where the
// deflate data begins; keeps no field. Does not know the trailer: see GzipStream.
// Source: RFC 1952 §2.3.

/// Reads one gzip member header, pushed in bytes.
struct GzipHeaderReader {
  /// Where in the header the next byte stands.
  private enum Field {
    case fixed(Int)
    case extraLength(Int)
    case extra(Int)
    case name
    case comment
    case checksum(Int)
    case done
  }

  /// RFC 1952 §2.3.1, FLG.
  private enum Flag {
    static let headerChecksum: UInt8 = 1 << 1
    static let extra: UInt8 = 1 << 2
    static let name: UInt8 = 1 << 3
    static let comment: UInt8 = 1 << 4
    static let reserved: UInt8 = 0xe0
  }

  /// ID1 ID2 CM FLG MTIME(4) XFL OS.
  private static let fixedByteCount = 10

  private var field = Field.fixed(0)
  private var flags: UInt8 = 0
  private var length = 0
  private var stated: UInt16 = 0
  private var crc = CRC32()

  var isDone: Bool {
    if case .done = field { true } else { false }
  }

  /// Takes the next byte; must not be called once `isDone`.
  ///
  /// The magic number is the caller's to check.
  mutating func push(_ byte: UInt8) throws(GzipHeaderFault) {
    if case .checksum = field {
    } else {
      withUnsafeBytes(of: byte) { crc.update($0) }
    }
    switch field {
    case .fixed(let index): try pushFixed(byte, at: index)
    case .extraLength(let index):
      length |= Int(byte) << (8 * index)
      let isLast = index == 1
      field = isLast ? (length == 0 ? after(Flag.extra) : .extra(length)) : .extraLength(1)
    case .extra(let rest): field = rest == 1 ? after(Flag.extra) : .extra(rest - 1)
    case .name: if byte == 0 { field = after(Flag.name) }
    case .comment: if byte == 0 { field = after(Flag.comment) }
    case .checksum(let index):
      stated |= UInt16(byte) << (8 * UInt16(index))
      guard index == 1 else { return field = .checksum(1) }
      guard stated == UInt16(truncatingIfNeeded: crc.value) else { throw .checksumMismatch }
      field = .done
    case .done: preconditionFailure("pushed a byte past the end of a gzip header")
    }
  }

  private mutating func pushFixed(_ byte: UInt8, at index: Int) throws(GzipHeaderFault) {
    if index == 2, byte != 8 { throw .unknownMethod(byte) }
    if index == 3 {
      guard byte & Flag.reserved == 0 else { throw .reservedFlags(byte) }
      flags = byte
    }
    field = index + 1 < GzipHeaderReader.fixedByteCount ? .fixed(index + 1) : after(0)
  }

  /// The field that follows the optional one of `flag`, in the order of RFC 1952 §2.3.
  private func after(_ flag: UInt8) -> Field {
    if flag < Flag.extra, flags & Flag.extra != 0 { return .extraLength(0) }
    if flag < Flag.name, flags & Flag.name != 0 { return .name }
    if flag < Flag.comment, flags & Flag.comment != 0 { return .comment }
    return flags & Flag.headerChecksum != 0 ? .checksum(0) : .done
  }
}
