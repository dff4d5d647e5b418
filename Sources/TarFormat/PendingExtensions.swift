// What extension headers say about the member that follows them: GNU long names ('L', 'K') and pax
// records ('x'). Where there are several of a kind the last one holds; two kinds must agree. Global
// records ('g') are checked and not applied: no image builder writes defaults there, and readers
// disagree on whether they count.
// Sources: POSIX.1-2017 pax(1), "pax Extended Header"; GNU tar manual, "Extensions to the POSIX
// format".

import Offsets

/// A name that an extension header may give; the array keeps its capacity.
struct ExtensionText {
  var bytes: [UInt8] = []
  private(set) var isSet = false

  mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    isSet = false
  }

  /// Takes a copy of `text`; an empty one takes back what was set.
  mutating func set(_ text: Span<UInt8>) {
    clear()
    bytes.append(copying: text)
    isSet = !text.isEmpty
  }
}

struct PendingExtensions {
  /// The first extension header of the coming member, if it has one.
  private(set) var start: TarOffset?
  var longPath = ExtensionText()
  var longLinkTarget = ExtensionText()
  var path = ExtensionText()
  var linkTarget = ExtensionText()
  private(set) var size: UInt64?
  private(set) var userID: UInt32?
  private(set) var groupID: UInt32?
  private(set) var modificationTime: TarTime?
  var attributes = AttributeCollector()
  var sparse = PAXSparse()
  private var byteCount = 0
  private var hasRecords = false
  /// The size that an `x` header said before another one came.
  private var earlierSize: UInt64?

  /// The largest owner: chown(2) takes 4294967295 for "leave alone", so nothing is owned by it.
  static let largestOwner = UInt64(UInt32.max) - 1

  /// The path that the coming member has by what was read so far; `nil` if only its header will say.
  var announcedPath: [UInt8]? {
    if sparse.name.isSet { return sparse.name.bytes }
    if longPath.isSet { return longPath.bytes }
    return path.isSet ? path.bytes : nil
  }

  /// Moves that path into `destination`, if there is one.
  ///
  /// - Returns: whether there is.
  mutating func takePath(into destination: inout [UInt8]) -> Bool {
    if sparse.name.isSet {
      swap(&destination, &sparse.name.bytes)
    } else if longPath.isSet {
      swap(&destination, &longPath.bytes)
    } else if path.isSet {
      swap(&destination, &path.bytes)
    } else {
      return false
    }
    return true
  }

  /// Forgets everything, capacity aside.
  mutating func reset() {
    // Most members have none. An old GNU sparse map is gathered here without any header.
    if start == nil, sparse.numbers.values.isEmpty { return }
    longPath.clear()
    longLinkTarget.clear()
    forgetRecords()
    earlierSize = nil
    byteCount = 0
    start = nil
  }

  private mutating func forgetRecords() {
    path.clear()
    linkTarget.clear()
    size = nil
    userID = nil
    groupID = nil
    modificationTime = nil
    attributes.removeAll()
    sparse.removeAll()
    hasRecords = false
  }

  /// Counts a header of `byteCount` data bytes among those of the coming member.
  mutating func add(
    byteCount count: Int,
    at header: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    start = start ?? header
    let (sum, overflow) = byteCount.addingReportingOverflow(count)
    byteCount = sum
    if overflow || sum > limits.specialHeadersPerMember {
      throw .exceedsLimit(
        .specialHeadersPerMember,
        limit: UInt64(limits.specialHeadersPerMember),
        at: header
      )
    }
  }

  /// Takes the data of an `L` header: the path up to the first NUL.
  mutating func takeLongPath(
    _ data: Span<UInt8>,
    at position: TarOffset,
    warnings: inout WarningTally
  ) throws(TarError) {
    try Self.takeLongText(data, into: &longPath, beside: path, at: position, warnings: &warnings)
  }

