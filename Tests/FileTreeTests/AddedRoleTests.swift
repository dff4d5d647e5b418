// What an added layer does depends on where it comes from, and on those before it.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct AddedRoleTests {
  @Test func `a second added layer finds the links of the first one`() throws {
    let layers = [
      try layer([.directory("etc")]), try layer([.symlink("l", to: "etc")]),
      try layer([.file("l/x")]),
    ]
    #expect(
      throws: TreeError.lowerSymbolicLink(
        path: bytes("l/x"),
        link: bytes("l"),
        target: bytes("etc"),
        layer: 2,
        member: memberOffset(0)
      )
    ) {
      try TreeBuilder.merge(layers, roles: [.image, .overlay, .files])
    }
  }

  @Test(arguments: [(LayerRole.directory, "1777"), (.overlay, "700"), (.image, "700")])
  func `only a directory of this machine leaves directories as they are`(
    role: LayerRole,
    mode: String
  ) throws {
    let layers = [
      try layer([.directory("tmp", mode: 0o1777)]),
      try layer([
        .directory("tmp", mode: 0o700), .directory("tmp/new", mode: 0o750), .file("tmp/new/f"),
      ]),
    ]
    let tree = try TreeBuilder.merge(layers, roles: [.image, role]).tree
    #expect(tree.brief == "tmp/ mode=\(mode), tmp/new/ mode=750, tmp/new/f 0")
  }

  @Test func `a hard link through a link of the image means the file that came before it`() throws {
    let layers = [
      try layer([.symlink("bin", to: "usr/bin"), .directory("usr/bin")]),
      try layer([
        .file("bin/a", bytes: 1), .hardLink("bin/b", to: "bin/a"), .file("usr/bin/a", bytes: 2),
      ]),
    ]
    let tree = try TreeBuilder.merge(layers, roles: [.image, .overlay]).tree
    #expect(tree.brief == "bin -> usr/bin, usr/, usr/bin/, usr/bin/a 2, usr/bin/b 1")
  }
}
