// Arbitrary bytes as members of layers: few names, so that they meet. What is promised: the merge says
// what the naive one of the tests says, tree or error, and the tree is sound.

import FileTree
import Offsets
import TestKit

enum TreeChecks {
  /// The naive merge is slow; what goes wrong does so with a few members.
  private static let memberLimit = 40

  static func check(_ input: [UInt8], _ faults: inout Faults) {
    var reader = MemberReader(input)
    let policy = reader.policy
    let stack = reader.layers(memberLimit: memberLimit)
    let expected = outcome { () throws(TreeError) in
      try ReferenceMerge.rows(of: stack, lowerLinks: policy)
    }
    var tree: Tree?
    let actual = outcome { () throws(TreeError) in
      var tables: [LayerTable] = []
      for members in stack { tables.append(try layer(members)) }
      let merged = try TreeBuilder.merge(tables, lowerLinks: policy).tree
      tree = merged
      return merged.rowsWithOrigins
    }
    faults.require(actual == expected, "the merge gives \(actual), the naive one \(expected)")
    for fault in tree.map(TreeCheck.faults) ?? [] { faults.require(false, fault) }
  }

  /// What a merge says, in a form that compares.
  private enum Outcome: Equatable, CustomStringConvertible {
    case rows([DumpRow])
    case error(TreeError)

    var description: String {
      switch self {
      case .rows(let rows): DumpRow.text(rows)
      case .error(let error): "\(error)"
      }
    }
  }

  private static func outcome(_ merge: () throws(TreeError) -> [DumpRow]) -> Outcome {
    do throws(TreeError) { return .rows(try merge()) } catch { return .error(error) }
  }
}

/// Takes members out of bytes: each byte a choice; behind the last one every choice is the first.
private struct MemberReader {
  private var rest: ArraySlice<UInt8>
  let policy: LowerLinkPolicy

  private static let names: [PathBytes] = ["a", "b", "c", "d", "a.", [0xff]]

  init(_ input: [UInt8]) {
    rest = input.dropFirst()
    policy = (input.first ?? 0) & 1 == 0 ? .replace : .follow
  }

  mutating func layers(memberLimit: Int) -> [[LayerMember]] {
    var layers: [[LayerMember]] = [[]]
    for _ in 0..<memberLimit {
      if rest.isEmpty { break }
      if let member = member() {
        layers[layers.count - 1].append(member)
      } else {
        layers.append([])
      }
    }
    return layers
  }

  private mutating func choice(_ count: Int) -> Int { Int(rest.popFirst() ?? 0) % count }

  /// `nil` where the next layer begins.
  private mutating func member() -> LayerMember? {
    let kind = choice(12)
    if kind == 11 { return nil }
    let path = PathBytes(self.path(isEmptyAllowed: kind == 0 || kind == 9))
    var member: LayerMember =
      switch kind {
      case 0: .directory(path)
      case 1, 2: .file(path, bytes: choice(3))
      case 3: .symlink(path, to: PathBytes(target()))
      case 4, 5: .hardLink(path, to: PathBytes(self.path(isEmptyAllowed: true)))
      case 6: .characterDevice(path, UInt32(choice(2)), UInt32(choice(2)))
      case 7: .fifo(path)
      case 8, 10: .whiteout(path)
      default: .opaque(path)
      }
    let look = choice(8)
    if look & 1 != 0 { member = member.owned(by: 7, 8) }
    if look & 2 != 0 { member = member.modified(at: -1, 5) }
    if look & 4 != 0, kind < 3 { member = member.with("user.a", "1") }
    return member
  }

  private mutating func path(isEmptyAllowed: Bool) -> [UInt8] {
    let depth = choice(5)
    if depth == 0, isEmptyAllowed { return [] }
    let names = (0..<max(depth, 1)).map { _ in Self.names[choice(Self.names.count)].bytes }
    return Array(names.joined(separator: [UInt8(ascii: "/")]))
  }

  private mutating func target() -> [UInt8] {
    let prefix = ["", "/", "../", "./", "../../", "//"][choice(6)]
    let suffix = ["", "", "/..", "/"][choice(4)]
    let target = Array(prefix.utf8) + path(isEmptyAllowed: true) + Array(suffix.utf8)
    return target.isEmpty ? Array(".".utf8) : target
  }
}
