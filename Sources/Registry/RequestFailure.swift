// Why a registry did not give what it was asked for: the place, the thing, and the fault. Holds no
// secret; texts of servers are shortened and escaped before they get here.

package import OCISpec

/// One thing that one server did not give.
package struct RequestFailure: Error, Sendable, Equatable {
  /// What was asked for.
  package enum Target: Sendable, Equatable {
    /// The question whether there is a registry at all.
    case registry
    case token
    case manifest(String)
    case configuration(Digest)
    case layer(Digest)
  }

  package let target: Target
  /// The registry that was asked, as `HOST[:PORT]`.
  package let host: String
  /// The image's repository there.
  package let repository: String
  /// The server that failed, where the registry sent us on to another one.
  package let via: String?
  package let fault: RequestFault

  package init(
    _ fault: RequestFault,
    target: Target,
    host: String,
    repository: String,
    via: String? = nil
  ) {
    self.target = target
    self.host = host
    self.repository = repository
    self.via = via
    self.fault = fault
  }
}

/// Which credentials went along with a request that was refused.
package enum CredentialUse: Sendable, Equatable {
  case anonymous
  /// Those found there: a file, or a credential helper.
  case from(String)
}

/// What is wrong with an exchange or with its answer.
package enum RequestFault: Error, Sendable, Equatable {
  // No exchange.
  case cancelled
  case unresolved(name: String)
  case unreachable([String])
  case connectTimedOut
  case certificate(String)
  case clientCertificate(String)
  case tls(String)
  case proxy(String)

  // A broken exchange.
  case noAnswer
  case stalled
  case dropped(String)
  case malformed(String)
  case refusedLocation(RefusedLocation)
  case refusedRealm(RefusedLocation)

  // A refusal. The message is the server's own, if it had one.
  case notFound(ServerMessage?)
  case notAuthorised(CredentialUse, ServerMessage?)
  case denied(CredentialUse, ServerMessage?)
  /// No way to authorise that we know was offered.
  case unknownScheme([String])
  case rateLimited(retryAfter: Duration?, ServerMessage?)
  case serverError(status: Int, retryAfter: Duration?, ServerMessage?)
  case unexpected(status: Int, ServerMessage?)
  /// The place that a registry sent us to does not let us in: its address may have expired.
  case locationRefused(status: Int)

  // An answer that cannot be used.
  case tooLarge(limit: UInt64)
  case wrongLength(expected: UInt64, actual: UInt64)
  case wrongDigest(expected: Digest, actual: Digest)
  case contentType(String, document: String)
  case document(SpecError)
  case token(String)
  case range(String)
}

extension RequestFault {
  /// Whether the same request may succeed in a moment.
  var mayPass: Bool {
    switch self {
    case .unresolved, .unreachable, .connectTimedOut, .proxy, .noAnswer, .stalled, .dropped,
      .malformed, .rateLimited, .serverError, .locationRefused, .range:
      true
    case .cancelled, .certificate, .clientCertificate, .tls, .refusedLocation, .refusedRealm,
      .notFound, .notAuthorised, .denied, .unknownScheme, .unexpected, .tooLarge, .wrongLength,
      .wrongDigest, .contentType, .document, .token:
      false
    }
  }

  /// Whether the server was never talked to.
  var isConnecting: Bool {
    switch self {
    case .unresolved, .unreachable, .connectTimedOut, .certificate, .clientCertificate, .tls,
      .proxy:
      true
    default: false
    }
  }

  /// How long the server asks to wait.
  var retryAfter: Duration? {
    switch self {
    case .rateLimited(let wait, _), .serverError(_, let wait, _): wait
    default: nil
    }
  }

  /// What an exit code is chosen by.
  package var kind: RegistryError.Kind {
    switch self {
    case .cancelled: .temporary
    case .unresolved, .unreachable, .connectTimedOut, .certificate, .clientCertificate, .tls,
      .proxy, .malformed, .refusedLocation, .refusedRealm, .unknownScheme, .unexpected, .token,
      .range:
      .unavailable
    case .noAnswer, .stalled, .dropped, .rateLimited, .serverError, .locationRefused: .temporary
    case .notFound: .notFound
    case .notAuthorised, .denied: .notPermitted
    case .tooLarge, .wrongLength, .wrongDigest, .contentType, .document: .invalid
    }
  }

