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
  case file([UInt8])
  /// A link to a file of another name.
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
  /// Far beyond what any image enables.
  private static let linkLimit = 10_000

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
    var known: Set<AddedLink> = []
    while let (text, isAsked) = pending.popLast() {
      let name = try unitName(text)
      guard seen.count < unitLimit, seen.insert(name).inserted else { continue }
      guard let found = try find(name, isAsked: isAsked, read: read) else { continue }
      let unit = SystemdUnit(parsing: found.text)
      let more = try self.links(for: found.name, unit, at: found.path, isAsked: isAsked)
      for link in more where known.insert(link).inserted { links.append(link) }
      if links.count > linkLimit { throw failure(.invalidImage, text, "asks for too many links") }
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
  ///
  /// What is only another name of a unit means that unit.
  private static func find(
    _ asked: SystemdUnitName,
    isAsked: Bool,
    read: (_ path: [UInt8]) throws -> UnitLookup
  ) throws -> Found? {
    var name = asked
    // As many names as symbolic links may follow one another.
    for _ in 0..<40 {
      let (path, found) = try lookUp(name, read: read)
      switch found {
      case .missing:
        if !isAsked { return nil }
        throw failure(.notFound, asked.text, "no such unit in the image")
      case .masked: throw failure(.notFound, asked.text, "the unit is masked in the image")
      case .file(let text): return Found(name: name, path: path, text: text)
      case .alias(let other):
        guard let other = SystemdUnitName(other), other.type == name.type else {
          throw failure(
            .notFound,
            asked.text,
            "a link to \(other), which is not the name of a unit"
          )
        }
        name = other.isTemplate ? other.instantiated(name.instance ?? "") : other
      }
    }
    throw failure(.notFound, asked.text, "too many levels of other names in the image")
  }

  /// The first place that has the unit, or else its template.
  private static func lookUp(
    _ name: SystemdUnitName,
    read: (_ path: [UInt8]) throws -> UnitLookup
  ) throws -> (path: String, found: UnitLookup) {
    for file in [name, name.template].compactMap({ $0 }) {
      for directory in directories {
        let path = "\(directory)/\(file.text)"
        let found = try read(Array(path.utf8))
        if found != .missing { return (path, found) }
      }
    }
    return ("", .missing)
  }

  // MARK: Links

  private static func links(
    for name: SystemdUnitName,
    _ unit: SystemdUnit,
    at path: String,
    isAsked: Bool
  ) throws -> [AddedLink] {
    if unit.isStatic {
      // One that only another unit names is started by it, or not at all.
      if !isAsked { return [] }
      let started = try instance(of: name, unit)
      return [link("\(linkDirectory)/\(defaultTarget).wants/\(started.text)", to: path)]
    }
    var links: [AddedLink] = []
    for alias in unit.aliases {
      let other = try self.alias(try expanded(alias, for: name), of: name)
      if other != name { links.append(link("\(linkDirectory)/\(other.text)", to: path)) }
    }
    for dependents in unit.dependents {
      for dependent in dependents.units {
        links.append(try link(from: dependent, dependents.suffix, to: name, unit, at: path))
      }
    }
    return links
  }

  private static func link(
    from dependent: String,
    _ suffix: String,
    to name: SystemdUnitName,
    _ unit: SystemdUnit,
    at path: String
  ) throws -> AddedLink {
    // Templates depend on templates; all else starts something.
    let isBetweenTemplates =
      unit.defaultInstance == nil && SystemdUnitName(dependent)?.isTemplate == true
    let started = isBetweenTemplates ? name : try instance(of: name, unit)
    let text = try expanded(dependent, for: started)
    guard let other = SystemdUnitName(text) else {
      throw failure(.notFound, name.text, "wanted by \(text), which is not the name of a unit")
    }
    return link("\(linkDirectory)/\(other.text)\(suffix)/\(started.text)", to: path)
  }

  /// Another name of a unit: of an instance it is the other template's.
  private static func alias(
    _ text: String,
    of name: SystemdUnitName
  ) throws(CommandFailure) -> SystemdUnitName {
    guard let other = SystemdUnitName(text), other.type == name.type,
      (other.instance == nil) == (name.instance == nil)
    else {
      throw failure(.notFound, name.text, "\(text) cannot be another name of it")
    }
    return other.isTemplate ? other.instantiated(name.instance ?? "") : other
  }

  /// What is started when a template is enabled.
  private static func instance(
    of name: SystemdUnitName,
    _ unit: SystemdUnit
  ) throws(CommandFailure) -> SystemdUnitName {
    guard name.isTemplate else { return name }
    guard let instance = unit.defaultInstance else {
      throw failure(
        .usage,
        name.text,
        "a template without a default instance",
        hint: "name an instance, like \(name.instantiated("x").text)"
      )
    }
    let text = name.instantiated(try expanded(instance, for: name)).text
    guard let started = SystemdUnitName(text), !started.isTemplate else {
      throw failure(.notFound, name.text, "\(text) is not the name of a unit")
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
    let files = UnitFiles(files: opened.files)
    let links = try SystemdUnits.links(for: enableUnit, read: files.look)
    // A link that leads there in other words stays as it is.
    return try opened.adding([.links(links.filter { !files.has($0) })])
  }
}

/// Unit files of an open image.
struct UnitFiles {
  let files: ImageFiles

  /// Far beyond any unit file.
  private static let byteLimit: UInt64 = 64 << 10

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

  /// Whether the link's path leads to its target already.
  func has(_ link: AddedLink) -> Bool {
    guard let place = node(link.path, followingLast: false),
      files.tree[place].kind == .symbolicLink,
      let found = node(link.path, followingLast: true)
    else { return false }
    return found == node(link.target, followingLast: true)
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
