// How large a tree may become. Without this, a few compressed bytes could demand any amount of
// memory: a member of 512 zeros and a name costs a blob next to nothing.

/// Upper bounds for what the layers of one image may ask for.
package struct TreeLimits: Equatable, Sendable {
  /// Entries of one layer, and files or names of one tree: 2²⁴, ten times the largest images in use.
  ///
  /// So many entries of 88 bytes are 1.4 GiB, which a gzip blob of 9 MB could hold; as many nodes and
  /// names are some 4 GiB. One path of 64 KiB makes 32,000 directories and compresses to 150 bytes.
  package var entryCount = 1 << 24

  /// What `entryCount` may be raised to: 2³¹, since nodes and names are numbered in 32 bits, of which
  /// the last number means none.
  package static let largestEntryCount = 1 << 31

  package init() {}
}
