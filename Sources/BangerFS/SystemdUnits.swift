// Enabling systemd units in a tree that does not run: the links that `systemctl enable` would make, found
// from the unit files that are there. Knows no tree; whoever asks looks paths up.
// Sources: systemctl(1), "enable"; systemd.unit(5), "Unit File Load Path" and "[Install] Section Options".

import FileTree
import FlatArrays
import Layers

/// What a tree has at the path of a unit file.
enum UnitLookup: Equatable {
  case missing
  /// A link to /dev/null, or an empty file: the unit is not to be started by anybody.
  case masked
  /// A file's bytes; `path` is the one to link to.
  case file([UInt8])
  /// A link to a unit of another name.
  case alias(of: String)
}

enum SystemdUnits {
  /// Where links are made, and where administrators put units.
  private static let linkDirectory = "/etc/systemd/system"
  /// In the order in which systemd looks, but for what exists only while it runs.
  private static let directories = [
    linkDirectory, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system",
  ]
  /// Where a unit belongs that does not say it.
  private static let defaultTarget = "multi-user.target"
  /// A unit may name others, which name others.
  private static let unitLimit = 1000

  /// The links that enable `names`.
  ///
  /// - Throws: `CommandFailure`: a unit that is missing or masked, or cannot be enabled.
  static func links(
    for names: [String],
    read: (_ path: [UInt8]) throws -> UnitLookup
  ) throws -> [AddedLink] {
    var links: [AddedLink] = []
    var pending: [(name: String, isAsked: Bool)] = names.reversed().map { ($0, true) }
    var seen: Set<SystemdUnitName> = []
    while let (text, isAsked) = pending.popLast() {
      let name = try unitName(text)
      guard seen.count < unitLimit, seen.insert(name).inserted else { continue }
      guard let found = try find(name, isAsked: isAsked, read: read) else { continue }
      let unit = SystemdUnit(parsing: found.text)
      let more = try self.links(for: found.name, unit, at: found.path, isAsked: isAsked)
      for link in more where !links.contains(link) { links.append(link) }
      pending += unit.also.reversed().map { (found.name.expand($0) ?? $0, false) }
    }
    return links
  }

  static func unitName(_ text: String) throws(CommandFailure) -> SystemdUnitName {
    guard let name = SystemdUnitName(text) else {
      throw failure(.usage, text, "not the name of a unit")
    }
    return name
  }

  // MARK: Finding

  private struct Found {
    var name: SystemdUnitName
    var path: String
    var text: [UInt8]
  }

  /// The unit's file, or its template's; `nil` for a missing one that only another unit named.
  private static func find(
    _ name: SystemdUnitName,
    isAsked: Bool,
    read: (_ path: [UInt8]) throws -> UnitLookup
  ) throws -> Found? {
    for file in [name, name.template].compactMap({ $0 }) {
      for directory in directories {
        let path = "\(directory)/\(file.text)"
        switch try read(Array(path.utf8)) {
        case .missing: continue
        case .masked: throw failure(.notFound, name.text, "the unit is masked in the image")
        case .file(let text): return Found(name: name, path: path, text: text)
        case .alias(let other):
          throw failure(
            .notFound,
            name.text,
            "only another name of \(other) in the image",
            hint: "enable \(other)"
          )
        }
      }
    }
    if !isAsked { return nil }
    throw failure(.notFound, name.text, "no such unit in the image")
  }

  // MARK: Links

