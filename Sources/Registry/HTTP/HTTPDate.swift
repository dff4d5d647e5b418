// Dates as HTTP fields carry them, and Retry-After, which may be one. Knows no clock.
// Source: RFC 9110, sections 5.6.7 (HTTP-date) and 10.2.3 (Retry-After).

/// Reading of dates.
enum HTTPDate {
  private static let months = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]

  /// Seconds since 1970 of a date in any of the three forms, or `nil` for what is none.
  ///
  /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
  /// The name of the day is not checked.
  static func seconds(_ text: String) -> Int64? {
    guard text.utf8.count <= 64 else { return nil }
    let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
    switch words.count {
    case 6 where words[5] == "GMT":
      let year = words[3].utf8.count == 2 ? fullYear(words[3]) : number(words[3], 4)
      return seconds(day: words[1], month: words[2], year: year, time: words[4])
    case 5:
      return seconds(day: words[2], month: words[1], year: number(words[4], 4), time: words[3])
    default: return nil
    }
  }

  /// How long `Retry-After` asks to wait, counted from `now` in seconds since 1970.
  ///
  /// A date that has passed is no wait at all. A number too large to be one is the largest wait.
  static func retryAfter(_ field: String, now: Int64) -> Duration? {
    let digits = field.utf8
    if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) {
      return .seconds(Int64(field).map { min($0, longest) } ?? longest)
    }
    return seconds(field).map { .seconds(min(max($0 - now, 0), longest)) }
  }

  /// 10 years, far beyond any wait that is obeyed, so that sums of waits cannot overflow.
  private static let longest: Int64 = 10 * 365 * 86_400

  private static func seconds(day: String, month: String, year: Int64?, time: String) -> Int64? {
    let parts = time.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let day = number(day, 1...2), let year,
      let month = months.firstIndex(of: month.lowercased()).map({ Int64($0) + 1 }),
      parts.count == 3, let hour = number(parts[0], 2), let minute = number(parts[1], 2),
      let second = number(parts[2], 2), (1...31).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    return days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
  }

  /// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// Two digits mean a year of 1970 to 2069.
  private static func fullYear(_ text: String) -> Int64? {
    number(text, 2).map { $0 < 70 ? $0 + 2000 : $0 + 1900 }
  }

  private static func number(_ text: String, _ digits: Int) -> Int64? {
    number(text, digits...digits)
  }

  private static func number(_ text: String, _ digits: ClosedRange<Int>) -> Int64? {
    guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int64(text)
  }
}
