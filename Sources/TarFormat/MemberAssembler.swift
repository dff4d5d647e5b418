// Turns blocks and extension data, already cut out of the stream, into members: type flags, the end
// of the archive, and which of header and extensions holds. Does not know how the stream arrives:
// see TarScanner.
// Sources: POSIX.1-2017 pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

import Offsets

/// The data of an extension header that is to come.
struct SpecialHeader {
  var flag: UInt8
  var data: TarOffset
  var byteCount: Int
}

struct MemberAssembler {
  /// What the next bytes of the stream are.
  enum Phase {
    case header
    case oldSparseMap
    case sparseText
    case special(SpecialHeader)
    /// Data and padding of nobody's interest: so many bytes, never zero.
    case skipping(UInt64)
    case ended
  }

  /// Which member the bytes that are being taken belong to.
  private enum Subject {
    /// The one that the extension headers so far are for, if there are any.
    case announced
    /// `member`, which is not complete.
    case begun
    /// The one that was complete last: while its data is skipped, else none.
    case complete
  }

  var phase = Phase.header
  var member = TarMember()
  private var subject = Subject.announced
  var warnings = WarningTally()
  private let limits: TarLimits
  private var extensions = PendingExtensions()
  private var sparseText = SparseTextReader()
  private var hasZeroBlock = false
  /// Whether any block was seen; a stream of no bytes is an empty archive.
  private var hasBlock = false
  /// How many of the bytes that are skipped are padding; they come last.
  private var padding: UInt64 = 0

  init(limits: TarLimits) { self.limits = limits }

  /// Takes a whole block: a header, or part of a sparse map.
  ///
  /// - Returns: whether `member` is complete.
  mutating func take(block: Span<UInt8>, at start: TarOffset) throws(TarError) -> Bool {
    switch phase {
    case .oldSparseMap: try takeOldSparseMap(block, at: start)
    case .sparseText: try takeSparseText(block, at: start)
    case .header, .special, .skipping, .ended: try takeHeader(block, at: start)
    }
  }

  /// Takes the whole data of the extension header that `phase` announced.
  mutating func take(special: SpecialHeader, data: Span<UInt8>) throws(TarError) {
    switch special.flag {
    case TypeFlag.gnuLongPath:
      try extensions.takeLongPath(data, at: special.data, warnings: &warnings)
    case TypeFlag.gnuLongLinkTarget:
      try extensions.takeLongLinkTarget(data, at: special.data, warnings: &warnings)
    case TypeFlag.paxGlobal:
      try PendingExtensions.checkGlobal(data, base: special.data, warnings: &warnings)
    default:
      try extensions.takeRecords(data, base: special.data, limits: limits, warnings: &warnings)
    }
    padding = UInt64(Self.padding(after: special.byteCount))
    skip(padding)
  }

  /// Takes the end of the stream, which is at `end`.
  mutating func finish(at end: TarOffset) throws(TarError) {
    switch phase {
    case .ended: return
    case .header: break
    // Writers that were never closed leave out the last file's padding, as umoci insert did.
    case .skipping(let count) where count <= padding && extensions.start == nil:
      warnings.note(.missingPadding, at: end)
    case .oldSparseMap, .sparseText, .special, .skipping: throw .truncated(at: end)
    }
    if let start = extensions.start { throw .extensionWithoutMember(at: start) }
    if hasBlock { warnings.note(.missingEndOfArchive, at: end) }
    phase = .ended
  }

  /// The path of the member that the stream is in; `complete` is the one that was complete last.
  func pathUnderWay(complete: borrowing TarMember) -> [UInt8]? {
    switch (subject, phase) {
    case (.announced, _): extensions.announcedPath
    case (.begun, _): member.path
    case (.complete, .skipping): complete.path
    case (.complete, _): nil
    }
  }

  // MARK: Headers

  private mutating func takeHeader(
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    hasBlock = true
    subject = .announced
    if TarHeader.isZero(block) {
      if let start = extensions.start { throw .extensionWithoutMember(at: start) }
      phase = hasZeroBlock ? .ended : .header
      hasZeroBlock = true
      return false
    }
    if hasZeroBlock { throw .dataAfterZeroBlock(at: start) }
    if try TarHeader.verifyChecksum(of: block, at: start) {
      warnings.note(.signedChecksum, at: start)
    }
    let flag = block[HeaderLayout.typeFlag]
    switch TypeFlag.role(of: flag) {
    case .member: return try beginMember(flag, block, at: start)
    case .special: try beginSpecial(flag, block, at: start)
    case .volumeLabel: try skipVolumeLabel(block, at: start)
    case .unsupported:
      try nameMember(of: block, dialect: TarDialect(of: block), at: start)
      throw .unsupportedType(flag, at: start.moved(by: HeaderLayout.typeFlag))
    case nil:
      try nameMember(of: block, dialect: TarDialect(of: block), at: start)
      throw .unknownType(flag, at: start.moved(by: HeaderLayout.typeFlag))
    }
    return false
  }

