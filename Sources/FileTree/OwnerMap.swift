// Which user and group ids outside stand for those of an image, for guests in user namespaces: ranges as
// newuidmap takes them. Knows no files; Tree+Owners applies it. Sources: user_namespaces(7),
// newuidmap(1).

/// Ids of users or of groups.
package enum OwnerKind: Hashable, Sendable {
  case user
  case group
}

/// Ids inside the image to ids outside.
///
/// No two ids inside have the same one outside. Equal maps are equal whatever they were read from.
package struct OwnerMap: Hashable, Sendable {
  private struct IDRange: Hashable, Sendable {
    var inside: UInt32
    var outside: UInt32
    var count: UInt32

    /// The last id of a range from `start` on.
    func last(from start: UInt32) -> UInt32 { start + (count - 1) }
  }

  /// Both sorted by the id inside.
  private var users: [IDRange] = []
  private var groups: [IDRange] = []

  /// All ones mean "leave alone" to chown(2): no id.
  private static let largestID = UInt32.max - 1

  /// Reads ranges: `FIRST:TO:COUNT`, the first id inside, the first outside and how many; with `u:`
  /// or `g:` in front for users or groups alone.
  ///
  /// A kind without a range maps nothing.
  ///
  /// - Throws: `.malformedOwnerRange`, `.overlappingOwnerRanges` with the text.
  package init(_ texts: [String]) throws(TreeError) {
    for text in texts {
      try add(text)
    }
  }

  /// The id outside, or `nil` where no range has it.
  package func map(uid: UInt32) -> UInt32? { map(uid, .user) }

  /// The id outside, or `nil` where no range has it.
  package func map(gid: UInt32) -> UInt32? { map(gid, .group) }

  func map(_ id: UInt32, _ kind: OwnerKind) -> UInt32? {
    let ranges = kind == .user ? users : groups
    guard let range = ranges.last(where: { $0.inside <= id }), id - range.inside < range.count
    else { return nil }
    return range.outside + (id - range.inside)
  }
}

// MARK: - Reading

extension OwnerMap {
  private mutating func add(_ text: String) throws(TreeError) {
    var words = text.split(separator: ":", omittingEmptySubsequences: false)
    let kinds: [OwnerKind]
    switch words.first {
    case "u": kinds = [.user]
    case "g": kinds = [.group]
    default: kinds = [.user, .group]
    }
    if kinds.count == 1 { words.removeFirst() }
    let numbers = words.compactMap(Self.number)
    guard words.count == 3, numbers.count == 3, let range = Self.range(numbers) else {
      throw .malformedOwnerRange(text)
    }
    for kind in kinds where !insert(range, kind) {
      throw .overlappingOwnerRanges(text)
    }
  }

  /// Digits alone: no sign, no blank.
  private static func number(_ word: Substring) -> UInt32? {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    return word.utf8.allSatisfy(digits.contains) ? UInt32(word) : nil
  }

  private static func range(_ numbers: [UInt32]) -> IDRange? {
    let range = IDRange(inside: numbers[0], outside: numbers[1], count: numbers[2])
    guard range.count > 0, max(range.inside, range.outside) <= largestID,
      range.count - 1 <= largestID - max(range.inside, range.outside)
    else { return nil }
    return range
  }

  /// - Returns: `false` where an id is in two ranges, on either side.
  private mutating func insert(_ range: IDRange, _ kind: OwnerKind) -> Bool {
    let others = kind == .user ? users : groups
    let overlaps = others.contains { other in
      range.inside <= other.last(from: other.inside)
        && other.inside <= range.last(from: range.inside)
        || range.outside <= other.last(from: other.outside)
          && other.outside <= range.last(from: range.outside)
    }
    if overlaps { return false }
    let sorted = (others + [range]).sorted { $0.inside < $1.inside }
    if kind == .user { users = sorted } else { groups = sorted }
    return true
  }
}

extension OwnerMap: CustomStringConvertible {
  /// The ranges in one form, `u:FIRST:TO:COUNT` and `g:…`, sorted and separated by blanks: equal for
  /// equal maps alone.
  package var description: String {
    let all = users.map { ("u", $0) } + groups.map { ("g", $0) }
    return all.map { "\($0):\($1.inside):\($1.outside):\($1.count)" }.joined(separator: " ")
  }
}
