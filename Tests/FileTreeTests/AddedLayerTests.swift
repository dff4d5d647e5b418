// Layers that are laid over an image by hand: the rows of "Added layers" in docs/SEMANTICS.md.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct AddedLayerTests {
  private static let merged: [LayerMember] = [
    .symlink("lib", to: "usr/lib"), .symlink("sbin", to: "/usr/sbin"), .directory("usr/lib"),
    .file("usr/lib/a"), .file("usr/sbin/b"),
  ]
  private static let mergedDump = "lib -> usr/lib, sbin -> /usr/sbin, usr/, usr/lib/, usr/lib/a 0"

  @Test(arguments: mergedRows)
  func `links of a merged /usr are ways to the same place`(row: AddedRow) throws {
    try row.check()
  }

  static let mergedRows = [
    AddedRow(
      rule: "a file",
      image: merged,
      added: [.file("lib/new", bytes: 1), .file("sbin/d/e", bytes: 2)],
      result: .success(
        mergedDump + ", usr/lib/new 1, usr/sbin/, usr/sbin/b 0, usr/sbin/d/, usr/sbin/d/e 2"
      )
    ),
    AddedRow(
      rule: "a file that is there",
      image: merged,
      added: [.file("lib/a", bytes: 1)],
      role: .files,
      result: .success(
        "lib -> usr/lib, sbin -> /usr/sbin, usr/, usr/lib/, usr/lib/a 1, usr/sbin/, usr/sbin/b 0"
      )
    ),
    AddedRow(
      rule: "a directory's entry is about the same directory",
      image: merged,
      added: [.directory("lib", mode: 0o700), .file("lib/new", bytes: 1)],
      result: .success(
        "lib -> usr/lib, sbin -> /usr/sbin, usr/, usr/lib/ mode=700, usr/lib/a 0, usr/lib/new 1, usr/sbin/, usr/sbin/b 0"
      )
    ),
    AddedRow(
      rule: "an empty directory",
      image: merged,
      added: [.directory("sbin")],
      result: .success(mergedDump + ", usr/sbin/, usr/sbin/b 0")
    ),
    AddedRow(
      rule: "by both names",
      image: merged,
      added: [.directory("lib"), .file("lib/x", bytes: 1), .file("usr/lib/y", bytes: 2)],
      result: .success(mergedDump + ", usr/lib/x 1, usr/lib/y 2, usr/sbin/, usr/sbin/b 0")
    ),
    AddedRow(
      rule: "a hard link through it",
      image: merged,
      added: [.file("lib/x", bytes: 1), .hardLink("lib/y", to: "lib/x")],
      result: .success(mergedDump + ", usr/lib/x 1, usr/lib/y = usr/lib/x, usr/sbin/, usr/sbin/b 0")
    ),
    AddedRow(
      rule: "a whiteout below it",
      image: merged,
      added: [.whiteout("lib/a")],
      result: .success("lib -> usr/lib, sbin -> /usr/sbin, usr/, usr/lib/, usr/sbin/, usr/sbin/b 0")
    ),
    AddedRow(
      rule: "a whiteout below it, with an entry for the directory",
      image: merged,
      added: [.directory("lib"), .whiteout("lib/a"), .file("lib/c")],
      result: .success(
        "lib -> usr/lib, sbin -> /usr/sbin, usr/, usr/lib/, usr/lib/c 0, usr/sbin/, usr/sbin/b 0"
      )
    ),
    AddedRow(
      rule: "an opaque mark below it",
      image: merged,
      added: [.opaque("sbin"), .file("sbin/c")],
      result: .success(mergedDump + ", usr/sbin/, usr/sbin/c 0")
    ),
    AddedRow(
      rule: "the link itself is replaced",
      image: merged,
      added: [.file("lib", bytes: 3)],
      role: .files,
      result: .success(
        "lib 3, sbin -> /usr/sbin, usr/, usr/lib/, usr/lib/a 0, usr/sbin/, usr/sbin/b 0"
      )
    ),
    AddedRow(
      rule: "the link is taken away first",
      image: merged,
      added: [.whiteout("lib"), .directory("lib"), .file("lib/x")],
      result: .success(
        "lib/, lib/x 0, sbin -> /usr/sbin, usr/, usr/lib/, usr/lib/a 0, usr/sbin/, usr/sbin/b 0"
      )
    ),
  ]

  private static let linked: [LayerMember] = [
    .directory("etc"), .symlink("usr/local", to: "/etc"), .symlink("opt", to: "usr/opt/"),
    .symlink("d/lib", to: "usr/lib"), .symlink("var/run", to: "../run"), .directory("run"),
  ]

  private static func refused(
    _ path: String,
    _ link: String,
    to target: String,
    member: Int = 0
  ) -> Result<String, TreeError> {
    .failure(
      .lowerSymbolicLink(
        path: bytes(path),
        link: bytes(link),
        target: bytes(target),
        layer: 1,
        member: memberOffset(member)
      )
    )
  }

  @Test(arguments: refusals)
  func `every other link of the image on the way is refused by name`(row: AddedRow) throws {
    try row.check()
  }

  static let refusals = [
    AddedRow(
      rule: "a file",
      image: linked,
      added: [.file("ok"), .file("usr/local/bin/x")],
      role: .files,
      result: refused("usr/local/bin/x", "usr/local", to: "/etc", member: 1)
    ),
    AddedRow(
      rule: "a directory with something in it",
      image: linked,
      added: [.directory("usr"), .directory("usr/local"), .file("usr/local/x")],
      result: refused("usr/local", "usr/local", to: "/etc", member: 1)
    ),
    AddedRow(
      rule: "an empty directory",
      image: linked,
      added: [.directory("var/run")],
      result: refused("var/run", "var/run", to: "../run")
    ),
    AddedRow(
      rule: "not quite the merged place",
      image: linked,
      added: [.file("opt/x")],
      result: refused("opt/x", "opt", to: "usr/opt/")
    ),
    AddedRow(
      rule: "the merged place's name, elsewhere",
      image: linked,
      added: [.file("d/lib/x")],
      result: refused("d/lib/x", "d/lib", to: "usr/lib")
    ),
    AddedRow(
      rule: "a link behind a merged one",
      image: [
        .symlink("lib", to: "usr/lib"), .symlink("usr/lib/x", to: "/etc"), .directory("etc"),
      ],
      added: [.file("lib/x/y")],
      result: refused("lib/x/y", "usr/lib/x", to: "/etc")
    ),
    AddedRow(
      rule: "a merged place that is a link itself",
      image: [
        .symlink("sbin", to: "usr/sbin"), .symlink("usr/sbin", to: "bin"), .file("usr/bin/a"),
      ],
      added: [.file("sbin/x")],
      role: .files,
      result: refused("sbin/x", "usr/sbin", to: "bin")
    ),
  ]

  @Test(arguments: [
    (path: "usr/local/bin/x", link: "usr/local", target: "/etc", leadsTo: "etc/bin/x"),
    ("var/run/x", "var/run", "../run", "run/x"),
    ("var/run", "var/run", "../run", "run"),
    ("lib/x/y", "usr/lib/x", "/etc", "etc/y"),
    ("sbin/x", "usr/sbin", "bin", "usr/bin/x"),
    ("a/b", "a", "../../..", "b"),
  ])
  func `a refusal says where the path would lead`(
    path: String,
    link: String,
    target: String,
    leadsTo: String
  ) {
    let error = TreeError.lowerSymbolicLink(
      path: bytes(path),
      link: bytes(link),
      target: bytes(target),
      layer: 1,
      member: .zero
    )
    #expect(error.pathBehindLink == bytes(leadsTo))
  }

  @Test(arguments: followed)
  func `asked to follow links, it goes where they lead`(row: AddedRow) throws {
    try row.check()
  }

  static let followed = [
    AddedRow(
      rule: "a file",
      image: linked,
      added: [.file("usr/local/x", bytes: 1)],
      role: .files,
      policy: .follow,
      result: .success(
        "d/, d/lib -> usr/lib, etc/, etc/x 1, opt -> usr/opt/, run/, usr/, usr/local -> /etc, var/, var/run -> ../run"
      )
    ),
    AddedRow(
      rule: "a directory, relative to the link",
      image: linked,
      added: [.directory("var/run", mode: 0o700), .file("var/run/x", bytes: 1)],
      policy: .follow,
      result: .success(
        "d/, d/lib -> usr/lib, etc/, opt -> usr/opt/, run/ mode=700, run/x 1, usr/, usr/local -> /etc, var/, var/run -> ../run"
      )
    ),
    AddedRow(
      rule: "a place that is not there yet",
      image: linked,
      added: [.directory("opt"), .file("opt/x", bytes: 1), .whiteout("d/lib")],
      policy: .follow,
      result: .success(
        "d/, etc/, opt -> usr/opt/, run/, usr/, usr/local -> /etc, usr/opt/, usr/opt/x 1, var/, var/run -> ../run"
      )
    ),
    AddedRow(
      rule: "links in a loop",
      image: [.symlink("a", to: "b"), .symlink("b", to: "a")],
      added: [.directory("a")],
      policy: .follow,
      result: .failure(.symbolicLinkLoop(path: [], layer: 1, member: memberOffset(0)))
    ),
  ]

  @Test(arguments: files)
  func `a single file takes the place of files and links alone`(row: AddedRow) throws {
    try row.check()
  }

  private static let various: [LayerMember] = [
    .file("d/x"), .file("f", bytes: 1), .symlink("l", to: "d"), .fifo("p"),
  ]

  static let files = [
    AddedRow(
      rule: "a file, a link, a fifo",
      image: various,
      added: [.file("f", bytes: 2), .file("l", bytes: 3), .file("p", bytes: 4)],
      role: .files,
      result: .success("d/, d/x 0, f 2, l 3, p 4")
    ),
    AddedRow(
      rule: "new directories on the way",
      image: various,
      added: [.file("d/a/b/c", bytes: 2)],
      role: .files,
      result: .success("d/, d/a/, d/a/b/, d/a/b/c 2, d/x 0, f 1, l -> d, p |")
    ),
    AddedRow(
      rule: "a directory",
      image: various,
      added: [.file("d")],
      role: .files,
      result: .failure(.directoryInTheWay(path: bytes("d"), layer: 1, member: memberOffset(0)))
    ),
    AddedRow(
      rule: "a directory, by a link",
      image: various,
      added: [.file("new"), .symlink("d", to: "f")],
      role: .files,
      result: .failure(.directoryInTheWay(path: bytes("d"), layer: 1, member: memberOffset(1)))
    ),
    AddedRow(
      rule: "a directory of its own",
      image: various,
      added: [.file("a/b"), .file("a")],
      role: .files,
      result: .failure(.directoryInTheWay(path: bytes("a"), layer: 1, member: memberOffset(1)))
    ),
    AddedRow(
      rule: "below a file",
      image: various,
      added: [.file("f/a")],
      role: .files,
      result: .failure(
        .parentIsNotADirectory(path: bytes("f/a"), parent: bytes("f"), layer: 1, member: .zero)
      )
    ),
    AddedRow(
      rule: "below a file of its own",
      image: various,
      added: [.file("d/a"), .file("d/a/b")],
      role: .files,
      result: .failure(
        .parentIsNotADirectory(
          path: bytes("d/a/b"),
          parent: bytes("d/a"),
          layer: 1,
          member: memberOffset(1)
        )
      )
    ),
    AddedRow(
      rule: "the same path twice",
      image: various,
      added: [.file("f", bytes: 2), .file("f", bytes: 3)],
      role: .files,
      result: .success("d/, d/x 0, f 3, l -> d, p |"),
      warnings: ["duplicateEntry 1.1"]
    ),
  ]

  @Test(arguments: overlays)
  func `an overlay does what a layer does, but for the root and for links`(row: AddedRow) throws {
    try row.check()
  }

  static let overlays = [
    AddedRow(
      rule: "its root's own attributes are not the image's",
      image: [.directory("", mode: 0o711), .file("a")],
      added: [.directory("", mode: 0o700).owned(by: 7, 8).modified(at: 9), .file("b")],
      result: .success("/ mode=711, a 0, b 0")
    ),
    AddedRow(
      rule: "a file where a directory is, and a directory where a file is",
      image: [.file("d/x"), .file("f")],
      added: [.file("d", bytes: 1), .directory("f"), .file("f/y")],
      result: .success("d 1, f/, f/y 0")
    ),
    AddedRow(
      rule: "below a file",
      image: [.file("f")],
      added: [.file("f/y")],
      result: .success("f/, f/y 0"),
      warnings: ["replacedParent 1.0"]
    ),
    AddedRow(
      rule: "a link of its own is followed",
      image: [.directory("d")],
      added: [.symlink("l", to: "d"), .file("l/x")],
      result: .success("d/, d/x 0, l -> d")
    ),
    AddedRow(
      rule: "its own link in the place of the image's",
      image: [.directory("d"), .symlink("l", to: "/etc")],
      added: [.symlink("l", to: "d"), .file("l/x")],
      result: .success("d/, d/x 0, l -> d")
    ),
    AddedRow(
      rule: "whiteouts and opaque marks",
      image: [.file("a/x"), .file("a/y"), .file("b/x"), .file("b/y")],
      added: [.whiteout("a/x"), .opaque("b"), .file("b/z")],
      result: .success("a/, a/y 0, b/, b/z 0")
    ),
  ]
}