  /// Takes the data of a `K` header: the link target up to the first NUL.
  mutating func takeLongLinkTarget(
    _ data: Span<UInt8>,
    at position: TarOffset,
    warnings: inout WarningTally
  ) throws(TarError) {
    try Self.takeLongText(
      data,
      into: &longLinkTarget,
      beside: linkTarget,
      at: position,
      warnings: &warnings
    )
  }

  private static func takeLongText(
    _ data: Span<UInt8>,
    into text: inout ExtensionText,
    beside record: ExtensionText,
    at position: TarOffset,
    warnings: inout WarningTally
  ) throws(TarError) {
    let end = TarHeader.text(0..<data.count, of: data).upperBound
    // Nothing to say: what an earlier header said stays.
    guard end > 0 else { return }
    if text.isSet { warnings.note(.repeatedRecord, at: position) }
    if hasText(data, behind: end) { warnings.note(.textAfterNUL, at: position.moved(by: end)) }
    text.set(data.extracting(0..<end))
    try require(record, toAgreeWith: text, at: position)
  }

  private static func hasText(_ data: Span<UInt8>, behind end: Int) -> Bool {
    for index in end..<data.count where data[index] != 0 { return true }
    return false
  }

  /// Of two names in headers of two kinds, every reader prefers another one.
  private static func require(
    _ text: ExtensionText,
    toAgreeWith other: ExtensionText,
    at position: TarOffset
  ) throws(TarError) {
    if text.isSet, other.isSet, text.bytes != other.bytes { throw .conflictingNames(at: position) }
  }

  /// Takes the data of an `x` header, which begins at `base`; what an earlier one said is forgotten.
  mutating func takeRecords(
    _ data: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits,
    warnings: inout WarningTally
  ) throws(TarError) {
    if hasRecords {
      warnings.note(.repeatedRecord, at: base)
      earlierSize = size ?? earlierSize
      forgetRecords()
    }
    hasRecords = true
    var index = 0
    while index < data.count {
      let record = try PAXRecord(in: data, at: index, base: base)
      index = record.end
      guard let key = record.knownKey(in: data) else {
        try takeVendorRecord(record, of: data, base: base, limits: limits, warnings: &warnings)
        continue
      }
      if key.isName { try record.refuseNUL(in: data, base: base) }
      if isRepeated(key) { warnings.note(.repeatedRecord, at: base.moved(by: record.start)) }
      try take(key, record, of: data, base: base, limits: limits, warnings: &warnings)
    }
    // Readers that join the headers would find the next member elsewhere.
    if let earlierSize, size != earlierSize { throw .conflictingSizes(at: base) }
  }

  private mutating func take(
    _ key: PAXKey,
    _ record: PAXRecord,
    of data: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits,
    warnings: inout WarningTally
  ) throws(TarError) {
    switch key {
    case .path:
      path.set(data.extracting(record.value))
      try Self.require(path, toAgreeWith: longPath, at: base.moved(by: record.value.lowerBound))
    case .linkPath:
      linkTarget.set(data.extracting(record.value))
      try Self.require(
        linkTarget,
        toAgreeWith: longLinkTarget,
        at: base.moved(by: record.value.lowerBound)
      )
    case .size: try takeSize(record, of: data, base: base)
    case .userID: userID = try Self.owner(.userID, record, of: data, base: base)
    case .groupID: groupID = try Self.owner(.groupID, record, of: data, base: base)
    case .modificationTime:
      modificationTime = try Self.time(.modificationTime, record, of: data, base: base)
    case .accessTime: _ = try Self.time(.accessTime, record, of: data, base: base)
    case .changeTime: _ = try Self.time(.changeTime, record, of: data, base: base)
    case .userName, .groupName: break
    case .selinuxLabel: warnings.note(.selinuxLabelIgnored, at: base.moved(by: record.start))
    case .sparseName: sparse.takeName(record, in: data, base: base)
    case .sparseMajor, .sparseMinor, .sparseSize, .sparseRealSize, .sparseBlockCount,
      .sparseOffset, .sparseByteCount, .sparseMap:
      try sparse.take(key, record, in: data, base: base, limits: limits)
    }
  }

