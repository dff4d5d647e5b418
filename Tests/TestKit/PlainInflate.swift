// A third opinion on deflate data where libraries disagree: bit by bit, slow, and with nothing in
// common with them. Takes what the format's words allow, so codes that lack words too, and says so.
// Source: RFC 1951 §3.2.

/// One raw deflate stream, decoded from the front of some bytes.
package struct PlainInflate {
  /// What was decoded, up to the end or to `fault`.
  package private(set) var bytes: [UInt8] = []
  /// Whether a block has a code that not every sequence of bits is a word of, other than the codes of
  /// one word, or none, that zlib takes.
  package private(set) var hasIncompleteCode = false
  package private(set) var fault: Fault?

  package enum Fault: Error {
    case truncated, corrupt
    case tooLong
  }

  private let input: ArraySlice<UInt8>
  private let byteLimit: Int
  private var bit = 0

  package init(_ input: ArraySlice<UInt8>, byteLimit: Int) {
    self.input = input
    self.byteLimit = byteLimit
    do throws(Fault) {
      while try !block() {}
    } catch {
      fault = error
    }
  }

  /// A canonical Huffman code, as counts of lengths and symbols in the order of their words.
  private struct Code {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []
    /// Words that are missing, in units of the longest; below zero where there are too many.
    var missing = 1

    init(_ lengths: ArraySlice<Int>) {
      for length in lengths { counts[length] += 1 }
      for length in 1..<16 {
        missing = 2 * missing - counts[length]
        if missing < 0 { return }
      }
      symbols = (1..<16).flatMap { length in
        lengths.indices.filter { lengths[$0] == length }.map { $0 - lengths.startIndex }
      }
    }

    /// Whether zlib takes it as one of literals and lengths or of distances.
    var isUsual: Bool { missing == 0 || symbols.isEmpty || (symbols.count == 1 && counts[1] == 1) }
  }

  /// RFC 1951 §3.2.5.
  private static let lengthBases: [Int] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
  ]
  private static let distanceBases: [Int] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
    3073, 4097, 6145, 8193, 12_289, 16_385, 24_577,
  ]
}

extension PlainInflate {
  private mutating func bits(_ count: Int) throws(Fault) -> Int {
    var value = 0
    for place in 0..<count {
      guard bit / 8 < input.count else { throw .truncated }
      value |= Int(input[input.startIndex + bit / 8] >> UInt8(bit % 8) & 1) << place
      bit += 1
    }
    return value
  }

  private mutating func symbol(of code: Code) throws(Fault) -> Int {
    var (word, first, index) = (0, 0, 0)
    for length in 1..<16 {
      word |= try bits(1)
      let count = code.counts[length]
      if word - count < first { return code.symbols[index + word - first] }
      index += count
      first = (first + count) << 1
      word <<= 1
    }
    throw .corrupt
  }

  /// Decodes one block, and returns whether it is the last.
  private mutating func block() throws(Fault) -> Bool {
    let isLast = try bits(1) == 1
    switch try bits(2) {
    case 0: try storedBlock()
    case 1:
      let lengths =
        [Int](repeating: 8, count: 144) + [Int](repeating: 9, count: 112)
        + [Int](repeating: 7, count: 24) + [Int](repeating: 8, count: 8)
      try codedBlock(Code(lengths[...]), Code([Int](repeating: 5, count: 32)[...]))
    case 2: try dynamicBlock()
    default: throw .corrupt
    }
    return isLast
  }

  private mutating func storedBlock() throws(Fault) {
    bit = (bit + 7) / 8 * 8
    let count = try bits(16)
    guard try bits(16) == ~count & 0xffff else { throw .corrupt }
    for _ in 0..<count { try append(UInt8(try bits(8))) }
  }

  private mutating func dynamicBlock() throws(Fault) {
    let counts = (try bits(5) + 257, try bits(5) + 1)
    let lengthCount = try bits(4) + 4
    guard counts.0 <= 286, counts.1 <= 30 else { throw .corrupt }
    var lengths = [Int](repeating: 0, count: 19)
    for place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
      .prefix(lengthCount)
    {
      lengths[place] = try bits(3)
    }
    let code = Code(lengths[...])
    guard code.missing >= 0 else { throw .corrupt }
    if code.missing > 0 { hasIncompleteCode = true }
    lengths = try self.lengths(counts.0 + counts.1, code)
    let (literals, distances) = (Code(lengths[..<counts.0]), Code(lengths[counts.0...]))
    guard literals.missing >= 0, distances.missing >= 0, lengths[256] > 0 else { throw .corrupt }
    if !literals.isUsual || !distances.isUsual { hasIncompleteCode = true }
    try codedBlock(literals, distances)
  }

  private mutating func lengths(_ count: Int, _ code: Code) throws(Fault) -> [Int] {
    var lengths: [Int] = []
    while lengths.count < count {
      switch try symbol(of: code) {
      case 16:
        guard let last = lengths.last else { throw .corrupt }
        lengths += [Int](repeating: last, count: try bits(2) + 3)
      case 17: lengths += [Int](repeating: 0, count: try bits(3) + 3)
      case 18: lengths += [Int](repeating: 0, count: try bits(7) + 11)
      case let length: lengths.append(length)
      }
    }
    guard lengths.count == count else { throw .corrupt }
    return lengths
  }

  private mutating func codedBlock(_ literals: Code, _ distances: Code) throws(Fault) {
    while true {
      let symbol = try symbol(of: literals)
      if symbol == 256 { return }
      if symbol < 256 {
        try append(UInt8(symbol))
        continue
      }
      guard symbol < 286 else { throw .corrupt }
      let place = symbol - 257
      let extra = place < 8 || place == 28 ? 0 : place / 4 - 1
      let length = Self.lengthBases[place] + (try bits(extra))
      let distanceSymbol = try self.symbol(of: distances)
      guard distanceSymbol < 30 else { throw .corrupt }
      let distanceExtra = max(distanceSymbol / 2 - 1, 0)
      let distance = Self.distanceBases[distanceSymbol] + (try bits(distanceExtra))
      guard distance <= bytes.count else { throw .corrupt }
      for _ in 0..<length { try append(bytes[bytes.count - distance]) }
    }
  }

  private mutating func append(_ byte: UInt8) throws(Fault) {
    guard bytes.count < byteLimit else { throw .tooLong }
    bytes.append(byte)
  }
}
