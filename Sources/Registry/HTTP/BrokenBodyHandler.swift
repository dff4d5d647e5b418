// Saves what came of a body before its connection broke. The client drops what it has read ahead, up
// to a whole receive window of TCP, as soon as it learns of the break. So it is told that the body has
// ended, which makes it hand everything on; that bytes are missing shows in the stated length, which
// HTTPBodyReader holds against what it got, or in what the caller knows of the length.
// Source: RFC 9112, section 8 (an answer shorter than its Content-Length is incomplete).

import NIOCore
import NIOHTTP1

/// Stands between the decoder of answers and the client's own handler, on one connection.
///
/// Used on the connection's event loop only. Other bodies without a stated length break as they
/// always did.
final class BrokenBodyHandler: ChannelInboundHandler, ChannelOutboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  /// A field of requests whose sender knows how long the answer has to be.
  ///
  /// It is for this handler alone and never sent.
  static let knownLengthField = "X-Known-Length"

  private enum State {
    case betweenAnswers
    /// Whether the end of the body can be told by its length.
    case inBody(isCounted: Bool)
    /// The client knows the end; whatever still comes is not for it.
    case broken
  }

  private var state = State.betweenAnswers
  private var isLengthKnown = false

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
    case .head(let head):
      let isStated = HTTPAnswer.statedLength(head.headers) != nil
      state = .inBody(isCounted: isStated || isLengthKnown)
    case .body: break
    case .end: state = .betweenAnswers
    }
    context.fireChannelRead(data)
  }

  func write(
    context: ChannelHandlerContext,
    data: NIOAny,
    promise: EventLoopPromise<Void>?
  ) {
    guard case .head(var head) = unwrapOutboundIn(data) else {
      return context.write(data, promise: promise)
    }
    isLengthKnown = head.headers.contains(name: Self.knownLengthField)
    head.headers.remove(name: Self.knownLengthField)
    context.write(wrapOutboundOut(.head(head)), promise: promise)
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
