// The directories of a mount of layers that no tree has: its root, `layers` and `upto`, and in them the
// roots of trees as they are shown there. Pure.

import FileTree
import FuseServer
import Layers

/// The directories above the trees, and which trees there are.
struct LayersSkeleton: Sendable {
  struct Entry: Sendable {
    let name: [UInt8]
    let attributes: FuseAttributes
  }

  struct Directory: Sendable {
    let own: FuseAttributes
    let holder: FuseAttributes
    /// Sorted by name.
    let entries: [Entry]
  }

  /// A tree that is shown.
  struct Shown: Sendable {
    let selection: LayerSelection
    let place: TreePlace
  }

  /// The directory with inode *i* + 1.
  let directories: [Directory]
  /// `layers/0` and on, `upto/0` and on, `merged`.
  let trees: [Shown]

  /// The skeleton for an image of `layerCount` layers.
  ///
  /// `rootOf` tells what the root of a tree is like.
  init(layerCount: Int, rootOf: (LayerSelection) -> EntryAttributes) {
    let numbers = 0..<layerCount
    let selections = numbers.map(LayerSelection.alone) + numbers.map(LayerSelection.upTo) + [.all]
    let roots = selections.enumerated().map { number, selection in
      Self.root(of: rootOf(selection), inode: Self.firstInode(ofTree: number))
    }
    // Behind the directories' own two names, and those of what is in them.
    let top = Self.directory(1, names: 2 + 3)
    let parts = [2, 3].map { Self.directory($0, names: 2 + layerCount) }
    let (alone, upTo) = (roots.prefix(layerCount), roots.dropFirst(layerCount).dropLast())
    let merged = roots[selections.count - 1]
    directories = [
      Directory(
        own: top,
        holder: top,
        entries: [
          Entry(name: Array("layers".utf8), attributes: parts[0]),
          Entry(name: Array("merged".utf8), attributes: merged),
          Entry(name: Array("upto".utf8), attributes: parts[1]),
        ]
      ),
      Directory(own: parts[0], holder: top, entries: Self.numbered(Array(alone))),
      Directory(own: parts[1], holder: top, entries: Self.numbered(Array(upTo))),
    ]
    trees = zip(selections, roots).map { selection, root in
      let (holder, path) =
        switch selection {
        case .alone(let number): (parts[0], "layers/\(number)")
        case .upTo(let number): (parts[1], "upto/\(number)")
        case .all: (top, "merged")
        }
      let frame = TreePlace.Frame(root: root, holder: holder)
      return Shown(selection: selection, place: TreePlace(frame, path: Array(path.utf8)))
    }
  }

  func directory(_ inode: InodeNumber) -> Directory? {
    guard let number = Int(exactly: inode.rawValue), (1...directories.count).contains(number) else {
      return nil
    }
    return directories[number - 1]
  }

  // MARK: Inodes

  /// A tree has at most 2³² nodes: the upper half of an inode number says which tree.
  private static func firstInode(ofTree number: Int) -> InodeNumber {
    InodeNumber(rawValue: UInt64(number + 1) << 32)
  }

  /// The tree that an inode belongs to, if there is one.
  func tree(of inode: InodeNumber) -> Int? {
    let number = Int(inode.rawValue >> 32) - 1
    return trees.indices.contains(number) ? number : nil
  }

  // MARK: Attributes

  /// As a tree's directory that no layer describes.
  private static func directory(_ inode: UInt64, names: Int) -> FuseAttributes {
    var attributes = root(of: .implicitDirectory, inode: InodeNumber(rawValue: inode))
    attributes.linkCount = UInt32(clamping: names)
    return attributes
  }

  /// The root of a tree, in which nobody has counted directories yet.
  ///
  /// A count of 1 says so to those who would rely on it, as btrfs does.
  private static func root(of entry: EntryAttributes, inode: InodeNumber) -> FuseAttributes {
    var attributes = FuseAttributes(
      inode: inode,
      mode: NodeKind.directory.modeBits | UInt32(entry.mode),
      linkCount: 1,
      userID: entry.uid,
      groupID: entry.gid,
      modified: FuseTime(seconds: entry.seconds, nanoseconds: entry.nanoseconds)
    )
    attributes.byteCount = NodeAttributes.directoryByteCount
    return attributes
  }

  private static func numbered(_ roots: [FuseAttributes]) -> [Entry] {
    roots.enumerated().map { Entry(name: Array("\($0)".utf8), attributes: $1) }
      .sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }
}
