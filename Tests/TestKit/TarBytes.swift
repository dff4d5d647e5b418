// Tar streams for tests, every odd form on request. Written from the specification and not from
// the reader under test, which it must not import.
// Sources: POSIX.1-2017 pax(1), "ustar Interchange Format" and "pax Extended Header"; GNU tar
// manual, "Basic Tar Format", "Storing Sparse Files" and "Extensions to the POSIX format".

/// Bytes that a test writes as a string literal (its UTF-8) or as an array of numbers.
package struct TarText: ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, Sendable {
  package var bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package init(stringLiteral text: String) { bytes = [UInt8](text.utf8) }
  package init(arrayLiteral elements: UInt8...) { bytes = elements }
}

/// How an entry's header is written.
package enum TarDialectBytes: Sendable, CaseIterable {
  /// No magic: paths of 100 bytes, octal numbers.
  case v7
  /// The same with a prefix for 155 more bytes of path.
  case ustar
  /// Long names in `L` and `K` headers, large numbers in base-256.
  case gnu
  /// ustar, with an `x` header for what does not fit.
  case pax
}

/// The four ways to store a sparse file.
package enum TarSparseFormat: Sendable, CaseIterable {
  case oldGNU
  case pax00
  case pax01
  case pax10
}

/// One entry of an archive; methods return a changed copy, so that they chain.
package struct TarEntry: Sendable {
  package typealias Edit = @Sendable (inout [UInt8]) -> Void

  package var path: [UInt8]
  package var type: UInt8
  package var content: [UInt8] = []
  package var linkTarget: [UInt8] = []
  package var mode: Int64
  package var uid: Int64 = 0
  package var gid: Int64 = 0
  package var mtime: Int64 = 0
  package var nanoseconds: UInt32 = 0
  package var device: (major: Int64, minor: Int64) = (0, 0)
  package var attributes: [(name: [UInt8], value: [UInt8])] = []
  package var dialect = TarDialectBytes.pax
  var records: [(key: [UInt8], value: [UInt8])] = []
  var declaredSize: Int64?
  var usesBase256 = false
  var edits: [Edit] = []
  var lateEdits: [Edit] = []
  var isPadded = true
  /// Written instead of everything else.
  var verbatim: [UInt8]?

  private init(_ type: Character, _ path: TarText, mode: Int64) {
    self.type = type.asciiValue ?? 0
    self.path = path.bytes
    self.mode = mode
  }

  // MARK: Kinds

  package static func file(_ path: TarText, _ content: TarText = "") -> TarEntry {
    member("0", path, content)
  }

  package static func directory(_ path: TarText) -> TarEntry {
    TarEntry("5", path, mode: 0o755)
  }

  package static func symlink(_ path: TarText, to target: TarText) -> TarEntry {
    var entry = TarEntry("2", path, mode: 0o777)
    entry.linkTarget = target.bytes
    return entry
  }

  package static func hardLink(_ path: TarText, to target: TarText) -> TarEntry {
    var entry = TarEntry("1", path, mode: 0o644)
    entry.linkTarget = target.bytes
    return entry
  }

  package static func characterDevice(
    _ path: TarText,
    major: Int64,
    minor: Int64
  ) -> TarEntry {
    var entry = TarEntry("3", path, mode: 0o600)
    entry.device = (major, minor)
    return entry
  }

  package static func blockDevice(_ path: TarText, major: Int64, minor: Int64) -> TarEntry {
    var entry = TarEntry("4", path, mode: 0o600)
    entry.device = (major, minor)
    return entry
  }

  package static func fifo(_ path: TarText) -> TarEntry {
    TarEntry("6", path, mode: 0o644)
  }

  /// The empty file that hides `path` in lower layers: `dir/.wh.name`.
  package static func whiteout(_ path: TarText) -> TarEntry {
    let slash = path.bytes.lastIndex(of: 0x2f)
    let name = slash.map { $0 + 1 } ?? 0
    return file(TarText(path.bytes[..<name] + Array(".wh.".utf8) + path.bytes[name...]))
  }

  /// The empty file that hides the lower layers' content of `directory`; the root's for "".
  package static func opaque(_ directory: TarText) -> TarEntry {
    let slash: [UInt8] = directory.bytes.isEmpty || directory.bytes.last == 0x2f ? [] : [0x2f]
    return file(TarText(directory.bytes + slash + Array(".wh..wh..opq".utf8)))
  }

  /// A header of any type flag ("\0" too), followed by `content`.
  package static func member(
    _ type: Character,
    _ path: TarText,
    _ content: TarText = ""
  ) -> TarEntry {
    var entry = TarEntry(type, path, mode: 0o644)
    entry.content = content.bytes
    return entry
  }

  /// An `x` header for the entry that follows, or another type of pax header.
  package static func paxHeader(
    _ records: [(TarText, TarText)],
    type: Character = "x"
  ) -> TarEntry {
    let data = records.flatMap { TarBytes.paxRecord($0.0.bytes, $0.1.bytes) }
    return member(type, "PaxHeaders/0", TarText(data)).dialect(.ustar)
  }

  /// A sparse file of `size` bytes that stores `segments` only.
  package static func sparse(
    _ path: TarText,
    size: Int64,
    segments: [(offset: Int64, bytes: TarText)],
    format: TarSparseFormat
  ) -> TarEntry {
    TarBytes.sparseEntry(path, size: size, segments: segments, format: format)
  }

  /// Bytes that go into the stream as they are.
  package static func verbatim(_ bytes: [UInt8]) -> TarEntry {
    var entry = TarEntry("0", "", mode: 0)
    entry.verbatim = bytes
    return entry
  }

  // MARK: Changes

  package func mode(_ mode: Int64) -> TarEntry { with { $0.mode = mode } }

  package func owner(_ uid: Int64, _ gid: Int64) -> TarEntry {
    with {
      $0.uid = uid
      $0.gid = gid
    }
  }

  /// Nanoseconds count forward from `seconds`, and need the pax dialect.
  package func modified(_ seconds: Int64, nanoseconds: UInt32 = 0) -> TarEntry {
    with {
      $0.mtime = seconds
      $0.nanoseconds = nanoseconds
    }
  }

  /// Adds an extended attribute, as a `SCHILY.xattr` record.
  package func attribute(_ name: TarText, _ value: TarText) -> TarEntry {
    with { $0.attributes.append((name.bytes, value.bytes)) }
  }

  package func dialect(_ dialect: TarDialectBytes) -> TarEntry { with { $0.dialect = dialect } }

  /// Adds a raw pax record, behind those that the entry itself needs.
  package func pax(_ key: TarText, _ value: TarText) -> TarEntry {
    with { $0.records.append((key.bytes, value.bytes)) }
  }

  /// Writes every number of the header in base-256.
  package func base256() -> TarEntry { with { $0.usesBase256 = true } }

  /// Writes this size into the header, whatever the content is.
  package func declaring(size: Int64) -> TarEntry { with { $0.declaredSize = size } }

  /// Leaves out the padding after the content.
  package func unpadded() -> TarEntry { with { $0.isPadded = false } }

  /// Changes the 512 header bytes before the checksum is computed.
  package func editingHeader(_ edit: @escaping Edit) -> TarEntry { with { $0.edits.append(edit) } }

  /// Changes the header bytes with their checksum in place.
  package func editingChecked(_ edit: @escaping Edit) -> TarEntry {
    with { $0.lateEdits.append(edit) }
  }

  private func with(_ change: (inout TarEntry) -> Void) -> TarEntry {
    var copy = self
    change(&copy)
    return copy
  }
}

