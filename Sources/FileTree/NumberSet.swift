// A set of small numbers, one bit for each: nodes or entries that were met.

/// Numbers below a bound, of which each is in the set or not.
struct NumberSet {
  private var words: [UInt64]

  /// None of the numbers below `bound`.
  init(below bound: Int) {
    words = [UInt64](repeating: 0, count: (bound + 63) / 64)
  }

  func contains(_ number: Int) -> Bool {
    words[number >> 6] & (1 << UInt64(number & 63)) != 0
  }

  /// - Returns: Whether the number was not in the set before.
  @discardableResult
  mutating func insert(_ number: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(number & 63)
    defer { words[number >> 6] |= bit }
    return words[number >> 6] & bit == 0
  }
}

extension UInt64 {
  /// The sum, or the largest number: sizes are claims, and a sparse file may make any.
  func addingUpTo(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
