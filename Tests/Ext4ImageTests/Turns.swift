// How many tests run tools at once. The testing library starts all asynchronous tests together, and
// hundreds of processes with their pipes would wait for two processors.

import Testing

/// Has the tests of a suite wait until few others run.
struct TurnTrait: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  func provideScope(
    for test: Test,
    testCase: Test.Case?,
    performing function: @Sendable () async throws -> Void
  ) async throws {
    await Turns.all.take()
    do {
      try await function()
    } catch {
      await Turns.all.give()
      throw error
    }
    await Turns.all.give()
  }

  /// One scope for each case of a test, none around a suite: that would hold a turn and wait for more.
  func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
    testCase == nil ? nil : self
  }
}

extension Trait where Self == TurnTrait {
  static var inTurns: Self { TurnTrait() }
}

private actor Turns {
  static let all = Turns()

  /// Enough to keep some processors busy while others wait for a disk.
  private var free = 8
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func take() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func give() {
    guard waiting.isEmpty else { return waiting.removeFirst().resume() }
    free += 1
  }
}
