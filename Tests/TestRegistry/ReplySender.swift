// One reply onto one connection: at the speed of the client, and exactly as far as the reply says.

import Glibc
import NIOCore
import NIOSSL

/// Sends a reply; everything runs on the connection's event loop.
struct ReplySender: Sendable {
  let channel: any Channel
  let reply: Reply
  /// Whether the body is left out, because only the head was asked for.
  let isHeadOnly: Bool
  let keepsConnection: Bool

  /// The most that is made and written at once: small beside any bound on memory.
  private static let pieceByteCount = 128 << 10

  func send() {
    let head = reply.head
    if let stop = reply.stop, case .head(let count) = stop.place {
      write(Array(head.prefix(count))) { end(stop.ending) { sendRest(head.dropFirst(count)) } }
    } else {
      sendRest(head[...])
    }
  }

  private func sendRest(_ head: ArraySlice<UInt8>) {
    write(Array(head)) {
      if isHeadOnly { finish() } else { sendBody(from: 0, stop: reply.stop) }
    }
  }

  private func sendBody(from offset: Int, stop: Reply.Stop?) {
    var limit = reply.body.byteCount
    if let stop, case .body(let count) = stop.place {
      if offset >= count {
        return end(stop.ending) { sendBody(from: offset, stop: nil) }
      }
      limit = min(limit, count)
    }
    guard offset < reply.body.byteCount else { return finishBody() }
    let end = min(limit, offset + (reply.pace?.byteCount ?? Self.pieceByteCount))
    write(framed(reply.body.bytes(offset..<end))) {
      channel.eventLoop.scheduleTask(in: .milliseconds(reply.pace?.milliseconds ?? 0)) {
        sendBody(from: end, stop: stop)
      }
    }
  }

  private func finishBody() {
    guard reply.framing == .chunked else { return finish() }
    write(Array("0\r\n\r\n".utf8)) { finish() }
  }

  private func framed(_ bytes: [UInt8]) -> [UInt8] {
    guard reply.framing == .chunked else { return bytes }
    return Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
  }

  private func finish() {
    if !keepsConnection { channel.close(promise: nil) }
  }

  /// Writes, and goes on in a new turn of the loop: a written piece must not deepen the stack.
  private func write(_ bytes: [UInt8], then next: @escaping @Sendable () -> Void) {
    if bytes.isEmpty { return channel.eventLoop.execute(next) }
    channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess {
      channel.eventLoop.execute(next)
    }
  }

  private func end(_ ending: Reply.Ending, goingOn: @escaping @Sendable () -> Void) {
    switch ending {
    case .close: channel.close(promise: nil)
    case .reset: ConnectionReset.reset(channel)
    case .stall: break
    case .wait(let gate): gate.pass { channel.eventLoop.execute(goingOn) }
    }
  }
}

/// The rude end of a connection.
enum ConnectionReset {
  /// Drops all that waits to be sent and tells the peer nothing but a RST, below TLS too.
  ///
  /// Source: socket(7), SO_LINGER.
  static func reset(_ channel: any Channel) {
    channel.eventLoop.execute {
      if let socket = channel as? any SocketOptionProvider {
        _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
      }
      do {
        try channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
          .close(promise: nil)
      } catch {
        channel.close(promise: nil)
      }
    }
  }
}
