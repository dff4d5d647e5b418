// The records of a pax extended header: `LENGTH KEY=VALUE\n`, one after another. Knows the grammar
// and which keys mean something to us; not what their values do: see PendingExtensions.
// Sources: POSIX.1-2017 pax(1), "pax Extended Header"; GNU tar manual, "Storing Sparse Files";
// libarchive-formats(5) and star(5) for the vendors' keys.

import Offsets

/// A key we act on; raw values are the archive's spelling.
enum PAXKey: String, CaseIterable {
  case modificationTime = "mtime"
  case path
  case linkPath = "linkpath"
  case size
  case userID = "uid"
  case groupID = "gid"
  case accessTime = "atime"
  case changeTime = "ctime"
  case userName = "uname"
  case groupName = "gname"
  case sparseMajor = "GNU.sparse.major"
  case sparseMinor = "GNU.sparse.minor"
  case sparseName = "GNU.sparse.name"
  case sparseSize = "GNU.sparse.size"
  case sparseRealSize = "GNU.sparse.realsize"
  case sparseBlockCount = "GNU.sparse.numblocks"
  case sparseOffset = "GNU.sparse.offset"
  case sparseByteCount = "GNU.sparse.numbytes"
  case sparseMap = "GNU.sparse.map"
  case selinuxLabel = "RHT.security.selinux"

  /// Whether a value with a NUL byte cannot be meant.
  var isName: Bool {
    switch self {
    case .path, .linkPath, .userName, .groupName, .sparseName: true
    default: false
    }
  }

  /// Whether the record changes the member, rather than being checked and dropped.
  var isApplied: Bool {
    switch self {
    case .accessTime, .changeTime, .userName, .groupName, .selinuxLabel: false
    default: true
    }
  }

  static let all = allCases
  static let spellings = allCases.map { [UInt8]($0.rawValue.utf8) }
}

/// The keys of extended attributes and the like begin so; the attribute's name follows.
enum PAXPrefix {
  static let schilyAttribute = [UInt8]("SCHILY.xattr.".utf8)
  static let libarchiveAttribute = [UInt8]("LIBARCHIVE.xattr.".utf8)
  static let schilyACL = [UInt8]("SCHILY.acl.".utf8)
  static let schilyFlags = [UInt8]("SCHILY.fflags".utf8)

  /// What says nothing about a file as others see it: remarks, how the header is spelled, where the
  /// file was on the machine that wrote it, and when it was made there.
  static let meaningless = [
    "comment", "charset", "hdrcharset", "SCHILY.dev", "SCHILY.ino", "SCHILY.nlink",
    "LIBARCHIVE.creationtime",
  ].map { [UInt8]($0.utf8) }
}

/// One record: where its parts lie in the header's data.
struct PAXRecord {
  var start: Int
  var key: Range<Int>
  var value: Range<Int>

  /// Position behind the record's newline.
  var end: Int { value.upperBound + 1 }

  /// Reads the record at `start`, which lies before the end of `bytes`.
  ///
  /// `base` is the position of `bytes` in the stream, for errors.
  init(in bytes: Span<UInt8>, at start: Int, base: TarOffset) throws(TarError) {
    let position = base.moved(by: start)
    var index = start
    var length: UInt64 = 0
    while index < bytes.count, let next = TarNumbers.appending(bytes[index], to: length) {
      length = next
      index += 1
    }
    guard index > start, index < bytes.count, bytes[index] == Byte.space,
      length > UInt64(index - start), length <= UInt64(bytes.count - start)
    else { throw .badRecord(at: position) }
    let newline = start + Int(length) - 1
    let keyStart = index + 1
    guard bytes[newline] == Byte.newline else { throw .badRecord(at: position) }
    index = keyStart
    while index < newline, bytes[index] != Byte.equals {
      if bytes[index] == 0 { throw .nulInRecord(at: base.moved(by: index)) }
      index += 1
    }
    guard index < newline, index > keyStart else { throw .badRecord(at: position) }
    self.start = start
    key = keyStart..<index
    value = (index + 1)..<newline
  }

  /// The key, if it is one we act on.
  func knownKey(in bytes: Span<UInt8>) -> PAXKey? {
    for index in PAXKey.spellings.indices
    where PAXKey.spellings[index].count == key.count
      && begins(with: PAXKey.spellings[index], in: bytes)
    {
      return PAXKey.all[index]
    }
    return nil
  }

  /// What of the key follows `prefix`, or `nil` if it begins otherwise.
  func suffix(after prefix: [UInt8], in bytes: Span<UInt8>) -> Range<Int>? {
    begins(with: prefix, in: bytes) ? key.dropFirst(prefix.count) : nil
  }

  /// Whether the record is an extended attribute, in either spelling.
  func isAttribute(in bytes: Span<UInt8>) -> Bool {
    begins(with: PAXPrefix.schilyAttribute, in: bytes)
      || begins(with: PAXPrefix.libarchiveAttribute, in: bytes)
  }

  /// What to note of a record that is not used; `nil` where nothing is lost.
  func ignoredKind(in bytes: Span<UInt8>) -> TarWarning.Kind? {
    if begins(with: PAXPrefix.schilyACL, in: bytes) { return .textualACLIgnored }
    if begins(with: PAXPrefix.schilyFlags, in: bytes) { return .fileFlagsIgnored }
    let isMeaningless = PAXPrefix.meaningless.contains {
      $0.count == key.count && begins(with: $0, in: bytes)
    }
    return isMeaningless ? nil : .unknownRecordIgnored
  }

  private func begins(with text: [UInt8], in bytes: Span<UInt8>) -> Bool {
    guard key.count >= text.count else { return false }
    for index in text.indices where bytes[key.lowerBound + index] != text[index] {
      return false
    }
    return true
  }

  /// Refuses a NUL in the value.
  func refuseNUL(in bytes: Span<UInt8>, base: TarOffset) throws(TarError) {
    for index in value where bytes[index] == 0 {
      throw .nulInRecord(at: base.moved(by: index))
    }
  }
}
