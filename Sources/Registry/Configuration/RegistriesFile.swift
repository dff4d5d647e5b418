// One file registries.conf of version 2, from its bytes to checked values. Knows nothing of other
// files: see RegistriesConfiguration for how they are put together. Fields that it does not know are
// ignored, as newer versions of the format add some.
// Source: containers-registries.conf(5).

import OCISpec
import SystemPackage

/// How a short name is completed when there are several registries to look in.
enum ShortNameMode: String, Hashable, Sendable {
  case enforcing
  case permissive
  case disabled
}

/// What one file says; `nil` for what it says nothing about.
struct RegistriesFile: Sendable {
  var rules: [RegistryRule]
  /// The full names of short ones; `nil` takes back what an earlier file said.
  var aliases: [String: RegistryReference?]
  var searchRegistries: [String]?
  var shortNameMode: ShortNameMode?
  var credentialHelpers: [String]?

  /// Reads the bytes of the file at `path`.
  ///
  /// - Throws: `.invalidConfiguration` with the path.
  init(_ bytes: [UInt8], path: FilePath) throws(RegistryError) {
    do throws(ConfigurationFault) {
      let fields = try TOMLFields(bytes)
      guard !fields.contains("registries") else { throw .version1 }
      rules = try Self.rules(fields, origin: path)
      aliases = try Self.aliases(fields)
      searchRegistries = try Self.searchRegistries(fields)
      shortNameMode = try Self.shortNameMode(fields)
      credentialHelpers = try fields.strings("credential-helpers")
    } catch {
      throw .invalidConfiguration(path, error)
    }
  }

  // MARK: Tables of registries

  /// The rules of one file: of several with one prefix the first counts.
  private static func rules(
    _ fields: TOMLFields,
    origin: FilePath
  ) throws(ConfigurationFault) -> [RegistryRule] {
    var rules: [RegistryRule] = []
    for (index, table) in try fields.list("registry").enumerated() {
      rules.append(try rule(table, index: index, origin: origin))
    }
    try checkAgreement(of: rules)
    var prefixes: Set<String> = []
    return rules.filter { prefixes.insert($0.prefix).inserted }
  }

  private static func rule(
    _ table: TOMLFields,
    index: Int,
    origin: FilePath
  ) throws(ConfigurationFault) -> RegistryRule {
    let location = try place(table.string("location"))
    guard let prefix = try place(table.string("prefix")) ?? location else {
      throw .noPrefix(index: index)
    }
    let isWildcard = prefix.hasPrefix("*.")
    if isWildcard, prefix.utf8.contains(where: { "/@:".utf8.contains($0) }) {
      throw .badWildcard(prefix: printable(prefix))
    }
    guard isWildcard || location != nil else { throw .noLocation(prefix: printable(prefix)) }
    guard !table.contains("pull-from-mirror") else {
      throw .pullFromMirrorOutsideMirror(prefix: printable(prefix))
    }
    return RegistryRule(
      prefix: prefix,
      location: location,
      isInsecure: try table.bool("insecure"),
      isBlocked: try table.bool("blocked"),
      mirrors: try mirrors(table, of: prefix),
      origin: origin
    )
  }

  private static func mirrors(
    _ table: TOMLFields,
    of prefix: String
  ) throws(ConfigurationFault) -> [RegistryRule.Mirror] {
    let prefix = printable(prefix)
    let isDigestOnly = try table.bool("mirror-by-digest-only")
    var mirrors: [RegistryRule.Mirror] = []
    for mirror in try table.list("mirror") {
      guard let location = try place(mirror.string("location")) else {
        throw .noMirrorLocation(prefix: prefix)
      }
      let word = try mirror.string("pull-from-mirror") ?? ""
      guard word.isEmpty || !isDigestOnly else {
        throw .pullFromMirrorBesideDigestOnly(prefix: prefix)
      }
      let general: RegistryRule.MirrorUse = isDigestOnly ? .digestOnly : .all
      guard let use = word.isEmpty ? general : RegistryRule.MirrorUse(rawValue: word) else {
        throw .badPullFromMirror(printable(word), prefix: prefix)
      }
      let isInsecure = try mirror.bool("insecure")
      mirrors.append(.init(location: location, isInsecure: isInsecure, use: use))
    }
    return mirrors
  }

  /// A prefix or a location without the slashes at its end; an empty one is none.
  private static func place(_ text: String?) throws(ConfigurationFault) -> String? {
    guard let text else { return nil }
    guard !text.hasPrefix("http://"), !text.hasPrefix("https://") else {
      throw .schemeInLocation(printable(text))
    }
    let end = text.utf8.reversed().prefix { $0 == UInt8(ascii: "/") }.count
    return text.utf8.count == end ? nil : String(text.dropLast(end))
  }

  /// Tables that lead to one place must agree on whether it is safe, and whether it is allowed.
  private static func checkAgreement(of rules: [RegistryRule]) throws(ConfigurationFault) {
    var first: [String: RegistryRule] = [:]
    for rule in rules {
      let location = rule.location ?? rule.prefix
      guard let other = first[location] else {
        first[location] = rule
        continue
      }
      guard other.isInsecure == rule.isInsecure else {
        throw .contradiction(location: printable(location), field: "insecure")
      }
      guard other.isBlocked == rule.isBlocked else {
        throw .contradiction(location: printable(location), field: "blocked")
      }
    }
  }

  // MARK: Short names

  private static func aliases(
    _ fields: TOMLFields
  ) throws(ConfigurationFault) -> [String: RegistryReference?] {
    guard let table = try fields.fields("aliases") else { return [:] }
    var aliases: [String: RegistryReference?] = [:]
    for name in table.keys {
      let target = try table.string(name) ?? ""
      let fault = ConfigurationFault.badAlias(printable(name), to: printable(target))
      guard let short = RegistryReference.configured(name), short.domain == nil, short.isNameOnly
      else { throw fault }
      guard !target.isEmpty else {
        aliases.updateValue(nil, forKey: name)
        continue
      }
      guard let full = RegistryReference.inRegistry(target), full.isNameOnly else { throw fault }
      aliases.updateValue(full, forKey: name)
    }
    return aliases
  }

  private static func searchRegistries(
    _ fields: TOMLFields
  ) throws(ConfigurationFault) -> [String]? {
    guard let texts = try fields.strings("unqualified-search-registries") else { return nil }
    var registries: [String] = []
    for text in texts {
      // A registry that a full name could not name would be read as a part of the path.
      guard let registry = try place(text), !registry.utf8.contains(UInt8(ascii: "/")),
        RegistryReference.inRegistry("\(registry)/name") != nil
      else { throw .badSearchRegistry(printable(text)) }
      registries.append(registry)
    }
    return registries
  }

  private static func shortNameMode(
    _ fields: TOMLFields
  ) throws(ConfigurationFault) -> ShortNameMode? {
    guard let word = try fields.string("short-name-mode"), !word.isEmpty else { return nil }
    guard let mode = ShortNameMode(rawValue: word) else {
      throw .badShortNameMode(printable(word))
    }
    return mode
  }
}
