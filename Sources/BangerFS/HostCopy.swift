// Files of an image as files of this machine: what cp does. Everything is made anew in a directory that is
// held open, name by name and without following any link, so that nothing an image holds leads elsewhere.

import FileTree
import FlatArrays
import Glibc
import Layers

/// What could not be kept of what was copied: not everybody may make everything.
struct CopyLosses: Equatable {
  var owners = 0
  var attributes = 0
  var devices = 0

  var texts: [String] {
    var texts: [String] = []
    if owners > 0 {
      texts.append("\(Self.files(owners)) of others became yours: only root gives files away")
    }
    if attributes > 0 {
      texts.append("\(Self.files(attributes)) lost extended attributes that cannot be set here")
    }
    if devices > 0 { texts.append("\(Self.files(devices)) left out: devices are root's to make") }
    return texts
  }

  private static func files(_ count: Int) -> String { count == 1 ? "1 file" : "\(count) files" }
}

/// Copies a file, or a directory with all that is in it, out of an image.
struct HostCopy {
  let files: ImageFiles
  private(set) var losses = CopyLosses()
  /// The first copy of each file with several names, by its path below where the copy began.
  private var copies: [NodeID: [UInt8]] = [:]
  private let isRoot = geteuid() == 0

  init(of files: ImageFiles) {
    self.files = files
  }

  private var tree: Tree { files.tree }

  /// A directory on the way down.
  private struct Level {
    let directory: HostDirectory
    let node: NodeID
    var children: [Child]
    var next = 0
    /// Below where the copy began.
    let path: [UInt8]
  }

  /// Copies `start` as `name` of `place`, where nothing of that name is.
  ///
  /// - Throws: `CommandFailure` for what cannot be written, `LayersError` for what cannot be read.
  mutating func copy(
    _ start: NodeID,
    as name: [UInt8],
    in place: HostDirectory
  ) throws {
    guard tree[start].kind == .directory else {
      return try copyFile(start, as: name, path: name, in: place, from: place)
    }
    var levels = [try enter(start, as: name, path: name, in: place)]
    while let level = levels.last {
      guard level.next < level.children.count else {
        try finish(level)
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].next += 1
      let child = level.children[level.next]
      let name = tree.name(of: child).array
      let path = level.path + [UInt8(ascii: "/")] + name
      if tree[child.node].kind == .directory {
        levels.append(try enter(child.node, as: name, path: path, in: level.directory))
      } else {
        try copyFile(child.node, as: name, path: path, in: level.directory, from: place)
      }
    }
  }

  // MARK: Directories

  private func enter(
    _ node: NodeID,
    as name: [UInt8],
    path: [UInt8],
    in place: HostDirectory
  ) throws(CommandFailure) -> Level {
    Level(
      directory: try place.makeDirectory(name, path: path),
      node: node,
      children: Array(tree.children(of: tree[node])),
      path: path
    )
  }

  /// Gives the directory its attributes, now that nothing comes into it any more.
  private mutating func finish(_ level: Level) throws(CommandFailure) {
    let node = tree[level.node]
    try setOwner(node) { level.directory.setOwner(node.uid, node.gid) }
    setAttributes(of: node) { AttributeCalls.set(level.directory.descriptor, $0, $1) }
    let mode = keptMode(of: node)
    let directory = level.directory
    try directory.check(fchmod(directory.descriptor, mode), "set the mode of", level.path)
    var times = node.times
    try directory.check(futimens(directory.descriptor, &times), "set the time of", level.path)
  }

  // MARK: Files

  private mutating func copyFile(
    _ id: NodeID,
    as name: [UInt8],
    path: [UInt8],
    in place: HostDirectory,
    from top: HostDirectory
  ) throws {
    let node = tree[id]
    if node.linkCount > 1, let first = copies[id], place.link(first, of: top, as: name) { return }
    switch node.kind {
    case .regular: try copyRegular(node, as: name, path: path, in: place)
    case .symbolicLink:
      try place.makeLink(name, to: tree.target(of: node).array, path: path)
      try finishByName(node, name, path: path, in: place)
    case .characterDevice, .blockDevice, .fifo:
      guard try place.makeSpecial(name, node, path: path) else {
        losses.devices += 1
        return
      }
      try finishByName(node, name, path: path, in: place)
    case .directory: break
    }
    if node.linkCount > 1 { copies[id] = path }
  }