  private func isRepeated(_ key: PAXKey) -> Bool {
    switch key {
    case .path: path.isSet
    case .linkPath: linkTarget.isSet
    case .size: size != nil
    case .userID: userID != nil
    case .groupID: groupID != nil
    case .modificationTime: modificationTime != nil
    default: false
    }
  }

  private mutating func takeVendorRecord(
    _ record: PAXRecord,
    of data: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits,
    warnings: inout WarningTally
  ) throws(TarError) {
    if let name = record.suffix(after: PAXPrefix.schilyAttribute, in: data) {
      try attributes.addSchily(
        name: name,
        value: record.value,
        of: data,
        base: base,
        limits: limits
      )
    } else if let name = record.suffix(after: PAXPrefix.libarchiveAttribute, in: data) {
      try attributes.addLibarchive(
        name: name,
        value: record.value,
        of: data,
        base: base,
        limits: limits
      )
    } else if let kind = record.ignoredKind(in: data) {
      warnings.note(kind, at: base.moved(by: record.start))
    }
  }

  /// Takes the size, by which the next header is found: two opinions on it cannot be served.
  private mutating func takeSize(
    _ record: PAXRecord,
    of data: Span<UInt8>,
    base: TarOffset
  ) throws(TarError) {
    let position = base.moved(by: record.value.lowerBound)
    guard !record.value.isEmpty else {
      size = nil
      return
    }
    guard let value = TarNumbers.decimal(in: data, at: record.value) else {
      throw .badNumber(.size, at: position)
    }
    if let size, size != value { throw .conflictingSizes(at: position) }
    size = value
  }

  /// An owner, or `nil` for an empty value, which leaves the header's own.
  private static func owner(
    _ field: TarField,
    _ record: PAXRecord,
    of data: Span<UInt8>,
    base: TarOffset
  ) throws(TarError) -> UInt32? {
    guard !record.value.isEmpty else { return nil }
    let position = base.moved(by: record.value.lowerBound)
    guard let value = TarNumbers.decimal(in: data, at: record.value) else {
      throw .badNumber(field, at: position)
    }
    guard value <= largestOwner else { throw .outOfRange(field, at: position) }
    return UInt32(value)
  }

  /// A time, or `nil` for an empty value, which leaves the header's own.
  private static func time(
    _ field: TarField,
    _ record: PAXRecord,
    of data: Span<UInt8>,
    base: TarOffset
  ) throws(TarError) -> TarTime? {
    guard !record.value.isEmpty else { return nil }
    guard let value = TarNumbers.time(in: data, at: record.value) else {
      throw .badNumber(field, at: base.moved(by: record.value.lowerBound))
    }
    return value
  }

  /// Checks the records of a `g` header and notes if ignoring them could matter, and what an `x`
  /// header's would be ignored for.
  static func checkGlobal(
    _ data: Span<UInt8>,
    base: TarOffset,
    warnings: inout WarningTally
  ) throws(TarError) {
    var index = 0
    var matters = false
    while index < data.count {
      let record = try PAXRecord(in: data, at: index, base: base)
      index = record.end
      if let key = record.knownKey(in: data) {
        if key.isName { try record.refuseNUL(in: data, base: base) }
        matters = matters || key.isApplied
        if key == .selinuxLabel {
          warnings.note(.selinuxLabelIgnored, at: base.moved(by: record.start))
        }
      } else if record.isAttribute(in: data) {
        matters = true
      } else if let kind = record.ignoredKind(in: data) {
        warnings.note(kind, at: base.moved(by: record.start))
      }
    }
    if matters { warnings.note(.globalHeaderIgnored, at: base) }
  }
}
