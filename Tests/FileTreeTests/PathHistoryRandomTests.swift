// Histories of every path that random layers name: followed event by event, they end with what the tree
// of the same layers has.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct PathHistoryRandomTests {
  /// Every path that a member or a directory above one has, the root too.
  private func paths(in stack: [[LayerMember]]) -> Set<[UInt8]> {
    var paths: Set<[UInt8]> = [[]]
    for member in stack.joined() {
      var path = member.path
      while !path.isEmpty {
        paths.insert(path)
        path = Array(EntryPath.split(path).directory)
      }
    }
    return paths
  }

  /// What is at a path, as events and trees both say it.
  private struct Seen: Equatable {
    var kind: NodeKind
    var layer: Int
    var member: TarOffset?
    var attributes: EntryAttributes
    var byteCount: UInt64

    init(_ content: PathContent) {
      (kind, layer, member) = (content.kind, content.layer, content.member)
      (attributes, byteCount) = (content.attributes, content.byteCount)
    }

    init(_ node: Node, of layers: [LayerTable]) {
      (kind, layer, attributes) = (node.kind, Int(node.layer), node.attributes)
      let hasEntry = node.entry != Node.implicitEntry
      member = hasEntry ? layers[layer].entries[Int(node.entry)].header : nil
      byteCount = node.kind == .regular ? node.size : 0
    }
  }

  /// What the events make of a path, one after the other; `nil`: nothing.
  private func end(of history: PathHistory, _ note: Comment) -> Seen? {
    history.events.reduce(nil) { (present: Seen?, event) -> Seen? in
      let isHere = event.path == history.path
      switch event.change {
      case .put(let new):
        #expect(isHere && present == nil, note)
        return Seen(new)
      case .replaced(let old, let new):
        // A directory above is replaced by what is none only where the path is in it.
        #expect(
          isHere ? present == Seen(old) : (present != nil) == (new.kind != .directory),
          note
        )
        return isHere ? Seen(new) : nil
      case .changedAttributes(let new):
        // The root is there from the beginning.
        #expect(isHere && (present?.kind == .directory || history.path.isEmpty), note)
        return Seen(new)
      case .hidden:
        #expect(present != nil, note)
        return nil
      case .emptied:
        #expect(present?.kind == .directory || history.path.isEmpty, note)
        return present
      case .kept, .overtaken, .ignored, .omitted: return present
      }
    }
  }

  /// What the tree has at a path, without following links.
  private func content(at path: [UInt8], in tree: Tree, _ layers: [LayerTable]) -> Seen? {
    guard tree.canonicalPath(of: path) == path else { return nil }
    do { return Seen(tree[try tree.lookUp(path)], of: layers) } catch { return nil }
  }

  private func check(
    _ stack: [[LayerMember]],
    seed: UInt64,
    _ policy: LowerLinkPolicy
  ) throws {
    let layers = try stack.map(layer)
    let merged: MergedTree
    do throws(TreeError) {
      merged = try TreeBuilder.merge(layers, lowerLinks: policy)
    } catch {
      #expect(throws: error) {
        try TreeBuilder.history(of: [], in: layers, lowerLinks: policy, mergesEverything: true)
      }
      return
    }
    for path in paths(in: stack) {
      let history = try TreeBuilder.history(of: path, in: layers, lowerLinks: policy)
      let note: Comment = "seed \(seed), \(policy), \(EscapedBytes.string(path))"
      // Bookkeeping is in the layers, but not shown.
      if path.split(separator: UInt8(ascii: "/")).contains(where: { $0.starts(with: ".wh.".utf8) })
      {
        continue
      }
      #expect(end(of: history, note) == content(at: path, in: merged.tree, layers), note)
    }
  }

  @Test(arguments: 0..<8)
  func `a history ends with what the tree has`(batch: Int) throws {
    for seed in UInt64(batch * 12)..<UInt64(batch * 12 + 12) {
      let stack = RandomLayers.stack(seed: seed)
      try check(stack, seed: seed, .replace)
      try check(stack, seed: seed, .follow)
    }
  }

  @Test(arguments: 0..<8)
  func `a history of many layers ends with what the tree has`(batch: Int) throws {
    for seed in UInt64(batch * 2)..<UInt64(batch * 2 + 2) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 6, memberCount: 30)
      try check(stack, seed: seed, .replace)
    }
  }

  /// What an excerpt of the layers tells is what all of them tell; nothing that is left out matters.
  private func compare(_ stack: [[LayerMember]], seed: UInt64) throws {
    let layers = try stack.map(layer)
    for path in paths(in: stack) {
      let note: Comment = "seed \(seed), \(EscapedBytes.string(path))"
      let whole = try TreeBuilder.history(of: path, in: layers, mergesEverything: true)
      #expect(try TreeBuilder.history(of: path, in: layers) == whole, note)
    }
  }

  @Test(arguments: 0..<4)
  func `a history is the same without the merge of everything`(batch: Int) throws {
    for seed in UInt64(batch * 25)..<UInt64(batch * 25 + 25) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 5, memberCount: 20)
      try compare(stack, seed: seed)
      // Without symbolic links an excerpt does for nearly all.
      let plain = stack.map { members in
        members.filter { member in
          if case .symbolicLink = member.what { false } else { true }
        }
      }
      do { _ = try TreeBuilder.merge(plain.map(layer)) } catch { continue }
      try compare(plain, seed: seed)
    }
  }

  @Test func `a layer's events are bounded, the first and the last are told`() throws {
    let members = (0..<5000).map { LayerMember.file("x", bytes: $0) }
    let whiteouts = (0..<5000).map { _ in LayerMember.whiteout("x") }
    let history = try TreeBuilder.history(
      of: Array("x".utf8),
      in: [try layer(members), try layer(whiteouts)]
    )
    #expect(history.events.count == 2 * (200 + 1))
    let omitted = history.events.compactMap { event -> Int? in
      if case .omitted(let count) = event.change { count } else { nil }
    }
    #expect(omitted == [4800, 4800])
    // What is left out stands where it belongs, and what came next is named though it is left out.
    #expect(history.events[100].change == .omitted(4800))
    let overtakers = history.events[..<200].compactMap { event -> TarOffset? in
      if case .overtaken(let later) = event.change { later.offset } else { nil }
    }
    #expect(overtakers == (Array(1...100) + Array(4901...4999)).map { memberOffset($0) })
    #expect(history.events[200].member?.offset == memberOffset(4999))
    #expect(history.events[201].change == .hidden)
    #expect(history.events[301].change == .omitted(4800))
    #expect(history.events[302].change == .ignored)
    #expect(history.events[401].member?.offset == memberOffset(4999))
  }

  /// The one member that hides the path is among those that are left out: none of the others did.
  @Test func `of what is hidden again and again only the first is told to have done it`() throws {
    let below = (0..<150).map { _ in LayerMember.whiteout("d/x") }
    let history = try TreeBuilder.history(
      of: Array("d/x".utf8),
      in: [
        try layer([.file("d/x")]), try layer(below + [.whiteout("d")] + below),
      ]
    )
    #expect(history.events.count == 1 + 201)
    #expect(history.events[101].change == .omitted(101))
    let others = history.events.dropFirst().filter { $0.change != .omitted(101) }
    #expect(others.allSatisfy { $0.change == .ignored && $0.rules == [.whiteoutWithoutDirectory] })
  }

  /// A directory on the way is replaced and made again where nobody is told of it.
  @Test func `a parent that was made among what is left out is not said to be made by another`()
    throws
  {
    let files = (0..<150).map { _ in LayerMember.file("d/x") }
    let stack = [[LayerMember.file("d")], files + [.fifo("d")] + files]
    let history = try TreeBuilder.history(of: Array("d/x".utf8), in: try stack.map(layer))
    #expect(history.events.filter { $0.path == Array("d".utf8) } == [])
    #expect(history.events.count { $0.layer == 1 && $0.change == .omitted(103) } == 1)
    let last = try #require(history.events.last)
    #expect(last.member?.offset == memberOffset(300))
  }

  /// As deep as a path can say, behind a link, again and again.
  @Test func `a path of 32,000 directories has its history`() throws {
    let rest = Array(repeating: UInt8(ascii: "d"), count: 32_000)
      .map { [$0] }.joined(separator: [UInt8(ascii: "/")])
    let direct = PathBytes(Array("e/".utf8) + rest)
    let linked = PathBytes(Array("l/".utf8) + rest)
    var upper: [LayerMember] = [.symlink("l", to: "e")]
    for _ in 0..<3 { upper += [.file("e"), .file(linked)] }
    let history = try TreeBuilder.history(
      of: direct.bytes,
      in: [try layer([.file(direct)]), try layer(upper)]
    )
    #expect(history.events.count == 1 + 3)
    #expect(history.events[0].rules == [])
    #expect(history.events[1].rules == [.repeatedAsAnotherType])
    #expect(history.events[3].rules == [.ownLinkAsParent, .fileOverAnything])
    #expect(history.events[3].links.map(\.path) == [Array("l".utf8)])
  }
}
