// Sparse maps in their four forms: old GNU blocks, pax 0.0 pairs, pax 0.1 list, pax 1.0 text in the
// data area. Knows how to read each into numbers, and how numbers become segments.
// Source: GNU tar manual, "Storing Sparse Files".

import Offsets

/// A sparse map as read: offset and length of each run, alternating.
struct SparseNumbers {
  private(set) var values: [UInt64] = []

  mutating func removeAll() { values.removeAll(keepingCapacity: true) }

  mutating func append(
    _ value: UInt64,
    at position: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    if values.count / 2 >= limits.sparseSegments {
      throw .exceedsLimit(.sparseSegments, limit: UInt64(limits.sparseSegments), at: position)
    }
    values.append(value)
  }

  /// Reads the pairs of one old GNU block, up to the first that is not filled in.
  mutating func takePairs(
    of block: Span<UInt8>,
    in area: Range<Int>,
    at start: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let width = HeaderLayout.gnuSparseNumber
    for offset in stride(from: area.lowerBound, to: area.upperBound, by: 2 * width) {
      if block[offset] == 0 || block[offset + width] == 0 { return }
      let middle = offset + width
      try takeNumber(of: block, in: offset..<middle, at: start, limits: limits)
      try takeNumber(of: block, in: middle..<(middle + width), at: start, limits: limits)
    }
  }

  private mutating func takeNumber(
    of block: Span<UInt8>,
    in range: Range<Int>,
    at start: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let field = HeaderField(name: .sparseMap, range: range)
    let value = try TarHeader.number(field, upTo: .max, of: block, at: start)
    try append(value, at: start.moved(by: range.lowerBound), limits: limits)
  }

  /// Reads decimal numbers separated by commas.
  mutating func takeList(
    in bytes: Span<UInt8>,
    at range: Range<Int>,
    base: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    removeAll()
    var start = range.lowerBound
    while start < range.upperBound {
      var end = start
      while end < range.upperBound, bytes[end] != Byte.comma { end += 1 }
      guard let value = TarNumbers.decimal(in: bytes, at: start..<end),
        end + 1 != range.upperBound
      else { throw .badSparseMap(at: base.moved(by: start)) }
      try append(value, at: base.moved(by: start), limits: limits)
      start = end + 1
    }
  }

  /// Turns the numbers into segments of `member`, whose data, sizes and header are known.
  ///
  /// Runs ascend, do not overlap, lie in the file, and are all of the stored data: else two readers
  /// could see two files.
  func place(in member: inout TarMember) throws(TarError) {
    guard values.count.isMultiple(of: 2) else { throw .badSparseMap(at: member.header) }
    var fileEnd: UInt64 = 0
    var storedEnd: UInt64 = 0
    for index in stride(from: 0, to: values.count, by: 2) {
      let (offset, byteCount) = (values[index], values[index + 1])
      let (end, overflow) = offset.addingReportingOverflow(byteCount)
      guard offset >= fileEnd, !overflow, end <= member.size,
        byteCount <= member.storedByteCount - storedEnd,
        let data = member.data.advanced(by: storedEnd)
      else { throw .badSparseMap(at: member.header) }
      if byteCount > 0 {
        member.segments.append(SparseSegment(fileOffset: offset, byteCount: byteCount, data: data))
      }
      fileEnd = end
      storedEnd += byteCount
    }
    guard storedEnd == member.storedByteCount else { throw .badSparseMap(at: member.header) }
    if member.segments.isEmpty {
      member.segments.append(
        SparseSegment(fileOffset: member.size, byteCount: 0, data: member.data)
      )
    }
  }
}

/// What pax records say about a sparse file.
struct PAXSparse {
  /// Where the map is.
  enum Form {
    case none
    /// In the records themselves: formats 0.0 and 0.1.
    case listed
    /// At the head of the data: format 1.0.
    case inData
  }

  var numbers = SparseNumbers()
  var name = ExtensionText()
  private var nameStart: TarOffset?
  private var first: TarOffset?
  private var major: UInt64?
  private var minor: UInt64?
  private var realSize: UInt64?
  private var blockCount: UInt64?
  private var hasMap = false

