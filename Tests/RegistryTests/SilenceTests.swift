// A server that says nothing, or hardly anything: how long it is waited for, and what comes then. The
// limits are small ones that the tests set.

import Registry
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct SilenceTests {
  @Test(arguments: [Reply.Place.head(0), .head(30), .body(0), .body(300_000)])
  func `a server that falls silent is asked again`(_ silence: Reply.Place) async throws {
    let registry = try ScriptedRegistry()
    TransferTests.image.push(to: registry.contents, "app")
    registry.on(.blob(TransferTests.layer.digest), .nth(1), .stopping(at: silence, .stall))
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      $0.limits.idle = .seconds(2)
      $0.retries.attempts = 100
    }
    #expect(outcome.error == nil)
    #expect(try place.blobs() == TransferTests.image.parts)
    #expect(
      registry.ranges(TransferTests.layer.digest).prefix(2)
        == ["all", silence == .body(300_000) ? TransferTests.middle : "all"]
    )
  }

  @Test(arguments: [(Reply.Place.head(0), RequestFault.noAnswer), (.body(300_000), .stalled)])
  func `X25: a server that stays silent is given up`(
    _ silence: Reply.Place,
    _ fault: RequestFault
  ) async throws {
    let registry = try ScriptedRegistry()
    TransferTests.image.push(to: registry.contents, "app")
    // All of it each time: the rest alone would be short enough to come whole.
    registry.on(
      .blob(TransferTests.layer.digest),
      .ignoringRange.changing { $0.stop = Reply.Stop(at: silence, .stall) }
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      // Far above what a busy machine needs for an answer, because no other silence may be mistaken.
      $0.limits.idle = .seconds(3)
      $0.retries.attempts = 2
    }
    #expect(outcome.fault == fault)
    #expect(outcome.error?.kind == .temporary)
  }

  @Test func `a server that is too slow is asked again`() async throws {
    let registry = try ScriptedRegistry()
    TransferTests.image.push(to: registry.contents, "app")
    registry.on(
      .blob(TransferTests.layer.digest),
      .nth(1),
      .trickling(byteCount: 10, milliseconds: 10)
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      $0.limits.rateWindow = .milliseconds(300)
      $0.limits.bytesPerSecond = 20 << 10
      $0.retries.attempts = 100
    }
    #expect(outcome.error == nil)
    #expect(try place.blobs() == TransferTests.image.parts)
    let reasons = outcome.events.compactMap { event in
      if case .retrying(_, let reason, _) = event { reason } else { nil }
    }
    #expect(reasons.first == "the download came to a standstill")
  }

  @Test func `a slow server that is fast enough is waited for`() async throws {
    let registry = try ScriptedRegistry()
    TransferTests.image.push(to: registry.contents, "app")
    registry.on(
      .blob(TransferTests.layer.digest),
      .trickling(byteCount: 10_000, milliseconds: 5)
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(try place.blobs() == TransferTests.image.parts)
    #expect(registry.ranges(TransferTests.layer.digest) == ["all"])
  }
}