  init(_ error: TransportError) {
    switch error {
    case .cancelled: self = .cancelled
    case .unresolved(let name): self = .unresolved(name: name)
    case .unreachable(let addresses): self = .unreachable(addresses)
    case .connectTimedOut: self = .connectTimedOut
    case .certificate(let reason): self = .certificate(reason)
    case .clientCertificate(let reason): self = .clientCertificate(reason)
    case .notTLS: self = .tls("the server does not speak TLS")
    case .tls(let reason): self = .tls(reason)
    case .proxy(let reason): self = .proxy(reason)
    case .headTimedOut: self = .noAnswer
    case .stalled: self = .stalled
    case .dropped(let reason): self = .dropped(reason)
    case .malformed(let reason): self = .malformed(reason)
    case .tooLong(let limit): self = .tooLarge(limit: limit)
    }
  }
}

extension RequestFailure: CustomStringConvertible {
  package var description: String {
    let place = via.map { "\(host) (sent on to \($0))" } ?? host
    return switch target {
    case .registry: "\(place): \(fault)"
    case .token: "\(place): cannot get a token: \(fault)"
    case .manifest(let name): "\(place)/\(repository): \(Self.words(name)): \(fault)"
    case .configuration(let digest): "\(place)/\(repository): configuration \(digest): \(fault)"
    case .layer(let digest): "\(place)/\(repository): layer \(digest): \(fault)"
    }
  }
}

extension RequestFailure {
  /// Only digests have colons.
  private static func words(_ name: String) -> String {
    "\(name.utf8.contains(UInt8(ascii: ":")) ? "image" : "tag") \(name)"
  }
}

extension CredentialUse: CustomStringConvertible {
  package var description: String {
    switch self {
    case .anonymous: "without credentials"
    case .from(let place): "with the credentials from \(place)"
    }
  }
}

extension RequestFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .cancelled: "interrupted"
    case .unresolved(let name): "cannot find the address of \(name)"
    case .unreachable(let reasons):
      reasons.isEmpty ? "cannot connect" : "cannot connect: \(Self.list(reasons))"
    case .connectTimedOut: "cannot connect: no answer"
    case .certificate(let reason): "its certificate is not to be trusted: \(reason)"
    case .clientCertificate(let reason): "client certificate: \(reason)"
    case .tls(let reason): "TLS: \(reason)"
    case .proxy(let reason): "the proxy: \(reason)"
    case .noAnswer: "no answer in time"
    case .stalled: "the download came to a standstill"
    case .dropped(let reason): "the connection broke: \(reason)"
    case .malformed(let reason): "malformed answer: \(reason)"
    case .refusedLocation(let place): "refused to be sent to \(place)"
    case .refusedRealm(let place): "refused to ask for a token at \(place)"
    case .notFound(let message): "not found" + Self.suffix(message)
    case .notAuthorised(let use, let message): "not authorised \(use)" + Self.suffix(message)
    case .denied(let use, let message): "access denied \(use)" + Self.suffix(message)
    case .unknownScheme(let schemes):
      "offers no way to authorise that is supported: \(Self.list(schemes))"
    case .rateLimited(let wait, let message):
      "too many requests" + Self.again(wait) + Self.suffix(message)
    case .serverError(let status, let wait, let message):
      "server error \(status)" + Self.again(wait) + Self.suffix(message)
    case .unexpected(let status, let message): "unexpected status \(status)" + Self.suffix(message)
    case .locationRefused(let status): "status \(status) from where the registry sent us"
    case .tooLarge(let limit): "larger than \(limit) bytes"
    case .wrongLength(let expected, let actual): "\(actual) bytes, expected \(expected)"
    case .wrongDigest(let expected, let actual): "content is \(actual), expected \(expected)"
    case .contentType(let type, let document):
      "sent as \(type), but the document says that it is \(document)"
    case .document(let error): "\(error)"
    case .token(let reason): "no usable token: \(reason)"
    case .range(let reason): "unusable partial answer: \(reason)"
    }
  }

  private static func suffix(_ message: ServerMessage?) -> String {
    message.map { ": \($0)" } ?? ""
  }

  private static func again(_ wait: Duration?) -> String {
    wait.map { ", try again in \($0.components.seconds) s" } ?? ""
  }

  private static func list(_ texts: [String]) -> String {
    let shown = texts.prefix(8).joined(separator: ", ")
    return texts.count > 8 ? "\(shown) and \(texts.count - 8) more" : shown
  }
}
