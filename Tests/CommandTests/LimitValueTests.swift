// The bounds as values: what can be written, what it means, and what is proposed to whoever met one.

import Testing

@testable import BangerFS

struct LimitValueTests {
  @Test(arguments: Limit.allCases)
  func `a bound that is set is the one that is asked for, and no other changes`(limit: Limit) {
    for value in [1, 12_345, limit.largest] {
      var limits = Limits()
      limits[limit] = value
      #expect(limits[limit] == value)
      for other in Limit.allCases where other != limit {
        #expect(limits[other] == other.standard, "\(other)")
      }
    }
  }

  @Test(arguments: Limit.allCases)
  func `a value is written as it is read`(limit: Limit) {
    for value in [1, 1023, 1 << 20, limit.standard, limit.largest] where value <= limit.largest {
      #expect(limit.value(limit.text(value)) == value)
    }
    #expect(limit.value("0") == nil)
    #expect(limit.value("\(limit.largest + 1)") == nil)
    #expect(limit.value("") == nil)
    #expect(limit.standard < limit.largest)
  }

  static let proposals: [(MetLimit, String?)] = [
    (MetLimit(limit: .layerRatio, value: 1100), "layer-ratio=2200"),
    (MetLimit(limit: .layerSize, value: 64 << 30), "layer-size=128G"),
    (MetLimit(limit: .layers, value: 1000, wanted: 1001), "layers=1001"),
    (MetLimit(limit: .layers, value: 1000, wanted: 65_001), nil),
    (MetLimit(limit: .zstdWindow, value: 128 << 20, wanted: 3 << 30), nil),
    (MetLimit(limit: .entries, value: 1_500_000_000), "entries=2147483648"),
    (MetLimit(limit: .entries, value: 1 << 31), nil),
    (MetLimit(limit: .layerSize, value: UInt64(Int64.max)), nil),
  ]

  @Test(arguments: proposals)
  func `what is proposed would do, or is twice as much, as far as a bound goes`(
    met: MetLimit,
    setting: String?
  ) {
    #expect(
      met.hint == setting.map { "if you trust the image, let it have more with --limit \($0)" }
    )
  }
}
