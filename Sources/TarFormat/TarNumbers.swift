// Numbers as tar spells them: octal and base-256 in header fields, decimal in pax records.
// Does not know which field it reads. Sources: POSIX.1-2017 pax(1), "ustar Interchange Format" and
// "pax Extended Header"; GNU tar manual, "Extensions to the POSIX format" (base-256).

enum TarNumbers {
  /// A header field: base-256 if its first bit is set, else octal; `nil` for anything else.
  static func headerNumber(in block: Span<UInt8>, at field: Range<Int>) -> Int64? {
    block[field.lowerBound] & 0x80 == 0
      ? octal(in: block, at: field) : base256(in: block, at: field)
  }

  /// Octal digits after spaces or NULs, ended by a NUL, by spaces or by the field; none is zero.
  private static func octal(in block: Span<UInt8>, at field: Range<Int>) -> Int64? {
    var index = field.lowerBound
    let end = field.upperBound
    while index < end, block[index] == Byte.space || block[index] == 0 { index += 1 }
    // A field is at most twelve bytes: 12 × 3 = 36 bits.
    var value: Int64 = 0
    while index < end, block[index] & 0xf8 == Byte.zero {
      value = value << 3 | Int64(block[index] & 7)
      index += 1
    }
    while index < end, block[index] == Byte.space { index += 1 }
    return index == end || block[index] == 0 ? value : nil
  }

  /// Two's complement, most significant byte first, in all bits but the first.
  private static func base256(in block: Span<UInt8>, at field: Range<Int>) -> Int64? {
    let inversion: UInt8 = block[field.lowerBound] & 0x40 == 0 ? 0 : 0xff
    var magnitude = UInt64((block[field.lowerBound] ^ inversion) & 0x7f)
    for index in field.dropFirst() {
      if magnitude >> 56 != 0 { return nil }
      magnitude = magnitude << 8 | UInt64(block[index] ^ inversion)
    }
    guard let value = Int64(exactly: magnitude) else { return nil }
    return inversion == 0 ? value : ~value
  }

  /// Decimal digits and nothing else; `nil` if there is none or the value has over 64 bits.
  static func decimal(in bytes: Span<UInt8>, at range: Range<Int>) -> UInt64? {
    var value: UInt64 = 0
    for index in range {
      guard let next = appending(bytes[index], to: value) else { return nil }
      value = next
    }
    return range.isEmpty ? nil : value
  }

  /// `value × 10 + digit`, or `nil` if the byte is no digit or the result has over 64 bits.
  static func appending(_ digit: UInt8, to value: UInt64) -> UInt64? {
    guard isDigit(digit) else { return nil }
    let (tens, high) = value.multipliedReportingOverflow(by: 10)
    let (sum, low) = tens.addingReportingOverflow(UInt64(digit - Byte.zero))
    return high || low ? nil : sum
  }

  // Bytes below "0" wrap around to far above it.
  static func isDigit(_ byte: UInt8) -> Bool { byte &- Byte.zero < 10 }

  /// A point in time as a pax record spells it: `[-]SECONDS[.FRACTION]`, rounded down to the
  /// nanosecond.
  static func time(in bytes: Span<UInt8>, at range: Range<Int>) -> TarTime? {
    let isNegative = !range.isEmpty && bytes[range.lowerBound] == Byte.minus
    let start = isNegative ? range.lowerBound + 1 : range.lowerBound
    var point = start
    while point < range.upperBound, bytes[point] != Byte.point { point += 1 }
    guard let whole = decimal(in: bytes, at: start..<point),
      let fraction = fraction(in: bytes, at: min(point + 1, range.upperBound)..<range.upperBound)
    else { return nil }
    if !isNegative {
      return Int64(exactly: whole).map { TarTime(seconds: $0, nanoseconds: fraction.nanoseconds) }
    }
    // -(s + f) is the whole second below it plus (1 - f); a rest beyond nanoseconds rounds down.
    let below = fraction.nanoseconds + (fraction.hasRest ? 1 : 0)
    return below == 0
      ? negative(whole).map { TarTime(seconds: $0, nanoseconds: 0) }
      : Int64(exactly: whole).map {
        TarTime(seconds: ~$0, nanoseconds: TarTime.perSecond - below)
      }
  }

  /// `-magnitude`, down to the smallest number, whose magnitude is one more than the largest's.
  private static func negative(_ magnitude: UInt64) -> Int64? {
    magnitude == 0 ? 0 : Int64(exactly: magnitude - 1).map { ~$0 }
  }

  /// Up to nine digits as nanoseconds, and whether digits after them are not all zero.
  private static func fraction(
    in bytes: Span<UInt8>,
    at range: Range<Int>
  ) -> (nanoseconds: UInt32, hasRest: Bool)? {
    var nanoseconds: UInt32 = 0
    var unit = TarTime.perSecond
    var hasRest = false
    for index in range {
      guard isDigit(bytes[index]) else { return nil }
      unit /= 10
      nanoseconds += UInt32(bytes[index] - Byte.zero) * unit
      hasRest = hasRest || unit == 0 && bytes[index] != Byte.zero
    }
    return (nanoseconds, hasRest)
  }
}

/// A point in time: seconds since 1970, rounded down, and nanoseconds from there.
struct TarTime: Equatable {
  static let perSecond: UInt32 = 1_000_000_000

  var seconds: Int64
  var nanoseconds: UInt32
}

/// The ASCII bytes that tar's grammar is made of.
enum Byte {
  static let newline: UInt8 = 0x0a
  static let space: UInt8 = 0x20
  static let percent: UInt8 = 0x25
  static let comma: UInt8 = 0x2c
  static let minus: UInt8 = 0x2d
  static let point: UInt8 = 0x2e
  static let slash: UInt8 = 0x2f
  static let zero: UInt8 = 0x30
  static let equals: UInt8 = 0x3d
}
