// One [[registry]] table: which names it is about and where their images really are.
// Source: containers-registries.conf(5), "Choosing a [[registry]] TOML table" and "Remapping and
// mirroring registries".

import OCISpec
import SystemPackage

/// What the configuration says of all names that begin with a prefix.
struct RegistryRule: Hashable, Sendable {
  /// When a mirror is asked.
  enum MirrorUse: String, Hashable, Sendable {
    case all
    case digestOnly = "digest-only"
    case tagOnly = "tag-only"

    func covers(_ name: ImageName) -> Bool {
      switch self {
      case .all: true
      case .digestOnly: name.digest != nil
      case .tagOnly: name.digest == nil
      }
    }
  }

  /// A copy of the registry.
  struct Mirror: Hashable, Sendable {
    let location: String
    let isInsecure: Bool
    let use: MirrorUse
  }

  /// `HOST[:PORT][/PATH[:TAG|@DIGEST]]`, or `*.DOMAIN`.
  let prefix: String
  /// What stands instead of the prefix; `nil` where the name stays as it is.
  let location: String?
  let isInsecure: Bool
  let isBlocked: Bool
  /// In the order in which they are asked.
  let mirrors: [Mirror]
  /// The file that says so.
  let origin: FilePath

  /// How many bytes of a name the prefix covers, or `nil` for a name that it is not about.
  ///
  /// A prefix ends where a part of the name does: before `/`, `:` or `@`, or at the end. So a host
  /// without a port stands for all its ports, as it does for other tools.
  func coveredByteCount(of name: String) -> Int? {
    let name = Array(name.utf8)
    let covered = prefix.hasPrefix("*.") ? wildcardByteCount(of: name) : prefix.utf8.count
    guard let covered, covered <= name.count else { return nil }
    if !prefix.hasPrefix("*."), !name.starts(with: prefix.utf8) { return nil }
    return covered == name.count || ":/@".utf8.contains(name[covered]) ? covered : nil
  }

  /// The host of a name below the domain of the prefix, in bytes.
  private func wildcardByteCount(of name: [UInt8]) -> Int? {
    let host = name.prefix { !":/@".utf8.contains($0) }
    let suffix = prefix.utf8.dropFirst()
    guard host.count > suffix.count, host.suffix(suffix.count).elementsEqual(suffix) else {
      return nil
    }
    return host.count
  }

  /// The name with `location` in the place of what the prefix covers.
  ///
  /// - Throws: `.badRewrite` where that is no full name.
  func rewrite(_ name: ImageName, to location: String) throws(RegistryError) -> ImageName {
    let text = name.text
    let rest = Array(text.utf8.dropFirst(coveredByteCount(of: text) ?? 0))
    let target = location + String(decoding: rest, as: UTF8.self)
    guard let reference = RegistryReference.inRegistry(target) else {
      throw .badRewrite(of: text, to: printable(target), by: origin)
    }
    return reference.dockerName
  }
}

extension RegistryReference {
  /// Reads a name as configuration files have it; `nil` for what is none.
  static func configured(_ text: String) -> RegistryReference? {
    do {
      guard case .registry(let reference) = try Reference("docker://\(text)") else { return nil }
      return reference
    } catch {
      return nil
    }
  }

  /// Reads a name that says which registry it is in.
  static func inRegistry(_ text: String) -> RegistryReference? {
    configured(text).flatMap { $0.domain == nil ? nil : $0 }
  }

  /// Whether nothing is said about the version.
  var isNameOnly: Bool { tag == nil && digest == nil }
}