  private mutating func beginSpecial(
    _ flag: UInt8,
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) {
    let size = try TarHeader.number(HeaderLayout.size, upTo: .max, of: block, at: start)
    warnings.noteBlank(HeaderLayout.size, of: block, at: start)
    guard size <= UInt64(limits.specialHeader) else {
      throw .exceedsLimit(.specialHeader, limit: UInt64(limits.specialHeader), at: start)
    }
    if flag != TypeFlag.paxGlobal {
      try extensions.add(byteCount: Int(size), at: start, limits: limits)
    }
    if size > 0 {
      let data = start.moved(by: HeaderLayout.byteCount)
      phase = .special(SpecialHeader(flag: flag, data: data, byteCount: Int(size)))
    }
  }

  private mutating func skipVolumeLabel(
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) {
    warnings.note(.volumeLabelSkipped, at: start)
    let size = try dataByteCount(of: block, at: start)
    extensions.reset()
    try skipData(size, at: start)
  }

  // MARK: Members

  private mutating func beginMember(
    _ flag: UInt8,
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    let dialect = TarDialect(of: block)
    try nameMember(of: block, dialect: dialect, at: start)
    let form = try extensions.sparse.form()
    member.data = start.moved(by: HeaderLayout.byteCount)
    member.kind = TypeFlag.kind(of: flag, pathEndsInSlash: member.path.last == Byte.slash)
    try readLinkTarget(of: block, at: start)
    try member.readInode(
      of: block,
      dialect: dialect,
      at: start,
      extensions: extensions,
      warnings: &warnings
    )
    try extensions.attributes.finish(into: &member, limits: limits, warnings: &warnings)
    let size = try dataByteCount(of: block, at: start)
    guard member.kind == .regular else {
      if form != .none { throw .unsupportedSparse(at: start) }
      return try finishDataless(flag, size: size, at: start)
    }
    if extensions.size == nil { warnings.noteBlank(HeaderLayout.size, of: block, at: start) }
    try setSize(size)
    member.storedByteCount = size
    if flag == TypeFlag.gnuSparse {
      guard dialect == .gnu, form == .none else { throw .unsupportedSparse(at: start) }
      return try beginOldSparse(block, at: start)
    }
    switch form {
    case .none: return try finishMember()
    case .listed:
      try setSize(extensions.sparse.fileSize)
      return try finishSparse()
    case .inData:
      try setSize(extensions.sparse.fileSize)
      sparseText = SparseTextReader()
      return try awaitSparseText()
    }
  }

  /// Begins the next member with its place and path.
  private mutating func nameMember(
    of block: Span<UInt8>,
    dialect: TarDialect,
    at start: TarOffset
  ) throws(TarError) {
    member.reset()
    member.header = extensions.start ?? start
    subject = .begun
    if !extensions.takePath(into: &member.path),
      TarHeader.readPath(of: block, dialect: dialect, into: &member.path)
    {
      warnings.note(.prefixInGNUHeader, at: start)
    }
    if member.path.count > limits.path {
      throw .exceedsLimit(.path, limit: UInt64(limits.path), at: member.header)
    }
  }

  private mutating func readLinkTarget(
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) {
    let (what, limit): (TarLimit, Int)
    switch member.kind {
    case .symbolicLink: (what, limit) = (.symbolicLinkTarget, limits.symbolicLinkTarget)
    case .hardLink: (what, limit) = (.path, limits.path)
    default: return
    }
    if extensions.longLinkTarget.isSet {
      swap(&member.linkTarget, &extensions.longLinkTarget.bytes)
    } else if extensions.linkTarget.isSet {
      swap(&member.linkTarget, &extensions.linkTarget.bytes)
    } else {
      let field = TarHeader.text(HeaderLayout.linkTarget, of: block)
      member.linkTarget.append(copying: block.extracting(field))
    }
    if member.linkTarget.isEmpty { throw .emptyLinkTarget(at: start) }
    if member.linkTarget.count > limit {
      throw .exceedsLimit(what, limit: UInt64(limit), at: member.header)
    }
  }

