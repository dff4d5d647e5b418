// Totals, rate and time left, out of events and a clock that the tests turn.

import Testing

@testable import BangerFS

struct ProgressModelTests {
  static let activity = ProgressActivity(kind: .pull, title: "pulling", subject: "a/b:c")

  /// Three layers of 1000, 2000 and 3000 bytes.
  private func model() -> ProgressModel {
    var model = ProgressModel(Self.activity, at: 100)
    model.apply(
      .steps(
        ["a", "b", "c"].enumerated().map { number, id in
          ProgressStep(id: "sha256:\(id)", byteCount: UInt64(number + 1) * 1000)
        }
      )
    )
    return model
  }

  @Test func `totals are those of the layers that are fetched`() {
    var model = model()
    model.apply(.present("sha256:b"))
    model.apply(.started("sha256:a", from: 400))
    model.apply(.received("sha256:a", 100))
    model.apply(.started("sha256:c", from: 0))
    model.apply(.received("sha256:c", 1500))
    let snapshot = model.snapshot(at: 103)
    #expect(snapshot.doneByteCount == 2000)
    #expect(snapshot.byteCount == 4000)
    #expect(snapshot.percent == 50)
    #expect(snapshot.seconds == 3)
    #expect(
      snapshot.steps == [
        ProgressStep(id: "sha256:a", doneByteCount: 500, byteCount: 1000, state: .active),
        ProgressStep(id: "sha256:b", byteCount: 2000, state: .present),
        ProgressStep(id: "sha256:c", doneByteCount: 1500, byteCount: 3000, state: .active),
      ]
    )
  }

  @Test func `a layer that begins anew is not done`() {
    var model = model()
    model.apply(.started("sha256:c", from: 3000))
    model.apply(.restarted("sha256:c"))
    #expect(model.snapshot(at: 101).doneByteCount == 0)
    model.apply(.finished("sha256:c"))
    #expect(model.snapshot(at: 101).doneByteCount == 3000)
    #expect(model.step("sha256:c")?.state == .finished)
  }

  @Test func `what keeps a layer waiting is noted until bytes come`() {
    var model = model()
    model.apply(.started("sha256:a", from: 0))
    model.apply(.retrying("sha256:a", reason: "connection reset", after: 3.2))
    #expect(model.step("sha256:a")?.note == "retrying in 3 s: connection reset")
    model.apply(.received("sha256:a", 1))
    #expect(model.step("sha256:a")?.note == nil)
    model.apply(.waiting("sha256:b"))
    #expect(model.step("sha256:b")?.note == "another process is fetching it")
    model.apply(.finished("sha256:b"))
    #expect(model.step("sha256:b")?.note == nil)
    model.apply(.retrying(nil, reason: "503", after: 0.5))
    #expect(model.snapshot(at: 101).note == "retrying in 0.5 s: 503")
  }

  @Test func `an even flow is told as it is, and what was there before is no flow`() {
    var model = model()
    model.apply(.started("sha256:c", from: 1000))
    #expect(model.snapshot(at: 100).bytesPerSecond == nil)
    for tenth in 1...20 {
      model.apply(.received("sha256:c", 50))
      model.sample(at: 100 + Double(tenth) / 10)
    }
    let snapshot = model.snapshot(at: 102)
    #expect(snapshot.bytesPerSecond.map { abs($0 - 500) < 1 } == true)
    // 2000 of 6000 bytes are there.
    #expect(snapshot.doneByteCount == 2000)
    #expect(snapshot.secondsLeft.map { abs($0 - 8) < 0.1 } == true)
  }

  @Test func `the rate follows a change, and not at once`() {
    var rate = RateEstimate()
    for second in 1...20 {
      rate.add(1000)
      rate.sample(at: Double(second))
    }
    rate.sample(at: 21)
    let first = rate.bytesPerSecond ?? 0
    #expect(first > 500 && first < 1000)
    for second in 22...60 { rate.sample(at: Double(second)) }
    #expect(rate.bytesPerSecond.map { $0 < 1 } == true)
  }

  @Test func `sizes beyond any number, bytes too many and unknown layers do no harm`() {
    var model = ProgressModel(Self.activity, at: 0)
    model.apply(
      .steps([
        ProgressStep(id: "x", byteCount: .max), ProgressStep(id: "y", byteCount: .max),
        ProgressStep(id: "x", byteCount: 5),
      ])
    )
    model.apply(.started("x", from: 0))
    model.apply(.received("x", .max))
    model.apply(.received("x", .max))
    model.apply(.received("z", 1))
    model.apply(.finished("z"))
    let snapshot = model.snapshot(at: 1)
    #expect(snapshot.steps.map(\.id) == ["x", "y"])
    #expect((snapshot.doneByteCount, snapshot.byteCount) == (.max, .max))
    #expect(snapshot.percent == 100)
  }

  @Test func `an activity without layers counts its own bytes`() {
    var model = ProgressModel(
      ProgressActivity(kind: .readLayers, title: "reading layers", byteCount: 200),
      at: 0
    )
    model.apply(.received(nil, 50))
    #expect(model.snapshot(at: 1).percent == 25)
    model.set(100, of: nil)
    #expect(model.snapshot(at: 2).percent == 50)
    model.set(100, of: 400)
    #expect(model.snapshot(at: 2).percent == 25)
    #expect(model.snapshot(at: 2).secondsLeft == nil)
  }

  @Test(arguments: [
    (0.0, "0.0 s"), (0.34, "0.3 s"), (0.96, "1 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
    (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h"), (.infinity, "?"), (-1, "?"),
    (.nan, "?"),
  ])
  func `spans of time have two units at most`(seconds: Double, text: String) {
    #expect(DurationText.text(seconds) == text)
  }
}
