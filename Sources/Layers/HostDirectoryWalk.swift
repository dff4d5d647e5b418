// A directory of this machine read as a layer: every name below it in sorted order, so that the same
// files always give the same layer. Symbolic links are never followed; directories are entered one by
// one and left through `..`, so that no depth is too much and nobody can lead it elsewhere meanwhile.

import FileTree
import Glibc
import ImageStore
import SystemPackage

struct HostDirectoryWalk {
  private let root: FilePath
  private let owner: AddedOwner
  private let snapshot: HostSnapshot
  private let cache: CacheDirectory
  private var builder: HostLayerBuilder
  private var warnings: AdditionWarnings
  /// The first paths of files that have several names.
  private var firstPaths: [HostIdentity: [UInt8]] = [:]
  /// The directories on the way down.
  private var levels: [Level] = []
  private var entered: Set<HostIdentity> = []
  /// The innermost one.
  private var current: HostFile
  /// Its path below the root.
  private var path: [UInt8] = []

  private struct Level {
    var identity: HostIdentity
    /// The names still to come, the next one at the end.
    var names: [[UInt8]]
    var pathCount: Int
  }

  /// Reads all that is below `root`.
  static func layer(
    of root: FilePath,
    owner: AddedOwner,
    option: String,
    snapshot: HostSnapshot,
    cache: CacheDirectory
  ) throws(LayersError) -> AddedLayer {
    let name = additionName(option, root.rawBytes)
    return try named(name) { () throws(AdditionFault) in
      var walk = try HostDirectoryWalk(root, owner, name, snapshot, cache)
      try walk.run()
      return try walk.builder.layer(
        as: .directory,
        in: snapshot.scratch,
        names: [name],
        warnings: walk.warnings.all
      )
    }
  }

  private init(
    _ root: FilePath,
    _ owner: AddedOwner,
    _ name: String,
    _ snapshot: HostSnapshot,
    _ cache: CacheDirectory
  ) throws(AdditionFault) {
    self.root = root
    self.owner = owner
    self.snapshot = snapshot
    self.cache = cache
    builder = HostLayerBuilder(limits: snapshot.limits)
    warnings = AdditionWarnings(name)
    do {
      current = try HostFile.open(root, O_RDONLY | O_DIRECTORY)
    } catch {
      throw .host(root.rawBytes, .system(operation: "be opened", error))
    }
  }

  private mutating func run() throws(AdditionFault) {
    try enter(current)
    while let level = levels.last {
      path.removeLast(path.count - level.pathCount)
      guard let name = level.names.last else {
        try leave()
        continue
      }
      levels[levels.count - 1].names.removeLast()
      if !path.isEmpty { path.append(UInt8(ascii: "/")) }
      path += name
      try visit(name)
    }
  }

  // MARK: Down and up

  private mutating func enter(_ directory: HostFile) throws(AdditionFault) {
    let (identity, names) = try onHost("be read") { () throws(Errno) in
      (try directory.status().identity, try directory.names())
    }
    guard entered.insert(identity).inserted else { throw fault(.containsItself) }
    let sorted = names.sorted { $1.lexicographicallyPrecedes($0) }
    levels.append(Level(identity: identity, names: sorted, pathCount: path.count))
    current = directory
  }

  private mutating func leave() throws(AdditionFault) {
    entered.remove(levels.removeLast().identity)
    guard let level = levels.last else { return }
    let (parent, identity) = try onHost("be left") { () throws(Errno) in
      let parent = try current.open(HostFile.dots, O_RDONLY | O_DIRECTORY)
      return (parent, try parent.status().identity)
    }
    // Somebody moved the directory while we were in it.
    guard identity == level.identity else { throw fault(.changed) }
    current = parent
  }

  // MARK: One name

  private mutating func visit(_ name: [UInt8]) throws(AdditionFault) {
    if name.count > EntryPath.componentLimit { throw pathFault(.componentTooLong) }
    if path.count > EntryPath.pathLimit { throw pathFault(.tooLong) }
    switch Whiteout.meaning(of: name[...]) {
    case .malformedWhiteout: throw .guest(hostPath, .reservedName)
    case .whiteout(let hidden):
      let directory = EntryPath.split(path).directory
      let target = Array(directory) + (directory.isEmpty ? [] : [UInt8(ascii: "/")]) + hidden
      try builder.append(.whiteout, at: target, attributes: EntryAttributes(mode: 0))
    case .opaque:
      let directory = Array(EntryPath.split(path).directory)
      try builder.append(.opaque, at: directory, attributes: EntryAttributes(mode: 0))
    case .ordinary, .unionBookkeeping:
      let status = try onHost("be read") { () throws(Errno) in try current.status(of: name) }
      try add(name, status)
    }
  }

