// One client's connection: requests in, replies out. The requests are parsed by NIOHTTP1; the
// replies are bytes, because NIOHTTP1 would put wrong ones in order.

import NIOCore
import NIOHTTP1
import NIOSSL

/// Takes the requests of one connection, one after the other.
final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = ByteBuffer

  /// More than any request of ours needs.
  private static let bodyByteCount = 1 << 20

  private let respond: @Sendable (RegistryRequest) -> Reply
  private let port: Int
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []

  init(port: Int, respond: @escaping @Sendable (RegistryRequest) -> Reply) {
    self.port = port
    self.respond = respond
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
    case .body(let buffer):
      body += buffer.readableBytesView
      if body.count > Self.bodyByteCount { context.close(promise: nil) }
    case .end:
      guard let head else { return }
      answer(head, on: context.channel, certificate: certificate(context))
    }
  }

  /// A client that does not trust us, or that is no client of HTTP, goes away in disorder.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, on channel: any Channel, certificate: String?) {
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let request = RegistryRequest(
      method: head.method.rawValue,
      path: String(parts[0]),
      query: parts.count > 1 ? String(parts[1]) : nil,
      headers: head.headers.map { HeaderField($0.name, $0.value) },
      body: body,
      port: port,
      clientCertificate: certificate
    )
    let reply = respond(request)
    ReplySender(
      channel: channel,
      reply: reply,
      isHeadOnly: head.method == .HEAD,
      keepsConnection: head.isKeepAlive && reply.keepsConnection
    ).send()
  }

  private func certificate(_ context: ChannelHandlerContext) -> String? {
    do {
      let handler = try context.pipeline.syncOperations
        .handler(type: NIOSSLServerHandler.self)
      return try handler.peerCertificate?.extractCommonName()
    } catch {
      // No TLS, no certificate.
      return nil
    }
  }
}

extension NIOSSLCertificate {
  /// What the subject's common name is, by the description that the library gives.
  fileprivate func extractCommonName() throws -> String? {
    description.firstMatch(of: /common_name=([^;>]*)/).map { String($0.output.1) }
  }
}
