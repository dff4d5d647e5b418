// Why there was no answer, or no whole one: told from the many ways in which the libraries below
// put it. Says nothing about what an answer means.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCISpec
import SystemPackage

/// A failed exchange of bytes.
enum TransportError: Error, Sendable, Equatable {
  case cancelled
  /// The host's name has no address.
  case unresolved(String)
  /// No address of the host accepts connections; one text for each.
  case unreachable([String])
  case connectTimedOut
  /// The server's certificate is not to be trusted.
  case certificate(String)
  /// The server wants a certificate of ours, or another one.
  case clientCertificate(String)
  /// The server does not speak TLS.
  case notTLS
  case tls(String)
  case proxy(String)
  case headTimedOut
  /// The answer came to a standstill, or was slower than bearable.
  case stalled
  case dropped(String)
  /// What came is not HTTP.
  case malformed(String)
  /// The body is longer than it may be.
  case tooLong(limit: UInt64)

  /// Whether the server was never talked to.
  var isConnecting: Bool {
    switch self {
    case .unresolved, .unreachable, .connectTimedOut, .certificate, .clientCertificate, .notTLS,
      .tls, .proxy:
      true
    case .cancelled, .headTimedOut, .stalled, .dropped, .malformed, .tooLong: false
    }
  }
}

extension TransportError {
  /// The same where the server was to be reached through a proxy: then only that was connected to.
  func through(_ proxy: Proxy) -> TransportError {
    switch self {
    case .unresolved: .proxy("cannot find the address of \(proxy)")
    case .unreachable(let reasons):
      .proxy("cannot connect to \(proxy): \(reasons.prefix(4).joined(separator: ", "))")
    case .connectTimedOut: .proxy("cannot connect through \(proxy): no answer")
    default: self
    }
  }

  /// What a library's error means; `isBody` where the head had come already.
  init(_ error: any Error, isBody: Bool) {
    switch error {
    case let error as TransportError: self = error
    case is CancellationError: self = .cancelled
    case let error as HTTPClientError: self = Self(error, isBody: isBody)
    case let error as NIOConnectionError: self = Self(error)
    case let error as NIOSSLError: self = Self(error)
    case let error as BoringSSLError: self = Self(error)
    case let error as NIOSSLExtraError:
      self =
        error == .failedToValidateHostname
        ? .certificate("it was made out for another name") : .tls(printable(error.description))
    case let error as HTTPParserError: self = Self(error)
    case let error as IOError:
      let reason = printable(error.localizedReason)
      self = isBody || Self.isDrop(error) ? .dropped(reason) : .unreachable([reason])
    case is NIOTooManyBytesError: self = .tooLong(limit: 0)
    case let error as ChannelError: self = Self(error)
    default: self = .dropped(printable(String(describing: error)))
    }
  }

  private init(_ error: HTTPClientError, isBody: Bool) {
    switch error {
    case .cancelled: self = .dropped("the exchange was given up")
    case .connectTimeout, .getConnectionFromPoolTimeout, .socksHandshakeTimeout:
      self = .connectTimedOut
    case .tlsHandshakeTimeout: self = .notTLS
    case .deadlineExceeded: self = .headTimedOut
    case .readTimeout, .writeTimeout: self = isBody ? .stalled : .headTimedOut
    case .proxyAuthenticationRequired: self = .proxy("it wants other credentials")
    case .invalidProxyResponse: self = .proxy("it refuses to connect us")
    case .httpProxyHandshakeTimeout: self = .proxy("it does not answer")
    case .remoteConnectionClosed, .uncleanShutdown: self = .dropped("connection closed")
    default: self = .malformed(error.shortDescription.lowercased())
    }
  }

  private init(_ error: NIOConnectionError) {
    let failures = error.connectionErrors.map {
      let address = $0.target.ipAddress ?? "unknown address"
      return "\(address) port \($0.target.port ?? error.port): \(Self.reason($0.error))"
    }
    if failures.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
      self = .unresolved(printable(error.host))
    } else {
      self = failures.isEmpty ? .connectTimedOut : .unreachable(failures.map { printable($0) })
    }
  }

  private init(_ error: NIOSSLError) {
    switch error {
    case .handshakeFailed(let cause): self = Self(cause)
    case .noCertificateToValidate, .unableToValidateCertificate:
      self = .certificate("it cannot be verified")
    case .noSuchFilesystemObject, .failedToLoadCertificate, .failedToLoadPrivateKey:
      self = .tls("cannot load the certificates that were configured")
    case .uncleanShutdown: self = .dropped("connection closed without a farewell")
    default: self = .tls(printable(String(describing: error)))
    }
  }

  /// BoringSSL's reasons are words in a text; there is no other way to learn them.
  private init(_ error: BoringSSLError) {
    guard case .sslError(let stack) = error else {
      self = error == .zeroReturn || error == .syscallError ? .notTLS : .tls("handshake failed")
      return
    }
    let text = stack.map(\.description).joined(separator: " ")
    if text.contains("CERTIFICATE_VERIFY_FAILED") {
      self = .certificate("it was issued by nobody we trust, or is not valid now")
    } else if Self.plainSpeech.contains(where: text.contains) || stack == [.eofDuringHandshake] {
      self = .notTLS
    } else if let alert = Self.certificateAlerts.first(where: { text.contains($0.key) }) {
      self = .clientCertificate(alert.value)
    } else {
      self = .tls(Self.reasonWord(in: text))
    }
  }

  private static let plainSpeech = ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"]
  private static let certificateAlerts = [
    "CERTIFICATE_REQUIRED": "the server wants one",
    "BAD_CERTIFICATE": "the server does not accept ours",
    "ALERT_UNKNOWN_CA": "the server does not know who issued ours",
    "CERTIFICATE_UNKNOWN": "the server does not accept ours",
    "CERTIFICATE_EXPIRED": "ours has expired",
    "ALERT_ACCESS_DENIED": "the server does not accept ours",
  ]

  /// `… OPENSSL_internal:UNSUPPORTED_PROTOCOL at …` names the fault in capital letters.
  private static func reasonWord(in text: String) -> String {
    let word = text.split(separator: "internal:").dropFirst().first?
      .prefix { $0.isUppercase || $0.isNumber || $0 == "_" }
    return word.map { $0.lowercased().split(separator: "_").joined(separator: " ") }
      ?? "handshake failed"
  }

  private init(_ error: ChannelError) {
    switch error {
    case .connectTimeout: self = .connectTimedOut
    default: self = .dropped("connection closed")
    }
  }

  private init(_ error: HTTPParserError) {
    switch error {
    case .invalidEOFState: self = .dropped("connection closed")
    case .headerOverflow: self = .malformed("its head is too long")
    default: self = .malformed("not HTTP")
    }
  }

  private static func isDrop(_ error: IOError) -> Bool {
    [ECONNRESET, EPIPE, ENOTCONN].contains(error.errnoCode)
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError: error.localizedReason
    case ChannelError.connectTimeout: "no answer"
    default: String(describing: error)
    }
  }
}

extension IOError {
  /// The system's words for the error number.
  fileprivate var localizedReason: String { Errno(rawValue: errnoCode).description.lowercased() }
}
