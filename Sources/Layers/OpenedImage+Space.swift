// What the layers of an image have of files, and what of that is shadowed: the count is FileTree's, the
// layers are those of the open image.

package import FileTree

extension OpenedImage {
  /// What each layer has of files at a path of the tree and below, and which paths waste most.
  ///
  /// `path` is in normal form and leads through no symbolic link; `sizes` are those of its node. Merges
  /// the layers again: takes as long as opening does once layers are indexed.
  ///
  /// - Throws: what merging throws.
  package func spaceUse(
    at path: [UInt8],
    _ sizes: PathSizes,
    wastedLimit: Int
  ) throws(LayersError) -> SpaceUse {
    try stack.spaceUse(in: files.tree, at: path, sizes, wastedLimit: wastedLimit)
  }
}
