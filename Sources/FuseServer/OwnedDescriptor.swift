// File descriptors that close themselves, and bytes handed to C. Source: close(2), open(2).

import Glibc

/// An open file descriptor, closed when its owner goes away.
struct OwnedDescriptor: ~Copyable, Sendable {
  let number: Int32

  /// Takes over `number`, or throws `errno` under the name of the call that returned it.
  init(_ number: Int32, from call: String) throws(FuseError) {
    let cause = POSIXErrno.current
    guard number >= 0 else { throw .systemCall(name: call, cause) }
    self.number = number
  }

  /// Takes over a descriptor that is known to be open.
  init(open number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// Gives the descriptor away, open.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }
}

/// The bytes ended by NUL, as C takes a path.
func cString(_ bytes: some Sequence<UInt8>) -> [CChar] {
  bytes.map { CChar(bitPattern: $0) } + [0]
}

/// Two connected sockets, both close-on-exec.
struct SocketPair: ~Copyable {
  let near: OwnedDescriptor
  let far: OwnedDescriptor

  /// Makes two sockets that keep messages apart.
  ///
  /// The corresponding C function is `socketpair`.
  init() throws(FuseError) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw .systemCall(name: "socketpair", POSIXErrno.current)
    }
    near = OwnedDescriptor(open: ends[0])
    far = OwnedDescriptor(open: ends[1])
  }
}
