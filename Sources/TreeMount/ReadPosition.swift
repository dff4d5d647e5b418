// Where in a tree a reader is, who takes the files in the order of their nodes: that of a depth-first walk
// with names sorted as bytes. Pure.

/// A place in the contents of all files, one after the other.
struct ReadPosition: Comparable, Hashable, Sendable {
  var node: UInt32
  var offset: UInt64

  static let start = ReadPosition(node: 0, offset: 0)

  static func < (left: Self, right: Self) -> Bool {
    left.node == right.node ? left.offset < right.offset : left.node < right.node
  }
}

/// What the kernel's READs tell of a reader, and how far it was served beforehand.
///
/// The kernel asks only for what it does not have, so that `position` is where the reader missed
/// something last.
struct ReaderTrack: Sendable {
  /// This many nodes from one read to the next are no turn: between two files are links, directories
  /// and empty files, and of two reads at once the later one may come first.
  private static let longestStep: UInt32 = 64
  /// Files that are read one after the other by accident are fewer.
  private static let leastFiles = 3

  private(set) var position = ReadPosition.start
  /// Counts up whenever the reader turns elsewhere: what was planned then is of no use.
  private(set) var walk: UInt32 = 0
  private var fileCount = 0
  /// How far the pump is: a read behind it is not to be expected earlier.
  var pushed = ReadPosition.start
  /// Directories that were listed whole since, and are about to be read; the oldest first.
  private var listed: [UInt32] = []
  var isStopped = false
  private let mayTurn: Bool

  /// Of a reader that is known to take everything in order, or of one that `mayTurn`.
  init(mayTurn: Bool) {
    self.mayTurn = mayTurn
  }

  /// Whether it takes one file after the other.
  var isInOrder: Bool { fileCount >= Self.leastFiles }

  /// Takes note of a READ.
  ///
  /// - Returns: Whether a pump may have waited for it: most readers read here and there, and nothing is
  ///   pushed for them.
  mutating func note(_ read: ReadPosition) -> Bool {
    let wasInOrder = isInOrder
    if continues(read.node) {
      if read.node > position.node { fileCount += 1 }
      position = max(position, read)
    } else {
      walk &+= 1
      fileCount = 0
      position = read
      pushed = read
      listed = []
    }
    return isInOrder || wasInOrder || !mayTurn
  }

  /// A reader lists a directory before it reads what is in it, and is further by then where that waits.
  private static let mostListed = 8

  /// Takes note that a directory was listed to its end, so that the kernel knows all that is in it.
  ///
  /// Of a reader that takes everything nothing is noted: the pump has listed it before.
  ///
  /// - Returns: Whether somebody may have waited for it.
  mutating func note(listed directory: UInt32) -> Bool {
    guard mayTurn, isInOrder, directory > position.node, continues(directory) else { return false }
    if listed.count == Self.mostListed { listed.removeFirst() }
    listed.append(directory)
    return true
  }

  var hasListed: Bool { !listed.isEmpty }

  mutating func takeListed() -> UInt32? { listed.isEmpty ? nil : listed.removeFirst() }

  private func continues(_ node: UInt32) -> Bool {
    if !mayTurn { return true }
    let last = max(position.node, pushed.node)
    return node >= position.node
      ? node <= last || node - last <= Self.longestStep
      : position.node - node <= Self.longestStep
  }
}
