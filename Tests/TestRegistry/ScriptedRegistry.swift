// A registry inside the test process that does what it is told: the truth, unless a rule says
// otherwise. Clients reach it by its address, from this process or another.

import TestKit
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// A server of the distribution protocol on a port that the system chose; it ends with its last owner.
package final class ScriptedRegistry: Sendable {
  /// Who may come in.
  package enum Authentication: Sendable {
    case none
    /// Passwords by user.
    case basic([String: String])
    /// Tokens of an issuer, at `/token` here or at another address.
    case bearer(TokenIssuer, realm: String? = nil)
  }

  package let contents: RegistryContents
  /// `http` or `https`.
  package let scheme: String
  /// The address as it was given: `127.0.0.1`.
  package let address: String
  private let listener: Listener
  private let core: RegistryCore

  package var port: Int { listener.port }
  /// The registry's part of an image's name: `127.0.0.1:4711`.
  package var domain: String { "\(address):\(port)" }
  package var url: String { "\(scheme)://\(domain)" }

  /// Starts to listen; returns when clients may come.
  ///
  /// All of 127.0.0.0/8 is this machine: another address there is another host.
  package init(
    contents: RegistryContents = RegistryContents(),
    authentication: Authentication = .none,
    tls: ServerIdentity? = nil,
    address: String = "127.0.0.1"
  ) throws {
    let scheme = tls == nil ? "http" : "https"
    let core = RegistryCore(contents: contents, authentication: authentication)
    self.contents = contents
    self.address = address
    self.scheme = scheme
    self.core = core
    listener = try Listener(address: address, tls: try tls?.context()) { channel in
      guard let port = channel.localAddress?.port else { throw ProgramFailure("no port") }
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
      try pipeline.addHandler(
        ConnectionHandler(port: port) { request in
          core.reply(to: request, url: "\(scheme)://\(address):\(port)")
        }
      )
    }
  }

  deinit { listener.close() }

  /// Adds a rule; the first one that takes a request answers it.
  package func on(
    _ pattern: RequestPattern,
    _ occurrences: Occurrences,
    _ answer: Answer
  ) {
    core.add(Rule(pattern: pattern, occurrences: occurrences, answer: answer))
  }

  /// Adds a rule for all requests of a kind.
  package func on(_ pattern: RequestPattern, _ answer: Answer) {
    on(pattern, .always, answer)
  }

  package func removeRules() { core.removeRules() }

  /// All requests so far, in the order in which they came.
  package var requests: [RegistryRequest] { core.requests }

  /// The requests of a kind.
  package func requests(_ pattern: RequestPattern) -> [RegistryRequest] {
    requests.filter(pattern.matches)
  }

  /// How many connections have come in, also those that asked for nothing.
  package var connectionCount: Int { listener.connectionCount }

  package func forgetRequests() { core.forgetRequests() }

  /// Where the content of a blob can be had without the protocol around it.
  package func fileURL(_ digest: String, query: String = "") -> String {
    "\(url)/files/\(digest)\(query)"
  }
}

/// What the connections share.
private final class RegistryCore: Sendable {
  private struct State {
    var rules: [Rule] = []
    var requests: [RegistryRequest] = []
  }

  private let replies: ContentReplies
  private let authentication: ScriptedRegistry.Authentication
  private let state = Mutex(State())

  init(contents: RegistryContents, authentication: ScriptedRegistry.Authentication) {
    replies = ContentReplies(contents: contents)
    self.authentication = authentication
  }

  var requests: [RegistryRequest] { state.withLock { $0.requests } }
  func forgetRequests() { state.withLock { $0.requests = [] } }
  func add(_ rule: Rule) { state.withLock { $0.rules.append(rule) } }
  func removeRules() { state.withLock { $0.rules = [] } }

  func reply(to request: RegistryRequest, url: String) -> Reply {
    let answer = state.withLock { state in
      state.requests.append(request)
      // Each rule counts, also behind one that answers.
      var answer: Answer?
      for index in state.rules.indices where state.rules[index].takes(request) {
        answer = answer ?? state.rules[index].answer
      }
      return answer
    }
    guard let answer else { return truth(request, url) }
    return answer.make(request) { self.truth($0, url) }
  }

  private func truth(_ request: RegistryRequest, _ url: String) -> Reply {
    switch authentication {
    case .none: break
    case .basic(let accounts):
      guard request.path.hasPrefix("/v2/") else { break }
      if let (user, password) = request.authorization.flatMap(BasicCredentials.decode),
        accounts[user] == password
      {
        break
      }
      let challenge = HeaderField("WWW-Authenticate", "Basic realm=\"test\"")
      return .error(401, "UNAUTHORIZED", "authentication required", [challenge])
    case .bearer(let issuer, let realm):
      if request.path == "/token" { return issuer.reply(to: request) }
      guard request.path.hasPrefix("/v2/") else { break }
      if let refusal = issuer.refusal(of: request, realm: realm ?? "\(url)/token") {
        return refusal
      }
    }
    return replies.reply(to: request)
  }
}
