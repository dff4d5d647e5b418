// One connection to the kernel: libfuse's session on a descriptor of /dev/fuse that somebody else
// mounted. Knows the handshake; knows no threads and no mountpoint. Source: fuse(4),
// fuse_lowlevel.h.

import CFuse3
import Glibc

/// A session of libfuse whose INIT was answered.
///
/// To be let go only when every request was answered and no thread is in it any more: that closes
/// the descriptor, and requests that are still with the kernel then fail.
final class Connection: Sendable {
  let core: ServerCore
  /// The descriptor of /dev/fuse: close-on-exec, so that no child keeps the connection alive, and
  /// non-blocking.
  let descriptor: Int32
  // Safe: libfuse's calls on a session lock it themselves; destroyed in `deinit` only.
  nonisolated(unsafe) let session: OpaquePointer

  private init(core: ServerCore, descriptor: Int32, session: OpaquePointer) {
    self.core = core
    self.descriptor = descriptor
    self.session = session
  }

  deinit {
    fuse_session_destroy(session)
    Unmanaged.passUnretained(core).release()
  }
}

extension Connection {
  /// How long the kernel may take to send INIT, which it does within mount(2) or right after.
  private static var longestInitWaitMilliseconds: Int32 { 10_000 }

  /// The least room to read a request into is 8 KiB; INIT takes about 100 bytes.
  private static var initByteCount: Int { 64 << 10 }

  /// Makes libfuse answer the INIT request that waits on `device`, and takes the descriptor over.
  ///
  /// libfuse is given one end of a socket pair as its device, so that its answer can be changed on
  /// its way to the kernel. Then the real device takes the place of the socket, under the number
  /// that libfuse knows.
  static func establish(
    on device: consuming OwnedDescriptor,
    serving fileSystem: any FuseFileSystem,
    options: FuseOptions
  ) throws(FuseError) -> Connection {
    var request = try receiveInit(from: device)
    let offer = try KernelOffer(request: request)
    let core = try ServerCore(serving: fileSystem, options: options, offer: offer)
    core.counters.count(FUSE_INIT.rawValue)
    let sockets = try SocketPair()
    let connection = try makeSession(on: sockets.near, core: core)

    var answer = try connection.answerInit(&request, listeningOn: sockets.far)
    try InitAnswer.complete(&answer, offer: offer, pageByteCount: Int(getpagesize()))
    try send(answer, to: device)
    guard cfuse3_replace_descriptor(device.number, connection.descriptor) >= 0 else {
      throw .systemCall(name: "dup3", POSIXErrno.current)
    }
    let flags = fcntl(connection.descriptor, F_GETFL)
    guard flags >= 0, fcntl(connection.descriptor, F_SETFL, flags | O_NONBLOCK) >= 0 else {
      throw .systemCall(name: "fcntl", POSIXErrno.current)
    }
    return connection
  }

  private static func receiveInit(from device: borrowing OwnedDescriptor) throws(FuseError)
    -> [UInt8]
  {
    var watched = pollfd(fd: device.number, events: Int16(POLLIN), revents: 0)
    var ready: Int32
    repeat {
      ready = poll(&watched, 1, longestInitWaitMilliseconds)
    } while ready < 0 && errno == EINTR
    guard ready > 0 else { throw .handshakeFailed(step: "the kernel sent no INIT", messages: []) }

    var request = [UInt8](repeating: 0, count: initByteCount)
    let count = Glibc.read(device.number, &request, request.count)
    guard count > 0 else { throw .systemCall(name: "read /dev/fuse", POSIXErrno.current) }
    request.removeSubrange(count...)
    return request
  }

  private static func makeSession(
    on socket: consuming OwnedDescriptor,
    core: ServerCore
  ) throws(FuseError) -> Connection {
    LibraryLog.install()
    _ = LibraryLog.take()
    var operations = FuseOperations.table(for: core.options)
    let state = Unmanaged.passRetained(core)
    guard let session = cfuse3_session_new(&operations, state.toOpaque()) else {
      state.release()
      throw .libraryRefused(messages: LibraryLog.take())
    }
    // A mountpoint that is spelled like this is a device somebody mounted already.
    guard fuse_session_mount(session, "/dev/fd/\(socket.number)") == 0 else {
      fuse_session_destroy(session)
      state.release()
      throw .libraryRefused(messages: LibraryLog.take())
    }
    // From here on the session closes the descriptor.
    return Connection(core: core, descriptor: socket.release(), session: session)
  }

  private func answerInit(
    _ request: inout [UInt8],
    listeningOn socket: borrowing OwnedDescriptor
  ) throws(FuseError) -> [UInt8] {
    request.withUnsafeMutableBytes { bytes in
      var buffer = fuse_buf()
      buffer.size = bytes.count
      buffer.mem = bytes.baseAddress
      fuse_session_process_buf(session, &buffer)
    }
    var answer = [UInt8](repeating: 0, count: 4096)
    let count = recv(socket.number, &answer, answer.count, Int32(MSG_DONTWAIT))
    guard count > 0 else {
      throw .handshakeFailed(step: "libfuse gave no answer to INIT", messages: LibraryLog.take())
    }
    answer.removeSubrange(count...)
    return answer
  }

  private static func send(
    _ answer: [UInt8],
    to device: borrowing OwnedDescriptor
  ) throws(FuseError) {
    guard write(device.number, answer, answer.count) == answer.count else {
      throw .systemCall(name: "write /dev/fuse", POSIXErrno.current)
    }
  }
}
