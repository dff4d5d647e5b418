// The 512-byte header block: where its fields are, which dialect wrote it, its checksum, its path.
// Does not know of extension headers, which span blocks: see PendingExtensions.
// Sources: POSIX.1-2017 pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format";
// star(5) for the star prefix.

import Offsets

/// A numeric header field and the name that errors give it.
struct HeaderField {
  let name: TarField
  let range: Range<Int>
}

/// Where each field lies in a header block, in bytes.
enum HeaderLayout {
  static let byteCount = 512

  static let path = 0..<100
  static let mode = HeaderField(name: .mode, range: 100..<108)
  static let userID = HeaderField(name: .userID, range: 108..<116)
  static let groupID = HeaderField(name: .groupID, range: 116..<124)
  static let size = HeaderField(name: .size, range: 124..<136)
  static let modificationTime = HeaderField(name: .modificationTime, range: 136..<148)
  static let checksum = 148..<156
  static let typeFlag = 156
  static let linkTarget = 157..<257

  /// "ustar", NUL: POSIX and star; two digits of version follow, which no reader checks.
  static let magic = 257..<263
  /// "ustar", two spaces, NUL: GNU.
  static let gnuMagic = 257..<265

  static let deviceMajor = HeaderField(name: .deviceMajor, range: 329..<337)
  static let deviceMinor = HeaderField(name: .deviceMinor, range: 337..<345)

  static let prefix = 345..<500
  /// star keeps times in the last bytes of the prefix, and says so at the block's end.
  static let starPrefix = 345..<476
  static let starTrailer = 508..<512

  static let gnuAccessTime = 345..<357
  static let gnuChangeTime = 357..<369
  /// Four pairs of offset and length.
  static let gnuSparsePairs = 386..<482
  static let gnuIsExtended = 482
  static let gnuRealSize = HeaderField(name: .realSize, range: 483..<495)

  /// An extension block of the old GNU sparse map: twenty-one pairs and the same flag.
  static let gnuMorePairs = 0..<504
  static let gnuMoreIsExtended = 504

  /// One number of a sparse pair: 12 bytes, so 24 for a pair.
  static let gnuSparseNumber = 12
}

enum TarDialect {
  case v7
  case ustar
  case star
  case gnu

  init(of block: Span<UInt8>) {
    if Self.bytes(of: block, at: HeaderLayout.gnuMagic, spell: Self.gnuMagic) {
      self = .gnu
    } else if Self.bytes(of: block, at: HeaderLayout.magic, spell: Self.ustarMagic) {
      let isStar = Self.bytes(of: block, at: HeaderLayout.starTrailer, spell: Self.starTrailer)
      self = isStar ? .star : .ustar
    } else {
      self = .v7
    }
  }

  private static let gnuMagic: InlineArray<8, UInt8> = [
    0x75, 0x73, 0x74, 0x61, 0x72, 0x20, 0x20, 0,
  ]
  private static let ustarMagic: InlineArray<6, UInt8> = [0x75, 0x73, 0x74, 0x61, 0x72, 0]
  private static let starTrailer: InlineArray<4, UInt8> = [0x74, 0x61, 0x72, 0]

  private static func bytes<let count: Int>(
    of block: Span<UInt8>,
    at range: Range<Int>,
    spell text: InlineArray<count, UInt8>
  ) -> Bool {
    for index in text.indices where block[range.lowerBound + index] != text[index] {
      return false
    }
    return true
  }
}

/// What to read from a header block, which is always a span of 512 bytes.
enum TarHeader {
  static func isZero(_ block: Span<UInt8>) -> Bool {
    guard block[0] == 0 else { return false }
    var union: UInt8 = 0
    for index in 0..<HeaderLayout.byteCount { union |= block[index] }
    return union == 0
  }

