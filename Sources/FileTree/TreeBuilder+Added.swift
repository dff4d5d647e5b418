// Layers that are laid over an image by hand, where an image's own rules would do harm: a directory
// `lib` of an overlay must not take the place of the symbolic link `/lib`, and with it all libraries.
// What an image's layers do to each other is not decided here. Source: docs/SEMANTICS.md, "Added layers".

import FlatArrays

/// What a layer is to the tree that it becomes part of.
package enum LayerRole: Sendable {
  /// One of an image's own.
  case image
  /// Laid over an image by hand.
  case overlay
  /// A directory of this machine, laid over an image by hand: as above, and a directory that is there
  /// already stays as it is, since the one here was made for what is in it.
  case directory
  /// Single files laid over an image by hand: as above, and they never take a directory's place, nor does a
  /// directory take a file's.
  case files
}

/// How to read a parent directory that is a symbolic link of a lower layer.
///
/// Added layers (see `LayerRole`) follow links that `LowerLinkPolicy.replace` would replace where
/// `/usr` is merged, and are refused elsewhere.
package enum LowerLinkPolicy: Sendable {
  /// A directory takes the link's place, as overlay file systems show it.
  case replace
  /// The entry goes where the link leads, inside the root.
  case follow
}

/// What the layer being applied makes of a symbolic link of a lower layer on an entry's way.
enum LowerLinkMeaning {
  case replaced
  case followed
  case refused
}

extension TreeBuilder {
  /// What becomes of the lower link `name`, whose directory is the root or not.
  func meaning(
    ofLowerLink link: UInt32,
    _ name: PooledName,
    isInRoot: Bool
  ) -> LowerLinkMeaning {
    if lowerLinks == .follow { return .followed }
    if role == .image { return .replaced }
    return isInRoot && leadsToMergedDirectory(link, name) ? .followed : .refused
  }

  /// Whether a link `NAME` of the root leads to `usr/NAME`.
  ///
  /// That is the same place to everybody since distributions merged the two.
  /// Source: Filesystem Hierarchy Standard 3.0; file-hierarchy(7), "Compatibility Symlinks".
  private func leadsToMergedDirectory(_ link: UInt32, _ name: PooledName) -> Bool {
    let bytes = own.bytes(of: name).array
    let target = own.bytes(of: target(of: merged.nodes[Int(link)])).array
    let merged = Array("usr/".utf8) + bytes
    return target == merged || target == [UInt8(ascii: "/")] + merged
  }

  /// Puts an entry for a directory where the layers below have a symbolic link: an added layer's
  /// directory is a way to what it holds, as it would be without an entry of its own.
  mutating func putDirectory(
    _ position: Int,
    _ entry: LayerEntry,
    throughLink name: PooledName
  ) throws(TreeError) {
    let paths = paths
    let end = try paths.end(
      of: PooledName(layer: layer, range: entry.directory),
      then: name,
      from: DraftTree.root
    ) { (directory, name, _) throws(TreeError) in
      try self.enter(name, in: directory, for: entry)
    }
    let node = try place(end, entry)
    if node == DraftTree.root { return }
    own.setAttributes(of: node, layer: layer, entry: UInt32(position))
    if watch != nil { try noticeAttributes(of: node, by: entry) }
  }

  /// Refuses a file in a directory's place.
  func requireNoDirectory(
    _ name: PooledName,
    in directory: UInt32,
    _ entry: LayerEntry
  ) throws(TreeError) {
    guard role == .files else { return }
    let isOwn = own.node(name, in: directory).map { own.kind(of: $0) == .directory } ?? false
    let isLower = lowerNode(name, in: directory).map { merged.kind(of: $0) == .directory } ?? false
    if isOwn || isLower {
      throw .directoryInTheWay(
        path: table.path(of: entry),
        layer: Int(layer),
        member: entry.header
      )
    }
  }

  func refusal(
    ofLowerLink link: UInt32,
    _ name: PooledName,
    in directory: UInt32,
    _ entry: LayerEntry
  ) -> TreeError {
    .lowerSymbolicLink(
      path: table.path(of: entry),
      link: path(of: name, in: directory),
      target: own.bytes(of: target(of: merged.nodes[Int(link)])).array,
      layer: Int(layer),
      member: entry.header
    )
  }

  func refusal(
    ofParent name: PooledName,
    in directory: UInt32,
    _ entry: LayerEntry
  ) -> TreeError {
    .parentIsNotADirectory(
      path: table.path(of: entry),
      parent: path(of: name, in: directory),
      layer: Int(layer),
      member: entry.header
    )
  }

  /// The path of a name of the layer's own tree, for messages: searches the tree.
  private func path(of name: PooledName, in directory: UInt32) -> [UInt8] {
    let slash = [UInt8(ascii: "/")]
    var pending = [(node: DraftTree.root, path: [UInt8]())]
    while let next = pending.popLast() {
      let prefix = next.path.isEmpty ? [] : next.path + slash
      if next.node == directory { return prefix + own.bytes(of: name).array }
      for place in own.places(in: next.node) {
        let child = own.names[place]
        guard child.node != DraftTree.none, own.kind(of: child.node) == .directory else { continue }
        pending.append((child.node, prefix + own.bytes(of: child.name).array))
      }
    }
    return own.bytes(of: name).array
  }
}
