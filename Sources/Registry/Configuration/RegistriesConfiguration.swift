// What the user's machine says about registries: where images of which names are fetched from, and what
// short names mean. Puts files together; RegistriesFile reads one, RegistryRule is one table of it.
//
//   $CONTAINERS_REGISTRIES_CONF                  the main file, when it is set
//   ~/.config/containers/registries.conf         else; then the system's directory is not read
//   /etc/containers/registries.conf              else
//   /etc/containers/registries.conf.d/*.conf     then what is added, in the order of the names
//   ~/.config/containers/registries.conf.d/*.conf
//   ~/.cache/containers/short-name-aliases.conf  what other tools asked the user and wrote down
//   /var/cache/containers/short-name-aliases.conf  the same for root
//
// A later file replaces tables with the same prefix, aliases with the same name, and lists as a whole.
// Source: containers-registries.conf(5), containers-registries.conf.d(5).

package import OCISpec
import SystemPackage

/// All of the configuration of registries.
package struct RegistriesConfiguration: Sendable {
  private var rules: [String: RegistryRule] = [:]
  private var aliases: [String: RegistryReference?] = [:]
  private var searchRegistries: [String] = []
  private var shortNameMode: ShortNameMode?
  /// Where credentials are looked for, in this order: names of helpers, and `containers-auth.json`
  /// for the files.
  ///
  /// Empty where nothing is said, which means the files.
  package private(set) var credentialHelpers: [String] = []

  /// The configuration of a machine that has none.
  package init() {}

  /// Reads the files.
  ///
  /// Only the file of `$CONTAINERS_REGISTRIES_CONF` has to be there.
  ///
  /// - Throws: `.configurationUnreadable`, `.invalidConfiguration` with the path of the file.
  package static func load(_ places: ConfigurationPlaces) throws(RegistryError) -> Self {
    var configuration = Self()
    let main = try mainFile(places)
    if let (path, bytes) = main { configuration.add(try RegistriesFile(bytes, path: path)) }
    let ours = places.inHome(".config/containers/registries.conf")
    let isOurs = main?.path == ours
    let directories = [
      isOurs ? nil : places.inRoot("etc/containers/registries.conf.d"),
      places.inHome(".config/containers/registries.conf.d"),
    ]
    for directory in directories.compactMap({ $0 }) {
      for name in try ConfigurationFile.names(in: directory, ending: [".conf"]) ?? [] {
        try configuration.addFile(directory.appending(name))
      }
    }
    if let path = recordedAliases(places), let bytes = try ConfigurationFile.read(path) {
      let recorded = try RegistriesFile(bytes, path: path)
      configuration.aliases.merge(recorded.aliases) { $1 }
    }
    return configuration
  }

  /// The full names that a reference may mean, the most likely first.
  ///
  /// A short name means what an alias says, else an image in one of the registries to search. Without
  /// any it is completed as Docker does. Where several are to be searched, the name would mean
  /// whatever somebody puts into the first of them: unless the configuration says that this is wanted
  /// (`short-name-mode` is `permissive` or `disabled`) the user has to choose.
  ///
  /// - Throws: `.ambiguousShortName` with the full names.
  package func names(for reference: RegistryReference) throws(RegistryError) -> [ImageName] {
    guard reference.domain == nil else { return [reference.dockerName] }
    if case .some(.some(let alias)) = aliases[reference.path] {
      let target = alias.dockerName
      return [
        ImageName(
          domain: target.domain,
          path: target.repository,
          tag: reference.tag,
          digest: reference.digest
        )
      ]
    }
    guard !searchRegistries.isEmpty else { return [reference.dockerName] }
    let names = searchRegistries.map { reference.name(in: $0) }
    guard names.count == 1 || shortNameMode == .permissive || shortNameMode == .disabled else {
      throw .ambiguousShortName(printable(reference.text), candidates: names.map(\.text))
    }
    return names
  }

  /// Where an image can be fetched: mirrors in their order, then the registry itself.
  ///
  /// The rule with the longest prefix decides alone.
  ///
  /// - Throws: `.blocked`; `.badRewrite` where a rule makes something of the name that is no name.
  package func sources(for name: ImageName) throws(RegistryError) -> [PullSource] {
    guard let rule = rule(for: name) else {
      return [PullSource(name: name, isInsecure: false, isMirror: false)]
    }
    guard !rule.isBlocked else { throw .blocked(name.text, by: rule.origin) }
    var sources: [PullSource] = []
    for mirror in rule.mirrors where mirror.use.covers(name) {
      let target = try rule.rewrite(name, to: mirror.location)
      sources.append(PullSource(name: target, isInsecure: mirror.isInsecure, isMirror: true))
    }
    var target = name
    if let location = rule.location { target = try rule.rewrite(name, to: location) }
    return sources + [PullSource(name: target, isInsecure: rule.isInsecure, isMirror: false)]
  }

  // MARK: Putting files together

  private func rule(for name: ImageName) -> RegistryRule? {
    let text = name.text
    return rules.values.filter { $0.coveredByteCount(of: text) != nil }
      .max { $0.prefix.utf8.count < $1.prefix.utf8.count }
  }

  private mutating func addFile(_ path: FilePath) throws(RegistryError) {
    // Gone since the directory was listed: as good as never there.
    guard let bytes = try ConfigurationFile.read(path) else { return }
    add(try RegistriesFile(bytes, path: path))
  }

  private mutating func add(_ file: RegistriesFile) {
    for rule in file.rules { rules[rule.prefix] = rule }
    aliases.merge(file.aliases) { $1 }
    searchRegistries = file.searchRegistries ?? searchRegistries
    shortNameMode = file.shortNameMode ?? shortNameMode
    credentialHelpers = file.credentialHelpers ?? credentialHelpers
  }

  private static func mainFile(
    _ places: ConfigurationPlaces
  ) throws(RegistryError) -> (path: FilePath, bytes: [UInt8])? {
    if let named = places.variable("CONTAINERS_REGISTRIES_CONF") {
      let path = FilePath(named)
      guard let bytes = try ConfigurationFile.read(path) else {
        throw .configurationUnreadable(operation: "open", path, .noSuchFileOrDirectory)
      }
      return (path, bytes)
    }
    let standard = [
      places.inHome(".config/containers/registries.conf"),
      places.inRoot("etc/containers/registries.conf"),
    ]
    for path in standard.compactMap({ $0 }) {
      if let bytes = try ConfigurationFile.read(path) { return (path, bytes) }
    }
    return nil
  }

  private static func recordedAliases(_ places: ConfigurationPlaces) -> FilePath? {
    let file = "containers/short-name-aliases.conf"
    if places.userID == 0 { return places.inRoot("var/cache").appending(file) }
    return places.directory("XDG_CACHE_HOME")?.appending(file) ?? places.inHome(".cache/\(file)")
  }
}
