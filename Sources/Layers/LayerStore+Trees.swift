// Merged trees, kept in the cache beside the indexes that they were made of: mapped when they are there
// and sound, so that opening an image looks at no entry and no node. Two processes that want the same one
// both merge, and the later file stays.

import FileTree
import FlatArrays
import ImageStore
import OCISpec
import SystemPackage

extension LayerStore {
  /// All trees of a cache together: 4 GiB, the ones used longest ago go first.
  ///
  /// A tree of a million files is 130 MB, and each owner map makes another.
  static let treeByteLimit: UInt64 = 4 << 30

  /// The stored tree, if it is sound.
  func loadTree(_ key: TreeKey) -> MergedTree? {
    do throws(ImageStoreError) {
      return try map(key.fileName) { descriptor, byteCount, wasFoundSound in
        TreeFile.map(
          descriptor: descriptor,
          byteCount: byteCount,
          key: key.digest,
          layerCount: key.layerCount,
          wasFoundSound: wasFoundSound
        )
      }
    } catch {
      note(error)
      return nil
    }
  }

  /// Keeps a tree; where that is impossible, the next one who wants it merges again.
  func save(_ merged: MergedTree, as key: TreeKey) {
    do throws(ImageStoreError) {
      let file = try cache.create(key.fileName)
      var position: UInt64 = 0
      try TreeFile.write(
        merged,
        key: key.digest,
        layerCount: key.layerCount
      ) { piece throws(ImageStoreError) in
        try file.write(piece, at: position)
        position += UInt64(piece.count)
      }
      try rememberSound(key.fileName, as: try file.publishKnown())
      try cache.evict(downTo: Self.treeByteLimit, keeping: key.fileName)
    } catch {
      note(error)
    }
  }
}