/// Entries to bytes.
package enum TarBytes {
  package static let block = 512

  /// How an archive ends.
  package enum End: Int, Sendable {
    case nothing = 0
    case oneZeroBlock = 1
    case twoZeroBlocks = 2
  }

  package static func archive(
    _ entries: [TarEntry],
    end: End = .twoZeroBlocks
  ) -> [UInt8] {
    entries.flatMap(bytes(of:)) + zeros(end.rawValue * block)
  }

  /// The bytes of one entry: extension headers, header, content, padding.
  package static func bytes(of entry: TarEntry) -> [UInt8] {
    if let verbatim = entry.verbatim { return verbatim }
    var fields = HeaderFields(entry)
    var result: [UInt8] = []
    switch entry.dialect {
    case .v7:
      precondition(entry.path.count <= 100, "a v7 path has at most 100 bytes")
    case .ustar:
      fields.splitPath()
    case .gnu:
      if entry.path.count > 100 { result += longName("L", entry.path) }
      if entry.linkTarget.count > 100 { result += longName("K", entry.linkTarget) }
    case .pax:
      let records = neededRecords(of: entry, fields: &fields) + entry.records
      if !records.isEmpty {
        let header = TarEntry.paxHeader(records.map { (TarText($0.key), TarText($0.value)) })
        result += bytes(of: header)
      }
    }
    result += fields.block(entry)
    result += entry.content
    return entry.isPadded ? result + padding(entry.content.count) : result
  }

  /// `LENGTH KEY=VALUE\n`, whose length counts its own digits.
  package static func paxRecord(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
    let rest = [0x20] + key + [0x3d] + value + [0x0a]
    var length = rest.count + 1
    while String(length).utf8.count + rest.count != length {
      length = String(length).utf8.count + rest.count
    }
    return Array(String(length).utf8) + rest
  }

  package static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  /// Zeros that fill `count` bytes up to whole blocks.
  package static func padding(_ count: Int) -> [UInt8] {
    zeros((block - count % block) % block)
  }

  private static func longName(_ type: Character, _ name: [UInt8]) -> [UInt8] {
    bytes(of: TarEntry.member(type, "././@LongLink", TarText(name + [0])).dialect(.gnu))
  }

  /// What ustar cannot hold becomes records, and is emptied or cut in the header.
  private static func neededRecords(
    of entry: TarEntry,
    fields: inout HeaderFields
  ) -> [(key: [UInt8], value: [UInt8])] {
    var records: [(String, [UInt8])] = []
    if entry.path.count > 100 { records.append(("path", entry.path)) }
    if entry.linkTarget.count > 100 { records.append(("linkpath", entry.linkTarget)) }
    if entry.nanoseconds != 0 || !(HeaderFields.fits(entry.mtime, 12) || entry.usesBase256) {
      fields.mtime = 0
      records.append(("mtime", Array(seconds(entry.mtime, entry.nanoseconds).utf8)))
    }
    for (name, id, field) in [("uid", entry.uid, \HeaderFields.uid), ("gid", entry.gid, \.gid)]
    where !HeaderFields.fits(id, 8) && !entry.usesBase256 {
      fields[keyPath: field] = 0
      records.append((name, Array(String(id).utf8)))
    }
    return records.map { (Array($0.0.utf8), $0.1) }
      + entry.attributes.map { (Array("SCHILY.xattr.".utf8) + $0.name, $0.value) }
  }

  /// Decimal seconds; before 1970 the fraction counts away from zero, as the sign does.
  private static func seconds(_ seconds: Int64, _ nanoseconds: UInt32) -> String {
    if nanoseconds == 0 { return String(seconds) }
    let isNegative = seconds < 0
    let whole = isNegative ? -(seconds + 1) : seconds
    let fraction = String(isNegative ? 1_000_000_000 - nanoseconds : nanoseconds)
    let zeros = String(repeating: "0", count: 9 - fraction.utf8.count)
    return "\(isNegative ? "-" : "")\(whole).\(zeros)\(fraction)"
  }
}
