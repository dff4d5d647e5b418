// How far an image may go, where the usual bounds do not do.

import ArgumentParser

struct LimitOptions: ParsableArguments {
  @Option(
    name: .customLong("limit"),
    help: ArgumentHelp(
      "Move a bound on what images may ask for; banger-fs help lists them.",
      valueName: "name=value"
    ),
    transform: LimitSetting.init
  )
  var settings: [LimitSetting] = []

  /// The bounds, with those that were moved; of two values for one the last holds.
  var limits: Limits {
    settings.reduce(into: Limits()) { limits, setting in limits[setting.limit] = setting.value }
  }
}

/// One bound and its value.
struct LimitSetting: Equatable {
  let limit: Limit
  let value: UInt64

  /// Reads `NAME=VALUE`.
  init(_ text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let limit = Limit(rawValue: String(parts[0])) else {
      let names = Limit.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("NAME=VALUE, where NAME is one of \(names)")
    }
    guard let value = limit.value(String(parts[1])) else {
      let unit = limit.isInBytes ? " bytes, or with K, M, G or T" : ""
      throw ValidationError(
        "a number from 1 to \(limit.text(limit.largest))\(unit)"
      )
    }
    self.limit = limit
    self.value = value
  }
}