  mutating func removeAll() {
    numbers.removeAll()
    name.clear()
    nameStart = nil
    first = nil
    major = nil
    minor = nil
    realSize = nil
    blockCount = nil
    hasMap = false
  }

  /// Takes the record of the name.
  mutating func takeName(_ record: PAXRecord, in bytes: Span<UInt8>, base: TarOffset) {
    name.set(bytes.extracting(record.value))
    nameStart = base.moved(by: record.start)
  }

  /// Takes one `GNU.sparse` record other than the name.
  mutating func take(
    _ key: PAXKey,
    _ record: PAXRecord,
    in bytes: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let position = base.moved(by: record.value.lowerBound)
    first = first ?? base.moved(by: record.start)
    if key == .sparseMap {
      hasMap = true
      return try numbers.takeList(in: bytes, at: record.value, base: base, limits: limits)
    }
    guard let value = TarNumbers.decimal(in: bytes, at: record.value) else {
      throw .badSparseMap(at: position)
    }
    switch key {
    case .sparseMajor: major = value
    case .sparseMinor: minor = value
    case .sparseSize, .sparseRealSize: realSize = value
    case .sparseBlockCount: blockCount = value
    default:
      // Format 0.0 repeats two keys in turn, so that their order is the map.
      guard !hasMap, numbers.values.count.isMultiple(of: 2) == (key == .sparseOffset) else {
        throw .badSparseMap(at: position)
      }
      try numbers.append(value, at: position, limits: limits)
    }
  }

  /// How to find the map of the member that the records belong to.
  func form() throws(TarError) -> Form {
    guard let first else {
      // Without a map, some readers take the name all the same and some do not.
      if let nameStart, name.isSet { throw .badSparseMap(at: nameStart) }
      return .none
    }
    switch (major, minor) {
    case (1, 0):
      guard realSize != nil, numbers.values.isEmpty else { throw .badSparseMap(at: first) }
      return .inData
    case (nil, nil), (0, 0), (0, 1):
      let pairCount = UInt64(numbers.values.count / 2)
      guard realSize != nil, blockCount == nil || blockCount == pairCount,
        hasMap || pairCount > 0 || blockCount == 0
      else { throw .badSparseMap(at: first) }
      return .listed
    default:
      throw .unsupportedSparse(at: first)
    }
  }

  /// The file's size, holes included.
  var fileSize: UInt64 { realSize ?? 0 }
}

/// The map of format 1.0: decimal lines, first the number of pairs, in whole blocks.
struct SparseTextReader {
  /// Bytes of the blocks taken so far.
  private(set) var byteCount: UInt64 = 0
  private var numbersLeft: UInt64?
  private var value: UInt64 = 0
  private var hasDigits = false

  /// Takes the next block of the map.
  ///
  /// - Returns: whether the map is complete; the block's other bytes are padding.
  mutating func take(
    _ block: Span<UInt8>,
    at start: TarOffset,
    into numbers: inout SparseNumbers,
    limits: TarLimits
  ) throws(TarError) -> Bool {
    byteCount += UInt64(block.count)
    if byteCount > UInt64(limits.sparseMapText) {
      throw .exceedsLimit(.sparseMapText, limit: UInt64(limits.sparseMapText), at: start)
    }
    for index in block.indices {
      let position = start.moved(by: index)
      if block[index] != Byte.newline {
        guard let next = TarNumbers.appending(block[index], to: value) else {
          throw .badSparseMap(at: position)
        }
        value = next
        hasDigits = true
      } else if try endLine(at: position, into: &numbers, limits: limits) {
        return true
      }
    }
    return false
  }

  /// - Returns: whether that was the last line.
  private mutating func endLine(
    at position: TarOffset,
    into numbers: inout SparseNumbers,
    limits: TarLimits
  ) throws(TarError) -> Bool {
    guard hasDigits else { throw .badSparseMap(at: position) }
    if let left = numbersLeft {
      try numbers.append(value, at: position, limits: limits)
      numbersLeft = left - 1
    } else if value > UInt64(limits.sparseSegments) {
      throw .exceedsLimit(.sparseSegments, limit: UInt64(limits.sparseSegments), at: position)
    } else {
      numbersLeft = 2 * value
    }
    value = 0
    hasDigits = false
    return numbersLeft == 0
  }
}
