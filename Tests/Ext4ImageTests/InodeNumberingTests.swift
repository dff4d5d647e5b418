// Which inode each name of a tree becomes.

import Ext4Image
import FileTree
import FlatArrays
import Testing

@Suite(.inTurns) struct `Inode numbers` {
  @Test func `follow mkfs: depth first, hard links once, symbolic links once a name`() throws {
    let files = SourceDirectory([
      .directory("b"), .file("b/one"), .hardLink("b/two", to: "b/one"), .link("b-link", to: "x"),
      .hardLink("c", to: "b/one"), .hardLink("a", to: "b-link"), .directory("lost+found"),
      .file("lost+found/z"), .directory("b/lost+found"), .file("z"),
    ])
    let tree = try files.tree
    let numbering = try InodeNumbering(of: tree)
    #expect(
      names(of: tree, numbering) == [
        "a 12", "b 13", "b/lost+found 14", "b/one 15", "b/two 15", "b-link 16", "c 15",
        "lost+found 11", "lost+found/z 17", "z 18",
      ]
    )
    #expect(numbering.last == 18)
    #expect(numbering.splitLinkCount == 1)
    #expect(numbering.assignments.map(\.inode) == [2, 12, 13, 14, 15, 16, 11, 17, 18])
    #expect(numbering.assignments.map(\.joins) == [nil, nil, nil, nil, nil, 12, nil, nil, nil])
    #expect(!numbering.isJoined)
  }

  @Test func `of symbolic links are those of their first names when they are joined`() throws {
    let files = SourceDirectory([
      .link("a", to: "x"), .directory("b"), .hardLink("b/a", to: "a"), .hardLink("b/c", to: "a"),
      .file("d"),
    ])
    let tree = try files.tree
    let joined = try InodeNumbering(of: tree).joined()
    #expect(names(of: tree, joined) == ["a 12", "b 13", "b/a 12", "b/c 12", "d 16"])
    #expect(joined.assignments.map(\.inode) == [2, 12, 13, 16])
    #expect(joined.isJoined)
    #expect(joined.last == 16)
  }

  @Test func `begin one later where there is an orphan file`() throws {
    let tree = try SourceDirectory([.file("a"), .file("b")]).tree
    let numbering = try InodeNumbering(of: tree, firstFree: 13)
    #expect(names(of: tree, numbering) == ["a 13", "b 14"])
  }

  @Test func `of a tree without links are those of its nodes and eleven`() throws {
    let tree = try SourceDirectory([.directory("d"), .file("d/x"), .file("e")]).tree
    let numbering = try InodeNumbering(of: tree)
    #expect(
      numbering.assignments.dropFirst().allSatisfy { $0.inode == $0.node.index + 11 }
    )
  }

  /// `PATH INODE` for each name, in the order of a walk.
  private func names(of tree: Tree, _ numbering: InodeNumbering) -> [String] {
    var lines: [String] = []
    func list(_ directory: Node, _ prefix: String) {
      for place in tree.childRange(of: directory) {
        let child = tree.childTable[place]
        let path = prefix + String(decoding: tree.name(of: child).array, as: UTF8.self)
        lines.append("\(path) \(numbering.inodeOfPlace[place])")
        let node = tree[child.node]
        if node.kind == .directory { list(node, path + "/") }
      }
    }
    list(tree[.root], "")
    return lines
  }
}
