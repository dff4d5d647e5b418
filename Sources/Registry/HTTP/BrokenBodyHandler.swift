// Saves what came of a body before its connection broke. The client drops what it has read ahead, up
// to a whole receive window of TCP, as soon as it learns of the break. So it is told that the body has
// ended, which makes it hand everything on; that bytes are missing shows in the stated length, which
// HTTPBodyReader holds against what it got.
// Source: RFC 9112, section 8 (an answer shorter than its Content-Length is incomplete).

import NIOCore
import NIOHTTP1

/// Stands between the decoder of answers and the client's own handler, on one connection.
///
/// Used on the connection's event loop only. Bodies without a stated length break as they always did.
final class BrokenBodyHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart

  private enum State {
    case betweenAnswers
    /// Whether the end of the body can be told by its length.
    case inBody(isCounted: Bool)
    /// The client knows the end; whatever still comes is not for it.
    case broken
  }

  private var state = State.betweenAnswers

  /// Adds a handler to a connection on which the client is about to send its first request.
  static func install(on channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(BrokenBodyHandler(), position: .after(decoder))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .broken = state { return }
    switch unwrapInboundIn(data) {
    case .head(let head): state = .inBody(isCounted: HTTPAnswer.statedLength(head.headers) != nil)
    case .body: break
    case .end: state = .betweenAnswers
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    endBody(context)
    context.fireErrorCaught(error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    endBody(context)
    context.fireChannelInactive()
  }

  private func endBody(_ context: ChannelHandlerContext) {
    guard case .inBody(isCounted: true) = state else { return }
    state = .broken
    context.fireChannelRead(wrapInboundOut(.end(nil)))
    context.fireChannelReadComplete()
  }
}
