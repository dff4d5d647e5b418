// One file of credentials, as `login` commands write them: what its keys mean, and what is in an entry.
// Asks no helper and knows no other file. Who may read the file is not judged: other tools write them
// with mode 0600, and where somebody made one wider (a secret mounted into a container has mode 0644)
// a warning at each pull would change nothing.
// Source: containers-auth.json(5); Docker CLI manual, "docker login", "Credential stores".

import FoundationEssentials
import OCISpec
import SystemPackage

/// The entries and helpers of one file.
struct AuthFile: Sendable {
  private let path: FilePath
  private let entries: [String: Entry]
  private let helpers: [String: String]
  private let isLegacy: Bool
  /// The helper for every registry that has none of its own.
  let generalHelper: String?

  /// Reads the bytes of the file at `path`; an empty one says nothing.
  ///
  /// `isLegacy` says that it is a `.dockercfg`, which has nothing but entries.
  ///
  /// - Throws: `.invalidConfiguration` with the path, and nothing of the content.
  init(_ bytes: [UInt8], path: FilePath, isLegacy: Bool) throws(RegistryError) {
    self.path = path
    self.isLegacy = isLegacy
    let document: Document
    do throws(ConfigurationFault) {
      document = try Self.decode(bytes, isLegacy: isLegacy)
    } catch {
      throw .invalidConfiguration(path, error)
    }
    entries = (document.auths ?? [:]).compactMapValues { $0 }
    helpers = (document.credHelpers ?? [:]).filter { !$0.value.isEmpty }
    generalHelper = document.credsStore.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The helper that alone knows the credentials for a registry.
  func helper(for domain: String) -> String? {
    if let helper = helpers[domain] { return helper }
    let keys = helpers.keys.filter { Self.place($0, isLegacy: false) == domain }
    return keys.min().flatMap { helpers[$0] }
  }

  /// What the entries have for a repository: its own, else that of the namespace around it, and so on
  /// to the registry's.
  ///
  /// - Throws: `.invalidConfiguration` for an entry that is about it and malformed.
  func credentials(for name: ImageName) throws(RegistryError) -> Credentials? {
    var place = isLegacy ? name.domain : name.repositoryText
    while true {
      for key in keys(about: place) {
        if let found = try entries[key].flatMap({ entry throws(RegistryError) in
          try credentials(entry, key: key)
        }) {
          return found
        }
      }
      guard let slash = place.lastIndex(of: "/") else { return nil }
      place = String(place[..<slash])
    }
  }

  /// The keys that stand for a place: its own spelling first.
  private func keys(about place: String) -> [String] {
    let others = entries.keys.filter { $0 != place && Self.place($0, isLegacy: isLegacy) == place }
    return (entries[place] == nil ? [] : [place]) + others.sorted()
  }

  /// The registry or the namespace that a key stands for.
  ///
  /// Docker wrote addresses in several forms, of which only the host counts: `https://ghcr.io/v2/`;
  /// for its own registry it still writes `https://index.docker.io/v1/`.
  static func place(_ key: String, isLegacy: Bool) -> String {
    var place = key
    for scheme in ["http://", "https://"] where place.hasPrefix(scheme) {
      place.removeFirst(scheme.count)
    }
    while place.hasSuffix("/") { place.removeLast() }
    let domain = String(place.prefix { $0 != "/" })
    let path = place.dropFirst(domain.count)
    let isHub = ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(domain)
    let isHostAlone = isLegacy || key.hasPrefix("http://") || key.hasPrefix("https://")
    if isHostAlone || (isHub && (path == "/v1" || path == "/v2")) {
      return isHub ? ImageName.dockerHub : domain
    }
    return (isHub ? ImageName.dockerHub : domain) + path
  }

  // MARK: Entries

  /// What is in an entry; `nil` for one that only marks that somebody logged in.
  private func credentials(_ entry: Entry, key: String) throws(RegistryError) -> Credentials? {
    let fault = RegistryError.invalidConfiguration(path, .badCredentials(registry: printable(key)))
    if let token = entry.registrytoken, !token.isEmpty {
      guard Self.isToken(token) else { throw fault }
      return .registryToken(token)
    }
    if let token = entry.identitytoken, !token.isEmpty {
      guard Self.isToken(token) else { throw fault }
      return .identityToken(token)
    }
    if let auth = entry.auth, !auth.isEmpty {
      guard let credentials = Self.decode(auth: auth) else { throw fault }
      return credentials
    }
    guard let user = entry.username, !user.isEmpty else { return nil }
    guard !user.utf8.contains(UInt8(ascii: ":")) else { throw fault }
    return .basic(user: user, password: entry.password ?? "")
  }

  /// `USER:PASSWORD` in base64.
  ///
  /// Docker filled up the password with NULs once.
  private static func decode(auth: String) -> Credentials? {
    guard let bytes = Data(base64Encoded: auth),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let user = String(bytes: bytes[..<colon], encoding: .utf8)
    else { return nil }
    var rest = bytes[(colon + 1)...]
    while rest.last == 0 { rest.removeLast() }
    return String(bytes: rest, encoding: .utf8).map { .basic(user: user, password: $0) }
  }

  /// Whether a text can be sent as a token: letters, digits and signs, no space and no line end.
  static func isToken(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  // MARK: JSON

  private struct Document: Decodable {
    var auths: [String: Entry?]?
    var credHelpers: [String: String]?
    var credsStore: String?
  }

  private struct Entry: Decodable {
    let auth: String?
    let username: String?
    let password: String?
    let identitytoken: String?
    let registrytoken: String?
  }

  private static func decode(
    _ bytes: [UInt8],
    isLegacy: Bool
  ) throws(ConfigurationFault) -> Document {
    guard !bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return Document() }
    do {
      guard isLegacy else { return try JSONDecoder().decode(Document.self, from: Data(bytes)) }
      let entries = try JSONDecoder().decode([String: Entry?].self, from: Data(bytes))
      return Document(auths: entries)
    } catch let error as DecodingError {
      throw fault(error)
    } catch {
      throw .notJSON
    }
  }

  /// Which field is at fault; the decoder's own words would repeat what is in it.
  private static func fault(_ error: DecodingError) -> ConfigurationFault {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .keyNotFound(_, let context):
      let field = context.codingPath.first?.stringValue
      let known = ["auths", "credHelpers", "credsStore"]
      return .badField(field.flatMap { known.contains($0) ? $0 : nil } ?? "document")
    default: return .notJSON
    }
  }
}
