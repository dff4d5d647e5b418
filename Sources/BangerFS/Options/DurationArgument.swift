// Spans of time on the command line: a number with a unit.

import ArgumentParser

struct DurationArgument: ExpressibleByArgument, Equatable {
  let seconds: UInt64

  /// `90s`, `45m`, `12h`, `30d`, `8w`; a unit there must be, because people mean different ones.
  init?(argument: String) {
    let units: [Character: UInt64] = [
      "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400,
    ]
    guard let last = argument.last, let unit = units[last], let number = UInt64(argument.dropLast())
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    seconds = product
  }
}
