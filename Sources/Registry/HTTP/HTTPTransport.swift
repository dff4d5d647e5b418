// One HTTP request, one answer. The only file that makes connections. Follows no redirect, tries
// nothing twice, knows no registry; whoever asks decides where to and with what.
// Source: RFC 9110, RFC 9112; HTTP/1.1 only, because downloads of blobs gain nothing from sharing a
// connection.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Threading

/// One request.
struct HTTPRequest: Sendable {
  enum Method: Sendable {
    case get
    case head
    case post(form: String)
  }

  var method = Method.get
  var location: WebLocation
  /// Names and values; values hold secrets.
  var fields: [(name: String, value: String)] = []
  /// Whom to trust, and as whom to appear, where the location is protected.
  var tls: TLSConfiguration
}

/// The head of an answer, whose body is read by `HTTPBodyReader`, or dropped with the answer.
struct HTTPAnswer: Sendable {
  let status: Int
  fileprivate let fields: HTTPHeaders
  fileprivate let body: HTTPClientResponse.Body
  fileprivate let limits: NetworkLimits

  /// The first field of a name.
  func field(_ name: String) -> String? { fields.first(name: name) }

  /// All fields of a name.
  func fields(_ name: String) -> [String] { fields[name] }

  /// The length that the head announces; `nil` where it announces none, or nonsense.
  var contentLength: UInt64? { field("Content-Length").flatMap { UInt64($0) } }

  /// How long the body is; `nil` where only its end tells.
  static func statedLength(_ fields: HTTPHeaders) -> UInt64? {
    guard fields["Transfer-Encoding"].isEmpty else { return nil }
    return fields.first(name: "Content-Length").flatMap { UInt64($0) }
  }

  /// Reads the body; once.
  func reader() -> HTTPBodyReader {
    HTTPBodyReader(body, length: Self.statedLength(fields), limits: limits)
  }

  /// The whole body, of at most `limit` bytes.
  func bytes(upTo limit: UInt64) async throws(TransportError) -> [UInt8] {
    if let contentLength, contentLength > limit { throw .tooLong(limit: limit) }
    var reader = reader()
    var bytes: [UInt8] = []
    while let piece = try await reader.next() {
      guard UInt64(bytes.count + piece.readableBytes) <= limit else { throw .tooLong(limit: limit) }
      bytes.append(contentsOf: piece.readableBytesView)
    }
    return bytes
  }

  /// What there is of the body of a refusal, which may be as broken as the server is.
  func refusal() async -> [UInt8] {
    do {
      return try await bytes(upTo: limits.errorByteCount)
    } catch {
      return []
    }
  }
}

/// The body of one answer, piece by piece, as fast as the caller takes them.
struct HTTPBodyReader {
  private var iterator: HTTPClientResponse.Body.AsyncIterator
  private var meter: SpeedMeter
  /// How many bytes are still to come, where that is known.
  private var missing: UInt64?

  fileprivate init(_ body: HTTPClientResponse.Body, length: UInt64?, limits: NetworkLimits) {
    missing = length
    iterator = body.makeAsyncIterator()
    meter = SpeedMeter(limits)
  }

  /// The next piece, or `nil` at the end of a body that came whole.
  mutating func next() async throws(TransportError) -> ByteBuffer? {
    let piece: ByteBuffer?
    let start = ContinuousClock.now
    do {
      piece = try await iterator.next()
    } catch {
      throw Task.isCancelled ? .cancelled : TransportError(error, isBody: true)
    }
    // A cancelled sequence may end as if it were complete.
    guard !Task.isCancelled else { throw .cancelled }
    guard let piece else {
      guard missing ?? 0 == 0 else { throw .dropped("connection closed") }
      return nil
    }
    missing = missing.map { $0 - min($0, UInt64(piece.readableBytes)) }
    guard meter.accepts(piece.readableBytes, after: .now - start) else { throw .stalled }
    return piece
  }
}

/// The clients that requests go through, one for each proxy.
final class HTTPTransport: Sendable {
  private let limits: NetworkLimits
  private let proxies: ProxySettings
  private let userAgent: String
  private let clients = Mutex<[Proxy?: HTTPClient]>([:])

  init(limits: NetworkLimits, proxies: ProxySettings, userAgent: String) {
    self.limits = limits
    self.proxies = proxies
    self.userAgent = userAgent
  }

  /// Sends a request and waits for the head of its answer.
  func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPAnswer {
    let location = request.location
    var wire = HTTPClientRequest(url: location.text)
    wire.headers.add(name: "User-Agent", value: userAgent)
    for field in request.fields { wire.headers.add(name: field.name, value: field.value) }
    switch request.method {
    case .get: wire.method = .GET
    case .head: wire.method = .HEAD
    case .post(let form):
      wire.method = .POST
      wire.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
      wire.body = .bytes(ByteBuffer(string: form))
    }
    if location.isSecure { wire.tlsConfiguration = request.tls }
    let proxy = proxies.proxy(
      for: location.host,
      port: location.port,
      isSecure: location.isSecure
    )
    // The library holds a certificate for an address against the address that it is connected to,
    // which is the proxy's.
    if proxy != nil, location.isSecure, request.tls.certificateVerification == .fullVerification,
      IPAddress(location.host) != nil
    {
      throw .certificate("it proves a name, not an address, behind a proxy")
    }
    let client = client(for: proxy)
    do {
      // The deadline covers everything up to the end of the head; bodies have the meter.
      let deadline = NIODeadline.now() + .nanoseconds((limits.connect + limits.head).nanoseconds)
      let answer = try await client.execute(wire, deadline: deadline)
      return HTTPAnswer(
        status: Int(answer.status.code),
        fields: answer.headers,
        body: answer.body,
        limits: limits
      )
    } catch {
      if Task.isCancelled { throw .cancelled }
      let fault = TransportError(error, isBody: false)
      throw proxy.map { fault.through($0) } ?? fault
    }
  }

  /// Closes all connections.
  ///
  /// Nothing may be sent afterwards.
  func shutdown() async {
    let open = clients.withLock { clients in
      defer { clients = [:] }
      return Array(clients.values)
    }
    for client in open {
      do {
        try await client.shutdown()
      } catch {
        // What cannot be closed in good order is closed by the end of the process.
        continue
      }
    }
  }

  private func client(for proxy: Proxy?) -> HTTPClient {
    clients.withLock { clients in
      if let client = clients[proxy] { return client }
      let client = HTTPClient(
        eventLoopGroupProvider: .singleton,
        configuration: configuration(for: proxy)
      )
      clients[proxy] = client
      return client
    }
  }

  private func configuration(for proxy: Proxy?) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(
        connect: .nanoseconds(limits.connect.nanoseconds),
        read: .nanoseconds(limits.idle.nanoseconds)
      ),
      proxy: proxy.map(\.configuration),
      decompression: .disabled
    )
    configuration.httpVersion = .http1Only
    // Failures are told at once; trying again is the caller's decision.
    configuration.connectionPool.retryConnectionEstablishment = false
    // Whoever asks decides how many downloads there are at once. With the library's own limit of 8 the
    // others would wait for a free connection, and fail as if the server could not be reached.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
    configuration.http1_1ConnectionDebugInitializer = { BrokenBodyHandler.install(on: $0) }
    return configuration
  }
}

extension Duration {
  /// At most 292 years.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow
      ? .max : product.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
  }
}
