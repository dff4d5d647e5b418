// The token service: who may pull what, which tokens are good, and how many were asked for.
// Source: distribution's "Token Authentication Specification" and "Token OAuth2 Authentication".

import Foundation
import Synchronization

/// Issues bearer tokens and knows which ones are good.
///
/// Several servers may share it.
package final class TokenIssuer: Sendable {
  /// How it behaves.
  package struct Policy: Sendable {
    package var service = "registry.test"
    /// Passwords by user.
    package var accounts: [String: String] = [:]
    /// Users by their identity tokens.
    package var identityTokens: [String: String] = [:]
    /// Whether anybody gets tokens, for all repositories but the private ones.
    package var allowsAnonymous = true
    package var privateRepositories: Set<String> = []
    /// What the answers say about the lifetime; nothing for `nil`.
    package var expiresInSeconds: Int? = 300
    /// How many requests a token is good for; `nil` for any number.
    package var usesPerToken: Int?
    /// Under which names the token stands in the answers.
    package var tokenFields = ["token", "access_token"]

    package init(_ change: (inout Policy) -> Void = { _ in }) { change(&self) }
  }

  fileprivate struct Token {
    var repositories: Set<String>
    var usesLeft: Int
  }

  fileprivate struct State {
    var policy: Policy
    var tokens: [String: Token] = [:]
    var issuedCount = 0
  }

  private let state: Mutex<State>

  package init(_ policy: Policy = Policy()) {
    state = Mutex(State(policy: policy))
  }

  package func update(_ change: (inout Policy) -> Void) {
    state.withLock { change(&$0.policy) }
  }

  /// How many tokens were given out.
  package var issuedCount: Int { state.withLock { $0.issuedCount } }

  /// Makes all tokens worthless, as their expiry would.
  package func revokeAll() {
    state.withLock { $0.tokens = [:] }
  }

  // MARK: At the registry

  /// `nil` where the request may pass; else the refusal with its challenge.
  func refusal(of request: RegistryRequest, realm: String) -> Reply? {
    let repository = ContentReplies.repository(of: request.path)
    let words = (request.authorization ?? "").split(separator: " ").map(String.init)
    let (service, fault) = state.withLock { state in
      (state.policy.service, Self.fault(words, repository, &state.tokens))
    }
    guard let fault else { return nil }
    var challenge = "Bearer realm=\"\(realm)\",service=\"\(service)\""
    if let repository { challenge += ",scope=\"repository:\(repository):pull\"" }
    if !fault.isEmpty { challenge += ",error=\"\(fault)\"" }
    return .error(
      401,
      "UNAUTHORIZED",
      "authentication required",
      [HeaderField("WWW-Authenticate", challenge)]
    )
  }

  /// What is wrong with a request's token; `nil` for nothing, empty where there is none.
  private static func fault(
    _ words: [String],
    _ repository: String?,
    _ tokens: inout [String: Token]
  ) -> String? {
    guard words.count == 2, words[0] == "Bearer" else { return "" }
    guard let token = tokens[words[1]], token.usesLeft > 0 else { return "invalid_token" }
    tokens[words[1]]?.usesLeft -= 1
    if let repository, !token.repositories.contains(repository) { return "insufficient_scope" }
    return nil
  }

  // MARK: At the token service

  /// The answer of the token service.
  func reply(to request: RegistryRequest) -> Reply {
    let isForm = request.method == "POST"
    let fields =
      isForm
      ? FormFields.decode(String(decoding: request.body, as: UTF8.self)) : request.queryFields
    return state.withLock { state in
      guard fields.value("service") == state.policy.service else {
        return .error(400, "UNKNOWN_SERVICE", "no such service")
      }
      let user: String?
      do throws(Refusal) {
        user = try isForm ? state.policy.user(ofForm: fields) : state.policy.user(of: request)
      } catch {
        return .error(401, "UNAUTHORIZED", error.reason)
      }
      return state.issue(to: user, scopes: fields.filter { $0.name == "scope" }.map(\.value))
    }
  }
}

/// Why somebody gets no token.
private struct Refusal: Error {
  let reason: String
}

extension TokenIssuer.Policy {
  /// The user of a GET with basic authentication; `nil` for anybody.
  fileprivate func user(of request: RegistryRequest) throws(Refusal) -> String? {
    guard let authorization = request.authorization else {
      if allowsAnonymous { return nil }
      throw Refusal(reason: "anonymous access is not allowed")
    }
    guard let (user, password) = BasicCredentials.decode(authorization),
      accounts[user] == password
    else { throw Refusal(reason: "incorrect username or password") }
    return user
  }

  /// The user of a POST with an identity token or a password.
  fileprivate func user(ofForm fields: [HeaderField]) throws(Refusal) -> String? {
    switch fields.value("grant_type") {
    case "refresh_token":
      if let user = fields.value("refresh_token").flatMap({ identityTokens[$0] }) { return user }
    case "password":
      if let user = fields.value("username"), let password = fields.value("password"),
        accounts[user] == password
      {
        return user
      }
    default: break
    }
    throw Refusal(reason: "incorrect grant")
  }
}

extension TokenIssuer.State {
  /// A token for those of the repositories that the user may pull from.
  fileprivate mutating func issue(to user: String?, scopes: [String]) -> Reply {
    let wanted = scopes.flatMap { $0.split(separator: " ") }.compactMap { scope in
      scope.wholeMatch(of: /repository:(.+):(?:\w+,)*pull(?:,\w+)*/).map { String($0.output.1) }
    }
    let granted = wanted.filter { user != nil || !policy.privateRepositories.contains($0) }
    issuedCount += 1
    let token = "token-\(issuedCount)-\(UUID().uuidString)"
    tokens[token] = TokenIssuer.Token(
      repositories: Set(granted),
      usesLeft: policy.usesPerToken ?? .max
    )
    var fields = policy.tokenFields.map { "\"\($0)\":\"\(token)\"" }
    if let seconds = policy.expiresInSeconds { fields.append("\"expires_in\":\(seconds)") }
    return Reply(
      200,
      [HeaderField("Content-Type", "application/json")],
      text: "{\(fields.joined(separator: ","))}"
    )
  }
}

extension [HeaderField] {
  fileprivate func value(_ name: String) -> String? { first { $0.name == name }?.value }
}

/// Source: RFC 7617.
package enum BasicCredentials {
  package static func encode(_ user: String, _ password: String) -> String {
    "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
  }

  static func decode(_ authorization: String) -> (user: String, password: String)? {
    let words = authorization.split(separator: " ")
    guard words.count == 2, words[0].lowercased() == "basic",
      let data = Data(base64Encoded: String(words[1]))
    else { return nil }
    let parts = String(decoding: data, as: UTF8.self)
      .split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
  }
}
