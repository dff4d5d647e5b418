// Taking requests from the kernel on threads of our own. libfuse's loop may ignore SIGTERM and ends
// its threads by pthread_cancel, which must not unwind Swift. Source: fuse(4), epoll(7).

import CFuse3
import Glibc

/// Why a thread takes no more requests.
enum LoopEnd: Equatable, Sendable {
  case stopped
  /// The kernel ended the connection: somebody unmounted, or aborted it.
  case disconnected
  case failed(FuseError)
}

/// One thread's way of taking requests until the connection or the session ends.
///
/// The descriptor does not block: of several threads that see a request, one gets it and the others
/// must come back to see the stop. Each thread has an epoll instance of its own that watches the
/// descriptor with EPOLLEXCLUSIVE, so that a request wakes one thread and not all.
struct RequestLoop: Sendable {
  let connection: Connection
  let stopEvent: StopEvent

  /// Takes and answers requests until the end.
  func run() -> LoopEnd {
    let epoll: OwnedDescriptor
    do throws(FuseError) {
      epoll = try watch()
    } catch {
      return .failed(error)
    }
    let number = epoll.number
    var end: LoopEnd?
    connection.core.withAnswerMemory {
      var buffer = fuse_buf()
      defer { free(buffer.mem) }
      while end == nil {
        end = waitForEvent(number) ?? takeRequest(&buffer)
      }
    }
    return end ?? .stopped
  }

  private func watch() throws(FuseError) -> OwnedDescriptor {
    let epoll = try OwnedDescriptor(
      epoll_create1(Int32(EPOLL_CLOEXEC)),
      from: "epoll_create1"
    )
    let requests = EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue
    try add(connection.descriptor, events: requests, to: epoll.number)
    try add(stopEvent.number, events: EPOLLIN.rawValue, to: epoll.number)
    return epoll
  }

  private func add(_ descriptor: Int32, events: UInt32, to epoll: Int32) throws(FuseError) {
    var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      throw .systemCall(name: "epoll_ctl", POSIXErrno.current)
    }
  }

  /// Waits until there may be a request, and tells an end if the session is to stop.
  private func waitForEvent(_ epoll: Int32) -> LoopEnd? {
    var events = (epoll_event(), epoll_event())
    let count = withUnsafeMutableBytes(of: &events) { events in
      epoll_wait(epoll, events.assumingMemoryBound(to: epoll_event.self).baseAddress, 2, -1)
    }
    guard count >= 0 else {
      let cause = POSIXErrno.current
      return cause.rawValue == EINTR ? nil : .failed(.systemCall(name: "epoll_wait", cause))
    }
    let isStopped =
      (count > 0 && events.0.data.fd == stopEvent.number)
      || (count > 1 && events.1.data.fd == stopEvent.number)
    return isStopped ? .stopped : nil
  }

  /// Takes one request, if no other thread has, and has it answered or queued.
  private func takeRequest(_ buffer: inout fuse_buf) -> LoopEnd? {
    let count = fuse_session_receive_buf(connection.session, &buffer)
    switch count {
    case -EINTR, -EAGAIN, -ENOENT: return nil
    case 0: return .disconnected
    case ..<0:
      return .failed(.systemCall(name: "read /dev/fuse", POSIXErrno(rawValue: -count)))
    default: break
    }
    guard let memory = buffer.mem else { return nil }
    let header = memory.load(as: fuse_in_header.self)
    let core = connection.core
    core.counters.count(header.opcode)
    if core.awaitsPreparation(header) {
      let message = UnsafeRawBufferPointer(start: memory, count: Int(count))
      core.preparations.add(header.nodeid, message)
    } else {
      fuse_session_process_buf(connection.session, &buffer)
    }
    return nil
  }
}

/// What wakes every request thread at once, for good.
final class StopEvent: Sendable {
  private let descriptor: OwnedDescriptor

  init() throws(FuseError) {
    descriptor = try OwnedDescriptor(
      eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)),
      from: "eventfd"
    )
  }

  var number: Int32 { descriptor.number }

  /// Ends all loops.
  ///
  /// Safe from every thread; nobody takes the count away, so it stays readable.
  ///
  /// The corresponding C function is `eventfd_write`.
  func signal() {
    eventfd_write(descriptor.number, 1)
  }
}
