// The rules of merging by their names in docs/SEMANTICS.md, for saying which of them decided something.
// What they do is TreeBuilder's business.

/// A rule that a merge applied to a path.
///
/// Raw values are the names of rows in docs/SEMANTICS.md; they never change.
package enum MergeRule: String, Sendable, CaseIterable {
  /// A whiteout hides what lower layers have.
  case whiteout = "U1"
  /// The same, and the layer's own entry, which stays, came before it.
  case whiteoutAfterEntry = "U2"
  /// The same, and the layer's own entry came behind it.
  case whiteoutBeforeEntry = "U3"
  /// A whiteout of a directory that the layer makes anew.
  case whiteoutOfNewDirectory = "U4"
  /// An opaque mark hides what lower layers have in a directory.
  case opaqueMark = "U5"
  /// The same, behind entries of the directory, which stay.
  case opaqueMarkAfterEntries = "U6"
  /// The same, and the layer has no entry for the directory.
  case opaqueMarkAlone = "U7"
  /// A whiteout of something that is not there.
  case whiteoutOfNothing = "U8"
  /// A whiteout or opaque mark below something that is gone or no directory.
  case whiteoutWithoutDirectory = "U9"
  /// An opaque mark in the root.
  case opaqueRoot = "U11"
  /// A whiteout or opaque mark behind a symbolic link.
  case whiteoutThroughLink = "U12"
  /// A directory over a directory: attributes are replaced, contents stay.
  case directoryOverDirectory = "U13"
  /// Something that is no directory over something.
  case fileOverAnything = "U14"
  /// A directory over something that is neither a directory nor a symbolic link.
  case directoryOverFile = "U15"
  /// A path again in the same layer, as another type.
  case repeatedAsAnotherType = "U16"
  /// A path again in the same layer, as the same type.
  case repeated = "U17"
  /// A directory again in the same layer.
  case repeatedDirectory = "U18"
  /// A symbolic link over a directory.
  case linkOverDirectory = "U19"
  /// A directory over a symbolic link.
  case directoryOverLink = "U20"
  /// A parent that is a symbolic link of a lower layer: a directory takes its place, or it is followed.
  case lowerLinkAsParent = "U21"
  /// A parent that is a symbolic link of the same layer: it is followed.
  case ownLinkAsParent = "U22"
  /// A symbolic link in the place of a directory that the same layer put something into.
  case linkAfterContents = "U23"
  /// A parent that is no directory becomes one.
  case fileAsParent = "U24"
  /// A parent without an entry of its own.
  case impliedParent = "U25"
  /// An entry for the root.
  case rootEntry = "U26"
  /// A root without an entry.
  case impliedRoot = "U27"
  /// A character device 0:0.
  case nullDevice = "U28"
  /// Bookkeeping of AUFS, which is not shown.
  case bookkeeping = "U30"
  /// A hard link to an earlier member.
  case linkToEarlierMember = "H1"
  /// A hard link to a file of a lower layer.
  case linkToLowerLayer = "H2"
  /// A hard link to a later member.
  case linkToLaterMember = "H3"
  /// A hard link to something that is no regular file.
  case linkToSpecialFile = "H4"
  /// A hard link to itself.
  case linkToItself = "H6"
  /// A hard link with attributes of its own, which are not used.
  case linkWithAttributes = "H7"
}
