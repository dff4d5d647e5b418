// A thread of our own: named, with a stack of a known size and no signals, outside every executor.
// Knows nothing of what it runs. Source: pthread_create(3), pthread_setname_np(3).

import CFuse3
import Glibc

/// A running thread that must be joined exactly once.
struct NativeThread: Sendable {
  /// 1 MiB: the deepest thing that runs here is a decompressor called from a reply handler.
  private static var stackByteCount: Int { 1 << 20 }

  private let handle: pthread_t

  /// Starts a thread that runs `body` and ends.
  ///
  /// `name` is shown by ps(1) and debuggers, at most 15 bytes. All signals that can be are blocked,
  /// so that they go to a thread which waits for them.
  ///
  /// The corresponding C function is `pthread_create`.
  static func start(
    named name: String,
    _ body: @escaping @Sendable () -> Void
  ) throws(FuseError) -> NativeThread {
    let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackByteCount)

    var previous = sigset_t()
    var blocked = blockableSignals()
    pthread_sigmask(SIG_SETMASK, &blocked, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    var handle = pthread_t()
    let failure = pthread_create(&handle, &attributes, runThread, start.toOpaque())
    guard failure == 0 else {
      start.release()
      throw .systemCall(name: "pthread_create", POSIXErrno(rawValue: failure))
    }
    return NativeThread(handle: handle)
  }

  /// Waits until the thread has ended.
  func join() {
    pthread_join(handle, nil)
  }

  /// Everything but the signals by which a thread is told of its own fault.
  private static func blockableSignals() -> sigset_t {
    var signals = sigset_t()
    sigfillset(&signals)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] {
      sigdelset(&signals, fault)
    }
    return signals
  }
}

private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
  cfuse3_name_thread(start.name)
  start.body()
  return nil
}