  /// Checks the checksum: the sum of all bytes, with its own field taken as spaces.
  ///
  /// - Returns: whether it was the signed sum that matched, as some early tars computed it.
  static func verifyChecksum(
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    let field = HeaderLayout.checksum
    var sum: UInt32 = 0
    // 512 bytes cannot overflow; without a check for it the loop is vectorized.
    for index in 0..<HeaderLayout.byteCount { sum &+= UInt32(block[index]) }
    for index in field { sum &-= UInt32(block[index]) }
    let unsigned = Int64(sum) + Int64(field.count) * Int64(Byte.space)
    let stored = TarNumbers.headerNumber(in: block, at: field)
    if stored == unsigned { return false }
    // A byte of 128 or more counts 256 less when it is read as signed.
    var highCount: Int64 = 0
    for index in 0..<HeaderLayout.byteCount where !field.contains(index) {
      highCount += Int64(block[index] >> 7)
    }
    guard stored == unsigned - 256 * highCount else { throw .checksumMismatch(at: start) }
    return true
  }

  /// Reads a number of any sign.
  static func number(
    _ field: HeaderField,
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Int64 {
    guard let value = TarNumbers.headerNumber(in: block, at: field.range) else {
      throw .badNumber(field.name, at: start.moved(by: field.range.lowerBound))
    }
    return value
  }

  /// Reads a number of 0...`largest`.
  static func number(
    _ field: HeaderField,
    upTo largest: UInt64,
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> UInt64 {
    let value = try number(field, of: block, at: start)
    guard let unsigned = UInt64(exactly: value), unsigned <= largest else {
      throw .outOfRange(field.name, at: start.moved(by: field.range.lowerBound))
    }
    return unsigned
  }

  /// Reads a user or group.
  static func owner(
    _ field: HeaderField,
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> UInt32 {
    UInt32(try number(field, upTo: PendingExtensions.largestOwner, of: block, at: start))
  }

  /// The bytes of a text field: up to its first NUL, or all of it.
  static func text(_ field: Range<Int>, of block: Span<UInt8>) -> Range<Int> {
    var end = field.lowerBound
    while end < field.upperBound, block[end] != 0 { end += 1 }
    return field.lowerBound..<end
  }

  /// Puts the block's own path, with its prefix if it has one, into `path`.
  ///
  /// - Returns: whether the prefix stood where GNU headers have none.
  static func readPath(
    of block: Span<UInt8>,
    dialect: TarDialect,
    into path: inout [UInt8]
  ) -> Bool {
    let prefix: Range<Int> =
      switch dialect {
      case .v7: 0..<0
      case .ustar: text(HeaderLayout.prefix, of: block)
      case .star: text(HeaderLayout.starPrefix, of: block)
      case .gnu: misplacedPrefix(of: block)
      }
    path.removeAll(keepingCapacity: true)
    if !prefix.isEmpty {
      path.append(copying: block.extracting(prefix))
      path.append(Byte.slash)
    }
    path.append(copying: block.extracting(text(HeaderLayout.path, of: block)))
    return dialect == .gnu && !prefix.isEmpty
  }

  /// The ustar prefix that Go before 1.8 wrote into GNU headers, over GNU's access and change time.
  ///
  /// Taken for one only if those times are not numbers and the text is ASCII.
  private static func misplacedPrefix(of block: Span<UInt8>) -> Range<Int> {
    if isTime(HeaderLayout.gnuAccessTime, of: block), isTime(HeaderLayout.gnuChangeTime, of: block)
    {
      return 0..<0
    }
    let prefix = text(HeaderLayout.prefix, of: block)
    for index in prefix where block[index] >= 0x80 { return 0..<0 }
    return prefix
  }

  private static func isTime(_ field: Range<Int>, of block: Span<UInt8>) -> Bool {
    block[field.lowerBound] == 0 || TarNumbers.headerNumber(in: block, at: field) != nil
  }
}

extension TarOffset {
  /// The position `count` bytes further on in bytes that were read, so that it cannot overflow.
  func moved(by count: Int) -> TarOffset { TarOffset(bytes + UInt64(count)) }
}

extension [UInt8] {
  mutating func append(copying bytes: Span<UInt8>) {
    append(addingCapacity: bytes.count) { output in
      for index in bytes.indices { output.append(bytes[index]) }
    }
  }
}
