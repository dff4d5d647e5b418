// Sizes for people, or as they are.

import ArgumentParser

/// Sizes with their units.
enum ByteCount {
  private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// Three significant digits: "512 B", "1.25 GiB", "17.3 MiB", "340 KiB".
  static func text(_ count: UInt64) -> String {
    var value = Double(count)
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    if unit == 0 { return "\(count) B" }
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    let scale = [1.0, 10, 100][decimals]
    let rounded = (value * scale).rounded() / scale
    return "\(decimals == 0 ? "\(Int(rounded))" : fixed(rounded, decimals)) \(units[unit])"
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = decimals == 1 ? 10.0 : 100.0
    let scaled = Int((value * scale).rounded())
    let fraction = String(scaled % Int(scale))
    let padding = String(repeating: "0", count: decimals - fraction.count)
    return "\(scaled / Int(scale)).\(padding)\(fraction)"
  }
}

/// How tables print sizes.
struct ByteCountOptions: ParsableArguments {
  @Flag(name: .customLong("bytes"), help: "Sizes in bytes, as they are.")
  var areExact = false

  func text(_ count: UInt64) -> String { areExact ? "\(count)" : ByteCount.text(count) }
}
