// Where work that blocks is done: writing, hashing, waiting for the disk. The threads of tasks are as
// few as processors, and a few blocked ones would hold up everything, a Ctrl-C too.

import Dispatch

/// Threads for calls that block.
enum BlockingWork {
  /// Runs `work` on a thread that may block, to its end: cancelling does not stop it.
  ///
  /// On a queue of its own, because threads for serial queues are added as they are needed, while those
  /// of concurrent ones are shared with tasks.
  static func run<Value: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let outcome: Result<Value, Failure> = await withCheckedContinuation { continuation in
      DispatchQueue(label: "banger-fs.blocking").async {
        continuation.resume(returning: Result(catching: work))
      }
    }
    return try outcome.get()
  }
}

/// A thread that follows one download, and whoever waits for its end.
final class FollowerThread: Sendable {
  private let group = DispatchGroup()

  /// Starts `work` on a thread of its own.
  init(_ label: String, _ work: @escaping @Sendable () -> Void) {
    DispatchQueue(label: label).async(group: group) { work() }
  }

  /// Waits until the work has ended.
  func join() async {
    await withCheckedContinuation { continuation in
      group.notify(queue: .global()) { continuation.resume() }
    }
  }
}
