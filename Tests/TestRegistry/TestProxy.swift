// An HTTP proxy inside the test process: tunnels by CONNECT, and requests in absolute form. It can
// lead any name to a port of this machine, so that tests need no name service.
// Source: RFC 9110, section 9.3.6; RFC 9112, section 3.2.2.

import NIOCore
import NIOPosix
import Synchronization
import TestKit

/// A proxy on a port that the system chose; it ends with its last owner.
package final class TestProxy: Sendable {
  private let listener: Listener
  private let core: ProxyCore

  package var port: Int { listener.port }
  package var url: String { "http://127.0.0.1:\(port)" }

  /// - Parameters:
  ///   - routes: Ports of this machine by `HOST:PORT`; others are looked for where they say.
  ///   - credentials: User and password; without, everybody may come.
  /// - Throws: What keeps it from listening.
  package init(
    routes: [String: Int] = [:],
    credentials: (user: String, password: String)? = nil
  ) throws {
    let core = ProxyCore(
      routes: routes,
      authorization: credentials.map { BasicCredentials.encode($0.user, $0.password) }
    )
    self.core = core
    listener = try Listener(address: "127.0.0.1", tls: nil) { channel in
      try channel.pipeline.syncOperations.addHandler(ProxyHandler(core))
    }
  }

  deinit { listener.close() }

  /// What was asked of the proxy; the path is the whole target.
  package var requests: [RegistryRequest] { core.requests.withLock(\.self) }
}

private final class ProxyCore: Sendable {
  let routes: [String: Int]
  let authorization: String?
  let requests = Mutex<[RegistryRequest]>([])

  init(routes: [String: Int], authorization: String?) {
    self.routes = routes
    self.authorization = authorization
  }

  /// Where a connection to `HOST:PORT` goes.
  func place(of target: String) -> (host: String, port: Int)? {
    if let port = routes[target] { return ("127.0.0.1", port) }
    guard let colon = target.lastIndex(of: ":"),
      let port = Int(target[target.index(after: colon)...])
    else { return nil }
    return (String(target[..<colon]), port)
  }
}

/// One connection of a client: first a head, then bytes both ways.
private final class ProxyHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let core: ProxyCore
  private var received: [UInt8] = []
  private var peer: (any Channel)?
  private var isConnecting = false

  init(_ core: ProxyCore) { self.core = core }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    if let peer { return peer.writeAndFlush(buffer, promise: nil) }
    received += buffer.readableBytesView
    guard !isConnecting, let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
    let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
    received.removeSubrange(..<end.upperBound)
    take(head, context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    peer?.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func take(_ head: String, _ context: ChannelHandlerContext) {
    let lines = head.split(separator: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return refuse("400 Bad Request", context) }
    let request = RegistryRequest(
      method: words[0],
      path: words[1],
      headers: lines.dropFirst().compactMap { line in
        line.wholeMatch(of: /([^:]+): *(.*)/).map {
          HeaderField(String($0.output.1), String($0.output.2))
        }
      },
      port: context.channel.localAddress?.port ?? 0
    )
    core.requests.withLock { $0.append(request) }
    guard core.authorization == nil || request["Proxy-Authorization"] == core.authorization else {
      let challenge =
        "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\""
      return refuse(challenge, context)
    }
    if request.method == "CONNECT" {
      connect(to: request.path, greeting: [], context)
    } else if let match = request.path.wholeMatch(of: /http:\/\/([^\/]+)(\/.*)/) {
      let host = String(match.output.1)
      let target = host.contains(":") ? host : host + ":80"
      connect(to: target, greeting: Self.head(request, String(match.output.2)), context)
    } else {
      refuse("400 Bad Request", context)
    }
  }

  /// The request as the server wants it, the last one on its connection.
  private static func head(_ request: RegistryRequest, _ path: String) -> [UInt8] {
    let fields = request.without("Proxy-Authorization", "Proxy-Connection", "Connection").headers
      .map { "\($0.name): \($0.value)\r\n" }.joined()
    return Array("\(request.method) \(path) HTTP/1.1\r\n\(fields)Connection: close\r\n\r\n".utf8)
  }

  /// Connects to the target, sends `greeting`, or tells the client of the tunnel where there is none.
  private func connect(to target: String, greeting: [UInt8], _ context: ChannelHandlerContext) {
    guard let place = core.place(of: target) else { return refuse("400 Bad Request", context) }
    isConnecting = true
    let client = context.channel
    let connection = ClientBootstrap(group: client.eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ReturnHandler(client))
        }
      }
      .connect(host: place.host, port: place.port)
    connection.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let peer):
        if greeting.isEmpty {
          let established = ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n")
          client.writeAndFlush(established, promise: nil)
        }
        peer.writeAndFlush(ByteBuffer(bytes: greeting + self.received), promise: nil)
        self.received = []
        self.peer = peer
      case .failure:
        self.refuse("502 Bad Gateway", client)
      }
    }
  }

  private func refuse(_ status: String, _ context: ChannelHandlerContext) {
    refuse(status, context.channel)
  }

  private func refuse(_ status: String, _ client: any Channel) {
    let reply = "HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    client.writeAndFlush(ByteBuffer(string: reply)).whenComplete { _ in
      client.close(promise: nil)
    }
  }
}

/// The way back: what the server says goes to the client.
private final class ReturnHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let client: any Channel

  init(_ client: any Channel) { self.client = client }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    client.writeAndFlush(unwrapInboundIn(data), promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    client.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
