// Finding files of an image by name and by path, with symbolic links resolved inside the image and never
// outside. Source: path_resolution(7), with the image's root as the root.

import Glibc
package import SystemPackage

/// Something that a path of an image leads to.
package struct Ext4Place: Hashable, Sendable {
  package var number: UInt32
  package var inode: Ext4Inode
  /// Where it really is: the names on the way from the root, none of them a link's.
  package var path: [[UInt8]]
}

extension Ext4ImageReader {
  /// The root directory's inode: 2 in every file system.
  static let root: UInt32 = 2
  /// MAXSYMLINKS of Linux.
  private static let linkLimit = 40

  /// Opens the image at `path`, reads from it, and closes it.
  ///
  /// - Throws: `.systemCall` and `.malformedImage`, and what `body` throws.
  package static func with<Value>(
    _ path: FilePath,
    _ body: (inout Ext4ImageReader) throws(Ext4Error) -> Value
  ) throws(Ext4Error) -> Value {
    let descriptor = try HostFile.check("open", path) { open($0, O_RDONLY | O_CLOEXEC) }
    defer { close(descriptor) }
    var reader = try Ext4ImageReader(FileDescriptor(rawValue: descriptor), path: path)
    return try body(&reader)
  }

  /// What is at `path`, counted from the root; `nil` for a path that leads nowhere.
  ///
  /// Symbolic links on the way are followed inside the image, `..` stays below the root; the last
  /// component is followed only when asked for.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package mutating func lookUp(
    _ path: [UInt8],
    followingLast: Bool = false
  ) throws(Ext4Error) -> Ext4Place? {
    let root = Ext4Place(number: Self.root, inode: try inode(Self.root), path: [])
    var ancestors = [root]
    var pending = Self.reversedComponents(of: path)
    var linkCount = 0
    while let name = pending.popLast() {
      let directory = ancestors[ancestors.count - 1]
      guard directory.inode.isDirectory else { return nil }
      if name == Array("..".utf8) {
        if ancestors.count > 1 { ancestors.removeLast() }
        continue
      }
      guard let number = try children([name], of: directory.inode)[name] else { return nil }
      let found = Ext4Place(
        number: number,
        inode: try inode(number),
        path: directory.path + [name]
      )
      guard found.inode.isSymbolicLink, followingLast || !pending.isEmpty else {
        ancestors.append(found)
        continue
      }
      linkCount += 1
      if linkCount > Self.linkLimit { return nil }
      let target = try target(of: found.inode)
      if target.first == UInt8(ascii: "/") { ancestors = [root] }
      pending += Self.reversedComponents(of: target)
    }
    return ancestors.last
  }

  /// The inodes of those of `names` that a directory has.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func children(
    _ names: Set<[UInt8]>,
    of directory: Ext4Inode
  ) throws(Ext4Error) -> [[UInt8]: UInt32] {
    var found: [[UInt8]: UInt32] = [:]
    try forEachBlock(of: directory) { (number, block) throws(Ext4Error) in
      for entry in try parse(block, number) where names.contains(entry.name) {
        found[entry.name] = entry.inode
      }
    }
    return found
  }

  private static func reversedComponents(of path: [UInt8]) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
      .map(Array.init).reversed()
  }
}
