// A client that knows nothing: bytes to a port, and all bytes back until the other side ends.

import Glibc
import TestKit

/// What came back, and how it ended.
struct RawAnswer: Equatable {
  enum Ending: Equatable { case closed, reset }

  var text: String
  var ending: Ending

  /// One plain request of its own connection, answered to the end.
  init(_ request: String, port: Int) throws {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw ProgramFailure("connect: \(errno)") }
    let bytes = Array((request + "\r\nHost: x\r\n\r\n").utf8)
    guard write(socket, bytes, bytes.count) == bytes.count else {
      throw ProgramFailure("write: \(errno)")
    }
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(socket, &chunk, chunk.count)
      if count <= 0 {
        ending = count == 0 ? .closed : .reset
        break
      }
      received += chunk[..<count]
    }
    text = String(decoding: received, as: UTF8.self)
  }

  init(_ text: String, _ ending: Ending = .closed) {
    self.text = text
    self.ending = ending
  }
}