  // MARK: Data

  /// The size that finds the next header: the pax record where there is one, else the field.
  private func dataByteCount(
    of block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> UInt64 {
    if let size = extensions.size { return size }
    return try TarHeader.number(HeaderLayout.size, upTo: .max, of: block, at: start)
  }

  private mutating func setSize(_ size: UInt64) throws(TarError) {
    if size > limits.fileSize {
      throw .exceedsLimit(.fileSize, limit: limits.fileSize, at: member.header)
    }
    member.size = size
  }

  /// Ends a member other than a regular file.
  ///
  /// Links, devices, directories and fifos have no data, whatever their size field says: the next
  /// header follows at once. Only a dump directory has some, a list of names.
  private mutating func finishDataless(
    _ flag: UInt8,
    size: UInt64,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    if flag == TypeFlag.gnuDumpDirectory {
      warnings.note(.dumpDirectory, at: start)
      try skipData(size, at: start)
    } else {
      if size > 0 { warnings.note(.sizeIgnored, at: start) }
      phase = .header
    }
    endMember()
    return true
  }

  private mutating func finishMember() throws(TarError) -> Bool {
    try skip(data: member.storedByteCount, from: member.data, header: member.header)
    endMember()
    return true
  }

  private mutating func endMember() {
    extensions.reset()
    subject = .complete
  }

  private mutating func finishSparse() throws(TarError) -> Bool {
    try extensions.sparse.numbers.place(in: &member)
    return try finishMember()
  }

  private mutating func beginOldSparse(
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    warnings.noteBlank(HeaderLayout.gnuRealSize, of: block, at: start)
    try setSize(TarHeader.number(HeaderLayout.gnuRealSize, upTo: .max, of: block, at: start))
    try extensions.sparse.numbers.takePairs(
      of: block,
      in: HeaderLayout.gnuSparsePairs,
      at: start,
      limits: limits
    )
    guard block[HeaderLayout.gnuIsExtended] != 0 else { return try finishSparse() }
    phase = .oldSparseMap
    return false
  }

  private mutating func takeOldSparseMap(
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    member.data = start.moved(by: HeaderLayout.byteCount)
    try extensions.sparse.numbers.takePairs(
      of: block,
      in: HeaderLayout.gnuMorePairs,
      at: start,
      limits: limits
    )
    return block[HeaderLayout.gnuMoreIsExtended] == 0 ? try finishSparse() : false
  }

  /// Asks for the next block of a map in the data area, which the stored data must still hold.
  private mutating func awaitSparseText() throws(TarError) -> Bool {
    guard member.storedByteCount >= UInt64(HeaderLayout.byteCount) else {
      throw .badSparseMap(at: member.data)
    }
    phase = .sparseText
    return false
  }

  private mutating func takeSparseText(
    _ block: Span<UInt8>,
    at start: TarOffset
  ) throws(TarError) -> Bool {
    member.data = start.moved(by: HeaderLayout.byteCount)
    member.storedByteCount -= UInt64(HeaderLayout.byteCount)
    let isComplete = try sparseText.take(
      block,
      at: start,
      into: &extensions.sparse.numbers,
      limits: limits
    )
    return isComplete ? try finishSparse() : try awaitSparseText()
  }

  private mutating func skipData(_ count: UInt64, at header: TarOffset) throws(TarError) {
    try skip(data: count, from: header.moved(by: HeaderLayout.byteCount), header: header)
  }

  /// Skips data and its padding, if they end within 64 bits.
  private mutating func skip(
    data count: UInt64,
    from data: TarOffset,
    header: TarOffset
  ) throws(TarError) {
    padding = UInt64(Self.padding(after: Int(count % UInt64(HeaderLayout.byteCount))))
    guard let end = data.advanced(by: count)?.advanced(by: padding),
      let total = end.distance(from: data)
    else { throw .exceedsLimit(.fileSize, limit: limits.fileSize, at: header) }
    skip(total)
  }

  private mutating func skip(_ count: UInt64) {
    phase = count == 0 ? .header : .skipping(count)
  }

  /// How many bytes bring `count` to a whole number of blocks.
  private static func padding(after count: Int) -> Int {
    let rest = count % HeaderLayout.byteCount
    return rest == 0 ? 0 : HeaderLayout.byteCount - rest
  }
}
