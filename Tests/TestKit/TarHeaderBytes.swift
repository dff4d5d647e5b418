// The header block of a test's tar entry, and the entries of sparse files in their four formats.
// Sources: POSIX.1-2017 pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" and
// "Storing Sparse Files".

/// The fields of one header block, as they will be written.
struct HeaderFields {
  var path: [UInt8]
  var prefix: [UInt8] = []
  var linkTarget: [UInt8]
  var uid: Int64
  var gid: Int64
  var mtime: Int64

  init(_ entry: TarEntry) {
    path = Array(entry.path.prefix(100))
    linkTarget = Array(entry.linkTarget.prefix(100))
    (uid, gid, mtime) = (entry.uid, entry.gid, entry.mtime)
    fullPath = entry.path
  }

  private let fullPath: [UInt8]

  /// Splits a long path at the first slash that leaves no more than 100 bytes.
  mutating func splitPath() {
    guard fullPath.count > 100 else { return }
    let first = fullPath.count - 101
    guard let slash = fullPath[first...].firstIndex(of: 0x2f), slash <= 155 else {
      preconditionFailure("the path does not fit a ustar header")
    }
    prefix = Array(fullPath[..<slash])
    path = Array(fullPath[(slash + 1)...])
  }

  /// Whether a number fits the octal digits of a field that is `width` bytes wide.
  static func fits(_ value: Int64, _ width: Int) -> Bool {
    value >= 0 && value < 1 << (3 * Int64(width - 1))
  }

  func block(_ entry: TarEntry) -> [UInt8] {
    var block = TarBytes.zeros(TarBytes.block)
    func put(_ bytes: [UInt8], at offset: Int) {
      block.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    }
    func put(_ value: Int64, at offset: Int, width: Int) {
      let bytes =
        if entry.usesBase256 {
          Self.base256(value, width)
        } else if entry.dialect == .gnu {
          Self.number(value, width)
        } else {
          Self.octal(value, width)
        }
      put(bytes, at: offset)
    }
    put(path, at: 0)
    put(entry.mode, at: 100, width: 8)
    put(uid, at: 108, width: 8)
    put(gid, at: 116, width: 8)
    put(entry.declaredSize ?? Int64(entry.content.count), at: 124, width: 12)
    put(mtime, at: 136, width: 12)
    block[156] = entry.type
    put(linkTarget, at: 157)
    if entry.dialect != .v7 {
      put(Array((entry.dialect == .gnu ? "ustar  \0" : "ustar\u{0}00").utf8), at: 257)
      put(entry.device.major, at: 329, width: 8)
      put(entry.device.minor, at: 337, width: 8)
      put(prefix, at: 345)
    }
    for edit in entry.edits { edit(&block) }
    put(Self.checksum(of: block), at: 148)
    for edit in entry.lateEdits { edit(&block) }
    return block
  }

  /// Six octal digits, NUL, space: the sum of all bytes with this field as spaces.
  private static func checksum(of block: [UInt8]) -> [UInt8] {
    let sum = block.reduce(0) { $0 + Int64($1) } - block[148..<156].reduce(0) { $0 + Int64($1) }
    return octal(sum + 8 * 0x20, 7) + [0x20]
  }

  /// Octal where it fits, else base-256, as GNU tar writes numbers.
  static func number(_ value: Int64, _ width: Int) -> [UInt8] {
    fits(value, width) ? octal(value, width) : base256(value, width)
  }

  private static func octal(_ value: Int64, _ width: Int) -> [UInt8] {
    precondition(fits(value, width), "\(value) does not fit \(width - 1) octal digits")
    let digits = Array(String(value, radix: 8).utf8)
    return [UInt8](repeating: 0x30, count: width - 1 - digits.count) + digits + [0]
  }

  private static func base256(_ value: Int64, _ width: Int) -> [UInt8] {
    var bytes = (0..<width).reversed().map { place in
      UInt8(truncatingIfNeeded: value >> min(Int64(place) * 8, 63))
    }
    bytes[0] |= 0x80
    return bytes
  }
}

// MARK: Sparse files

extension TarBytes {
  static func sparseEntry(
    _ path: TarText,
    size: Int64,
    segments: [(offset: Int64, bytes: TarText)],
    format: TarSparseFormat
  ) -> TarEntry {
    let stored = segments.flatMap(\.bytes.bytes)
    let pairs = segments.map { [$0.offset, Int64($0.bytes.bytes.count)] }
    let numbers = pairs.flatMap { $0 }
    let entry = TarEntry.member("0", path, TarText(stored))
    switch format {
    case .oldGNU:
      return oldSparse(path, size: size, numbers: numbers, stored: stored)
    case .pax00:
      let sized = entry.pax("GNU.sparse.size", "\(size)")
        .pax("GNU.sparse.numblocks", "\(pairs.count)")
      return pairs.reduce(sized) {
        $0.pax("GNU.sparse.offset", "\($1[0])").pax("GNU.sparse.numbytes", "\($1[1])")
      }
    case .pax01:
      let list = numbers.map(String.init).joined(separator: ",")
      return renamed(entry).pax("GNU.sparse.size", "\(size)")
        .pax("GNU.sparse.numblocks", "\(pairs.count)").pax("GNU.sparse.map", "\(list)")
    case .pax10:
      let lines = ([Int64(pairs.count)] + numbers).map { "\($0)\n" }.joined()
      let map = Array(lines.utf8)
      var copy = renamed(entry).pax("GNU.sparse.major", "1").pax("GNU.sparse.minor", "0")
        .pax("GNU.sparse.realsize", "\(size)")
      copy.content = map + padding(map.count) + stored
      return copy
    }
  }

  /// Gives the header a made-up path and the real one in a record, as GNU tar does.
  private static func renamed(_ entry: TarEntry) -> TarEntry {
    var copy = entry.pax("GNU.sparse.name", TarText(entry.path))
    copy.path = Array("GNUSparseFile.1/x".utf8)
    return copy
  }

  /// Four pairs in the header, twenty-one in each block behind it.
  private static func oldSparse(
    _ path: TarText,
    size: Int64,
    numbers: [Int64],
    stored: [UInt8]
  ) -> TarEntry {
    let fields = numbers.map { HeaderFields.number($0, 12) }
    let head = Array(fields.prefix(8).joined())
    var rest = Array(fields.dropFirst(8))
    var entry = TarEntry.member("S", path).dialect(.gnu).declaring(size: Int64(stored.count))
      .editingHeader { [isExtended = !rest.isEmpty] block in
        block.replaceSubrange(386..<(386 + head.count), with: head)
        block[482] = isExtended ? 1 : 0
        block.replaceSubrange(483..<495, with: HeaderFields.number(size, 12))
      }
    while !rest.isEmpty {
      let pairs = Array(rest.prefix(42).joined())
      rest = Array(rest.dropFirst(42))
      let flag: UInt8 = rest.isEmpty ? 0 : 1
      entry.content += pairs + zeros(504 - pairs.count) + [flag] + zeros(7)
    }
    entry.content += stored
    return entry
  }
}
