// Where credentials are looked for, and in which order. AuthFile reads one file, CredentialHelper asks
// one program.
//
//   $REGISTRY_AUTH_FILE, or --authfile                   alone, when it is given
//   $XDG_RUNTIME_DIR/containers/auth.json                else /run/containers/UID/auth.json
//   $XDG_CONFIG_HOME/containers/auth.json                else ~/.config/containers/auth.json
//   $DOCKER_CONFIG/config.json                           else ~/.docker/config.json
//   ~/.dockercfg
//
// In one file the registry's own helper (credHelpers) decides alone; else the general one (credsStore)
// is asked, and where it has nothing the entries are looked at. The first file that has something wins.
// Source: containers-auth.json(5); containers-registries.conf(5), "credential-helpers"; Docker CLI
// manual, "docker login".

import OCISpec
package import SystemPackage

/// All credentials of a user, looked up when they are asked for.
///
/// Usable from any task. Nothing is kept: the files are read again, and helpers asked again, each time,
/// so callers keep what they got.
package struct CredentialStore: Sendable {
  /// What `credential-helpers` calls the files.
  private static let filesName = "containers-auth.json"

  private struct Place: Sendable {
    let path: FilePath
    let words: String
    var isLegacy = false
    var isRequired = false
  }

  private let files: [Place]
  /// Names of helpers, and `filesName` for the files, in the order in which they are asked.
  private let order: [String]
  private let helper: CredentialHelper

  /// The credentials of the user of `places`; nothing is read yet.
  ///
  /// `authFile` is one that the user named, and has to be there. `helpers` are the
  /// `credential-helpers` of the configuration of registries. `helperTimeout` is the longest wait for
  /// one answer of a helper: 30 s.
  package init(
    _ places: ConfigurationPlaces,
    authFile: FilePath? = nil,
    helpers: [String] = [],
    helperTimeout: Duration = .seconds(30)
  ) {
    let named = authFile ?? places.variable("REGISTRY_AUTH_FILE").map { FilePath($0) }
    if let named {
      files = [Place(path: named, words: places.words(named), isRequired: true)]
    } else {
      files = Self.standardFiles(places)
    }
    order = helpers.isEmpty ? [Self.filesName] : helpers
    helper = CredentialHelper(environment: places.environment, timeout: helperTimeout)
  }

  /// Where credentials are looked for, for messages: `~/.docker/config.json`, `the helper pass`.
  package var searched: [String] {
    order.flatMap { $0 == Self.filesName ? files.map(\.words) : [Self.words(ofHelper: $0)] }
  }

  /// The credentials for one registry, or `nil` when there are none.
  ///
  /// - Throws: `.configurationUnreadable` and `.invalidConfiguration` with the path of a file;
  ///   `.helperFailed`.
  package func credentials(
    for source: PullSource
  ) async throws(RegistryError) -> FoundCredentials? {
    for place in order {
      let found =
        place == Self.filesName
        ? try await inFiles(source) : try await ask(place, source)
      if let found { return found }
    }
    return nil
  }

  private func inFiles(_ source: PullSource) async throws(RegistryError) -> FoundCredentials? {
    for place in files {
      guard let bytes = try ConfigurationFile.read(place.path) else {
        guard place.isRequired else { continue }
        throw .configurationUnreadable(operation: "open", place.path, .noSuchFileOrDirectory)
      }
      let file = try AuthFile(bytes, path: place.path, isLegacy: place.isLegacy)
      if let own = file.helper(for: source.name.domain) {
        if let found = try await ask(own, source) { return found }
        continue
      }
      if let general = file.generalHelper, let found = try await ask(general, source) {
        return found
      }
      if let found = try file.credentials(for: source.name) {
        return FoundCredentials(found, origin: place.words)
      }
    }
    return nil
  }

  private func ask(
    _ name: String,
    _ source: PullSource
  ) async throws(RegistryError) -> FoundCredentials? {
    let domain = source.name.domain
    // Docker's own registry has a name of its own among credentials.
    let servers = domain == "docker.io" ? ["https://index.docker.io/v1/", domain] : [domain]
    return try await helper.credentials(from: name, for: servers).map {
      FoundCredentials($0, origin: Self.words(ofHelper: name))
    }
  }

  private static func standardFiles(_ places: ConfigurationPlaces) -> [Place] {
    let runtime =
      places.directory("XDG_RUNTIME_DIR")?.appending("containers/auth.json")
      ?? places.inRoot("run/containers/\(places.userID)/auth.json")
    let ours =
      places.directory("XDG_CONFIG_HOME")?.appending("containers/auth.json")
      ?? places.inHome(".config/containers/auth.json")
    let docker =
      places.variable("DOCKER_CONFIG").map { FilePath($0).appending("config.json") }
      ?? places.inHome(".docker/config.json")
    let current = [runtime, ours, docker].compactMap { $0 }
      .map { Place(path: $0, words: places.words($0)) }
    let legacy = places.inHome(".dockercfg")
      .map { Place(path: $0, words: places.words($0), isLegacy: true) }
    return current + [legacy].compactMap { $0 }
  }

  private static func words(ofHelper name: String) -> String { "the helper \(printable(name))" }
}
