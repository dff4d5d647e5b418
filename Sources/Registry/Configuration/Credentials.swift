// What proves to a registry who we are. Values that hide themselves: whatever prints, dumps or reflects
// on one sees its kind only.

/// A user's secret for one registry.
package enum Credentials: Hashable, Sendable {
  case basic(user: String, password: String)
  /// What a token service takes instead of a password.
  case identityToken(String)
  /// What the registry itself takes, as it is, in `Authorization: Bearer`.
  case registryToken(String)
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String {
    switch self {
    case .basic: "user and password"
    case .identityToken: "identity token"
    case .registryToken: "registry token"
    }
  }

  package var debugDescription: String { description }

  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Credentials, and where they are from.
package struct FoundCredentials: Hashable, Sendable {
  package let credentials: Credentials
  /// For messages: `~/.docker/config.json`, `the helper pass`.
  package let origin: String

  package init(_ credentials: Credentials, origin: String) {
    self.credentials = credentials
    self.origin = origin
  }
}