  private static func links(
    for name: SystemdUnitName,
    _ unit: SystemdUnit,
    at path: String,
    isAsked: Bool
  ) throws -> [AddedLink] {
    // A unit that another one names and that says nothing is no part of this.
    if !unit.hasInstallSection {
      return isAsked
        ? [link("\(linkDirectory)/\(defaultTarget).wants/\(name.text)", to: path)] : []
    }
    var links: [AddedLink] = []
    for alias in unit.aliases {
      let text = try expanded(alias, for: name)
      guard let other = SystemdUnitName(text), other.type == name.type else {
        throw failure(.notFound, name.text, "its alias \(text) is not the name of a \(name.type)")
      }
      if other.text != name.text { links.append(link("\(linkDirectory)/\(other.text)", to: path)) }
    }
    for dependents in unit.dependents {
      let started = try instance(of: name, unit)
      for dependent in dependents.units {
        let text = try expanded(dependent, for: started)
        guard let other = SystemdUnitName(text) else {
          throw failure(.notFound, name.text, "wanted by \(text), which is not the name of a unit")
        }
        let directory = "\(linkDirectory)/\(other.text)\(dependents.suffix)"
        links.append(link("\(directory)/\(started.text)", to: path))
      }
    }
    return links
  }

  /// What is started when a template is enabled.
  private static func instance(
    of name: SystemdUnitName,
    _ unit: SystemdUnit
  ) throws -> SystemdUnitName {
    guard name.isTemplate else { return name }
    guard let instance = try unit.defaultInstance.map({ try expanded($0, for: name) }),
      !instance.isEmpty, let started = SystemdUnitName(name.instantiated(instance).text)
    else {
      throw failure(
        .usage,
        name.text,
        "a template without a default instance",
        hint: "name an instance, like \(name.instantiated("x").text)"
      )
    }
    return started
  }

  private static func expanded(
    _ text: String,
    for name: SystemdUnitName
  ) throws(CommandFailure) -> String {
    guard let expanded = name.expand(text) else {
      throw failure(.notFound, name.text, "\(text) can only be known when the system runs")
    }
    return expanded
  }

  private static func link(_ path: String, to target: String) -> AddedLink {
    AddedLink(path: Array(path.utf8), target: Array(target.utf8))
  }

  private static func failure(
    _ status: ExitStatus,
    _ unit: String,
    _ message: String,
    hint: String? = nil
  ) -> CommandFailure {
    let name = EscapedBytes.string(unit.utf8)
    return CommandFailure(
      status,
      "--enable-unit \(name): \(EscapedBytes.string(message.utf8))",
      hint: hint
    )
  }
}

// MARK: - In an image

extension AdditionOptions {
  func checkUnitNames() throws {
    for name in enableUnit { _ = try SystemdUnits.unitName(name) }
  }

  /// The image with the links that enable the units.
  func enablingUnits(in opened: OpenedImage) throws -> OpenedImage {
    if enableUnit.isEmpty { return opened }
    let links = try SystemdUnits.links(for: enableUnit, read: UnitFiles(files: opened.files).look)
    return try opened.adding([.links(links)])
  }
}

/// Unit files of an open image.
struct UnitFiles {
  let files: ImageFiles

  /// Far beyond any unit file.
  private static let byteLimit: UInt64 = 1 << 20

  func look(at path: [UInt8]) throws -> UnitLookup {
    let tree = files.tree
    guard let id = node(path, followingLast: false) else { return .missing }
    if tree[id].kind == .symbolicLink {
      let target = tree.target(of: tree[id]).array
      if target == Array("/dev/null".utf8) { return .masked }
      let name = EntryPath.split(path).name
      let other = EntryPath.split(target).name
      if !other.elementsEqual(name) { return .alias(of: String(decoding: other, as: UTF8.self)) }
    }
    guard let file = node(path, followingLast: true), tree[file].kind == .regular else {
      return .missing
    }
    guard tree[file].size > 0 else { return .masked }
    return .file(try bytes(of: tree[file]))
  }

  private func node(_ path: [UInt8], followingLast: Bool) -> NodeID? {
    do { return try files.tree.lookUp(path, followingLast: followingLast) } catch { return nil }
  }

  private func bytes(of file: Node) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(min(file.size, Self.byteLimit)))
    var failure: LayersError?
    bytes.withUnsafeMutableBytes { buffer in
      do throws(LayersError) { _ = try files.read(file, at: 0, into: buffer) } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
