// How large a tree may become. Without this, a few compressed bytes could demand any amount of
// memory: a member of 512 zeros and a name costs a blob next to nothing.

/// Upper bounds for what the layers of one image may ask for.
package struct TreeLimits: Equatable, Sendable {
  /// Entries of one layer, and files or names of one tree: 2²⁴, ten times the largest images in use.
  ///
  /// So many entries of 88 bytes are 1.4 GiB, which a gzip blob of 9 MB could hold; as many nodes and
  /// names are some 4 GiB. One path of 64 KiB makes 32,000 directories and compresses to 150 bytes.
  package var entryCount = 1 << 24

  /// Bytes of one layer's table, that is of its entries, of their names, paths, targets and attributes,
  /// and of the segments of its sparse files: 2 GiB.
  ///
  /// As many entries as there may be, of 88 bytes, with 40 bytes of names for each:
  /// 2²⁴ × (88 + 40) = 2³¹. A layer of a million files needs a tenth of that. Without it, a zstd blob
  /// of 89 KB held twelve million segments of 24 bytes, and attributes took three bytes for each of
  /// the tar stream's.
  package var tableByteCount = 1 << 31

  /// Bytes of symbolic links' targets that paths of all layers together may lead through: 4 MiB, and
  /// `linkBytesPerEntry` for each entry.
  ///
  /// A path may lead through 40 links with targets of 4 KiB, so that a member of 512 bytes, which
  /// compresses to next to nothing, costs as much as 160 KiB: this is less than a second of it. Where `/lib`
  /// leads to `usr/lib`, a file below it takes 7 bytes.
  package var linkByteCount = 1 << 22

  /// Nine times `usr/lib`: images whose files all lie behind links never come to an end of it.
  package static let linkBytesPerEntry = 64

  /// What `entryCount` may be raised to: 2³¹, since nodes and names are numbered in 32 bits, of which
  /// the last number means none.
  package static let largestEntryCount = 1 << 31

  package init() {}
}