  private mutating func copyRegular(
    _ node: Node,
    as name: [UInt8],
    path: [UInt8],
    in place: HostDirectory
  ) throws {
    let file = try place.makeFile(name, path: path)
    defer { close(file) }
    do {
      try writeContent(of: node, to: file, path, place)
    } catch {
      place.remove(name)
      throw error
    }
    try setOwner(node) { fchown(file, node.uid, node.gid) }
    setAttributes(of: node) { AttributeCalls.set(file, $0, $1) }
    try place.check(fchmod(file, keptMode(of: node)), "set the mode of", path)
    var times = node.times
    try place.check(futimens(file, &times), "set the time of", path)
  }

  /// Writes the bytes, and leaves out runs of zeros: they read as such where nothing was written.
  private func writeContent(
    of node: Node,
    to file: Int32,
    _ path: [UInt8],
    _ place: HostDirectory
  ) throws {
    guard let size = off_t(exactly: node.size) else {
      throw CommandFailure(.cannotCreate, "\(EscapedBytes.string(path)): larger than files can be")
    }
    try place.check(ftruncate(file, size), "write", path)
    var offset: off_t = 0
    try FileBytes.forEach(of: node, in: files) { piece in
      // 64 KiB: few calls for what is dense, and no large holes written as zeros.
      for start in stride(from: 0, to: piece.count, by: 64 << 10) {
        let part = UnsafeRawBufferPointer(
          rebasing: piece[start..<min(start + 64 << 10, piece.count)]
        )
        if part.isAllZero { continue }
        try place.write(part, to: file, at: offset + off_t(start), path)
      }
      offset += off_t(piece.count)
    }
  }

  /// Owner, attributes, mode and time of what cannot be opened.
  private mutating func finishByName(
    _ node: Node,
    _ name: [UInt8],
    path: [UInt8],
    in place: HostDirectory
  ) throws(CommandFailure) {
    try setOwner(node) { place.setOwner(ofName: name, node.uid, node.gid) }
    setAttributes(of: node) { place.setAttribute(ofName: name, $0, $1) }
    if node.kind != .symbolicLink {
      try place.setMode(ofName: name, keptMode(of: node), path: path)
    }
    try place.setTime(ofName: name, node.times, path: path)
  }

  // MARK: What may be lost

  private mutating func setOwner(_ node: Node, _ call: () -> Int32) throws(CommandFailure) {
    if !isRoot, node.uid == geteuid(), node.gid == getegid() { return }
    // Somebody who may not give files away may still have been allowed to, by a capability.
    if call() != 0 { losses.owners += 1 }
  }

  private mutating func setAttributes(
    of node: Node,
    _ set: (UnsafePointer<CChar>, UnsafeRawBufferPointer) -> Int32
  ) {
    var isWhole = true
    for attribute in tree.extendedAttributes(of: node) {
      let name = attribute.name.array
      let result = name.withTerminator { name in attribute.value.withUnsafeBytes { set(name, $0) } }
      if result != 0 { isWhole = false }
    }
    if !isWhole { losses.attributes += 1 }
  }

  /// The mode; without setuid and setgid where the file became somebody else's.
  private func keptMode(of node: Node) -> mode_t {
    let isOwned = isRoot || (node.uid == geteuid() && node.gid == getegid())
    return mode_t(isOwned ? node.mode : node.mode & 0o1777)
  }
}

extension Node {
  /// Last access and modification, as futimens(2) takes them: both the modification time.
  fileprivate var times: [timespec] {
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
    return [time, time]
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var isAllZero: Bool {
    withMemoryRebound(to: UInt8.self) { Span(_unsafeElements: $0).isAllZero }
  }
}