  private mutating func add(_ name: [UInt8], _ status: stat) throws(AdditionFault) {
    if status.type != S_IFDIR, status.st_nlink > 1, status.type != S_IFSOCK {
      if let first = firstPaths[status.identity] {
        try builder.append(.hardLink(target: first), at: path, attributes: attributes(status))
        return
      }
      firstPaths[status.identity] = path
    }
    switch status.type {
    case S_IFDIR: try addDirectory(name, status)
    case S_IFREG: try addFile(name, status)
    case S_IFLNK:
      let target = try onHost("be read") { () throws(Errno) in try current.target(of: name) }
      try append(.symbolicLink(target: target), status)
    case S_IFCHR:
      let (major, minor) = (status.deviceMajor, status.deviceMinor)
      try append(.characterDevice(major: major, minor: minor), status)
    case S_IFBLK:
      let (major, minor) = (status.deviceMajor, status.deviceMinor)
      try append(.blockDevice(major: major, minor: minor), status)
    case S_IFIFO: try append(.fifo, status)
    default: warnings.note(.socket, at: path)
    }
  }

  private mutating func append(
    _ content: EntryContent,
    _ status: stat,
    _ extendedAttributes: [ExtendedAttribute] = []
  ) throws(AdditionFault) {
    try builder.append(
      content,
      at: path,
      attributes: attributes(status),
      extendedAttributes: extendedAttributes
    )
  }

  private mutating func addDirectory(
    _ name: [UInt8],
    _ seen: stat
  ) throws(AdditionFault) {
    let (directory, status) = try open(name, O_RDONLY | O_DIRECTORY, seen)
    if cache.isAt(device: status.identity.device, inode: status.identity.inode) {
      warnings.note(.cache, at: path)
      return
    }
    try append(.directory, status, try extendedAttributes(of: directory, as: .directory))
    try enter(directory)
  }

  private mutating func addFile(_ name: [UInt8], _ seen: stat) throws(AdditionFault) {
    let file = try open(name, O_RDONLY, seen).file
    let (status, content) = try snapshot.take(file, at: hostPath)
    try builder.append(
      content,
      at: path,
      attributes: attributes(status),
      extendedAttributes: try extendedAttributes(of: file, as: .regular)
    )
  }

  /// Opens what was looked at.
  private func open(
    _ name: [UInt8],
    _ flags: CInt,
    _ seen: stat
  ) throws(AdditionFault) -> (file: HostFile, status: stat) {
    let (file, status) = try onHost("be opened") { () throws(Errno) in
      let file = try current.open(name, flags)
      return (file, try file.status())
    }
    guard status.identity == seen.identity, status.type == seen.type else { throw fault(.changed) }
    return (file, status)
  }

  private func attributes(_ status: stat) -> EntryAttributes {
    let mode = UInt16(status.st_mode & 0o7777)
    switch owner {
    case .ids(let uid, let gid):
      return EntryAttributes(status, mode: mode, uid: uid, gid: gid)
    case .host:
      return EntryAttributes(status, mode: mode, uid: status.st_uid, gid: status.st_gid)
    }
  }

  // MARK: Extended attributes

  private static let kept = [
    "security.capability", "system.posix_acl_access", "system.posix_acl_default",
  ]

  /// Those that belong to a file and not to this machine.
  private mutating func extendedAttributes(
    of file: HostFile,
    as kind: EntryKind
  ) throws(AdditionFault) -> [ExtendedAttribute] {
    let all = try onHost("be asked for its extended attributes") { () throws(Errno) in
      try file.extendedAttributes()
    }
    var kept: [ExtendedAttribute] = []
    for attribute in all {
      let isKnown = Self.kept.contains { attribute.name.elementsEqual($0.utf8) }
      guard isKnown || attribute.name.starts(with: "user.".utf8) else { continue }
      if let refusal = attribute.refusal(on: kind) {
        warnings.note(.extendedAttribute(refusal), at: path)
      } else {
        kept.append(attribute)
      }
    }
    return kept
  }

  // MARK: Faults

  private var hostPath: [UInt8] {
    let start = root.rawBytes
    let slash = start.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
    return path.isEmpty ? start : start + slash + path
  }

  private func fault(_ fault: HostFault) -> AdditionFault { .host(hostPath, fault) }

  private func pathFault(_ problem: PathProblem) -> AdditionFault {
    .guest(hostPath, .path(problem))
  }

  private func onHost<Result>(
    _ operation: String,
    _ body: () throws(Errno) -> Result
  ) throws(AdditionFault) -> Result {
    do throws(Errno) {
      return try body()
    } catch {
      // It was in its directory's list.
      if error == .noSuchFileOrDirectory { throw fault(.changed) }
      throw fault(.system(operation: operation, error))
    }
  }
}
