// Files, links and archives laid over an image, in what order, and the digest of all of it.

import FileTree
import FlatArrays
import Foundation
import Glibc
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import Layers

struct AddedFileTests {
  private let place: AdditionPlace

  init() throws {
    place = try AdditionPlace()
    try place.shell(
      "printf agent > agent; chmod 06755 agent; touch -d @99.5 agent; ln -s agent link; mkdir dir; mkfifo fifo"
    )
  }

  @Test func `a file becomes root's, with its mode and time, and nobody's program by default`()
    throws
  {
    let rows = try place.open([.files([place.file("agent", at: "/opt/bin/agent")])]).rows()
    #expect(
      rows == [
        DumpRow(path: [], mode: 0o040755, linkCount: 3),
        DumpRow(path: Array("opt".utf8), mode: 0o040755, linkCount: 3),
        DumpRow(path: Array("opt/bin".utf8), mode: 0o040755, linkCount: 2),
        DumpRow(
          path: Array("opt/bin/agent".utf8),
          mode: 0o100755,
          size: 5,
          seconds: 99,
          nanoseconds: 500_000_000,
          contentDigest: sha256(Array("agent".utf8)).hex
        ),
      ]
    )
  }

  @Test(arguments: [
    (guest: "/bin/x", dump: "bin/, bin/x 5 mode=755"), ("bin/x", "bin/, bin/x 5 mode=755"),
    ("/bin/", "bin/, bin/agent 5 mode=755"), ("/", "agent 5 mode=755"),
    ("//a/./b/../c", "a/, a/c 5 mode=755"), ("/bin/x/.", "bin/, bin/x 5 mode=755"),
  ])
  func `a place in the tree is a path from the root, or a directory`(
    guest: String,
    dump: String
  ) throws {
    #expect(try place.open([.files([place.file("agent", at: guest)])]).brief() == dump)
  }

  @Test func `mode and owner are as told, and a symbolic link is followed`() throws {
    var file = place.file("link", at: "a", mode: 0o4711)
    (file.uid, file.gid) = (12, 4_294_967_294)
    let opened = try place.open([.files([file])])
    #expect(try opened.brief() == "a 5 mode=4711 owner=12:4294967294")
  }

  @Test(arguments: [
    (host: "dir", guest: "/a", message: "dir: is a directory"),
    ("fifo", "/a", "fifo: not a regular file"),
    ("none", "/a", "none: cannot be opened: No such file or directory"),
    ("agent/x", "/a", "agent/x: cannot be opened: Not a directory"),
    ("agent", "../a", nil as String?), ("agent", ".", nil), ("agent", "/x/..", nil),
    ("agent", "/.wh.a", nil), ("agent", "/.wh.d/a", nil),
  ])
  func `what cannot be is named`(host: String, guest: String, message: String?) throws {
    let reasons = [
      "../a": "path leaves the root", ".": "names no file", "/x/..": "names no file",
      "/.wh.a": "names that begin with .wh. are reserved",
      "/.wh.d/a": "names that begin with .wh. are reserved",
    ]
    let expected =
      message.map { "\(place.directory.path)/\($0)" } ?? "\(guest): \(reasons[guest] ?? "")"
    #expect(
      additionFailure { try place.open([.files([place.file(host, at: guest)])]) }
        == "--inject \(place.path(host)):\(guest): \(expected)"
    )
  }

  @Test func `a refusal of the image names the option and the link`() throws {
    let image = try place.image([.symlink("usr/local", to: "/etc"), .directory("etc/d")])
    let opener = try place.opener()
    func failure(_ guests: [String]) -> String? {
      additionFailure {
        try opener.open(image, additions: [.files(guests.map { place.file("agent", at: $0) })])
      }
    }
    let name = "--inject \(place.path("agent"))"
    #expect(
      failure(["/ok", "/usr/local/bin/x"])
        == "\(name):/usr/local/bin/x: /usr/local/bin/x: /usr/local is a symbolic link to /etc in the image"
    )
    #expect(failure(["/etc/d"]) == "\(name):/etc/d: /etc/d: is a directory in the image")
    #expect(failure(["/etc/d/"]) == nil)
    let following = try place.opener(lowerLinks: .follow)
      .open(image, additions: [.files([place.file("agent", at: "/usr/local/x")])])
    #expect(try following.brief() == "etc/, etc/d/, etc/x 5 mode=755, usr/, usr/local -> /etc")
  }

  @Test func `a file twice counts once, the last time, with a warning`() throws {
    let opened = try place.open([
      .files([
        place.file("agent", at: "/a", mode: 0o600), place.file("agent", at: "/a", mode: 0o644),
      ])
    ])
    #expect(try opened.brief() == "a 5")
    #expect(
      opened.warningTexts == [
        "--inject \(place.path("agent")):/a: merge(FileTree.TreeWarning.Kind.duplicateEntry) 1 a"
      ]
    )
  }

  @Test func `links are made, and replace what is no directory`() throws {
    let image = try place.image([.file("etc/a", "x"), .directory("etc/d")])
    let opener = try place.opener()
    let links = [AddedLink(path: Array("/etc/a".utf8), target: Array("/b".utf8))]
    let opened = try opener.open(image, additions: [.links(links)])
    #expect(try opened.brief() == "etc/, etc/a -> /b, etc/d/")
    let wrong = [AddedLink(path: Array("etc/d".utf8), target: Array("/b".utf8))]
    #expect(
      additionFailure { try opener.open(image, additions: [.links(wrong)]) }
        == "--enable-unit etc/d: /etc/d: is a directory in the image"
    )
  }

  @Test func `an option that asked for it otherwise is named otherwise`() throws {
    #expect(
      additionFailure { try place.open([.files([place.file("none", at: "/a")], option: "")]) }
        == "\(place.path("none")):/a: \(place.path("none")): cannot be opened: No such file or directory"
    )
    #expect(
      additionFailure {
        try place.open([.directory(place.path("none"), owner: .root, option: "--from")])
      }
        == "--from \(place.path("none")): \(place.path("none")): cannot be opened: No such file or directory"
    )
  }
}

// MARK: - Archives

struct AddedArchiveTests {
  private let place: AdditionPlace
  private let tar = TarBytes.archive([
    TarEntry.directory("./").mode(0o700).owner(1000, 1000),
    TarEntry.file("./etc/motd", "hello").mode(0o640).owner(5, 6).modified(12, nanoseconds: 34),
    .directory("./lib/"), .file("./lib/x", "y"), .whiteout("./old"),
    .sparse("hole", size: 1 << 20, segments: [(4096, "data")], format: .pax10),
  ])

  init() throws {
    place = try AdditionPlace()
  }

  private static let dump =
    "etc/, etc/motd 5 mode=640 owner=5:6, hole 1048576, lib -> usr/lib, usr/, usr/lib/, usr/lib/x 1"

  @Test(arguments: LayerEncoding.allCases)
  func `an archive is a layer as it is, but for its root`(encoding: LayerEncoding) throws {
    try place.write("tar", encoding.blob(of: tar))
    let image = try place.image([
      .symlink("lib", to: "usr/lib"), .file("old"), .directory("usr/lib"),
    ])
    let opened = try place.opener().open(image, additions: [.archive(place.path("tar"))])
    #expect(try opened.brief() == Self.dump)
    #expect(try opened.files.read("etc/motd", count: 9) == Array("hello".utf8))
    #expect(try opened.files.read("hole", at: 4095, count: 3) == [0] + Array("da".utf8))
    #expect(try opened.files.file("etc/motd").nanoseconds == 34)
    #expect(try opened.files.file("hole").dataBlocks == 1)
    #expect(opened.files.tree[.root].attributes == .implicitDirectory)
    #expect(opened.indexes.count == 1)
    let plain = try place.open([.archive(try written("plain", tar))])
    #expect(opened.additionsDigest == plain.additionsDigest)
  }

  private func written(_ name: String, _ bytes: [UInt8]) throws -> FilePath {
    try place.write(name, bytes)
    return place.path(name)
  }

  @Test func `an archive can come through a pipe`() throws {
    try place.shell("mkfifo pipe")
    let path = place.path("pipe").string
    try onThreads(1) { _ in
      let pipe = Glibc.open(path, O_WRONLY)
      defer { close(pipe) }
      try FileDescriptor(rawValue: pipe).writeAll(tar)
    } meanwhile: {
      let opened = try place.open([.archive(place.path("pipe"))])
      #expect(try opened.files.read("etc/motd", count: 9) == Array("hello".utf8))
    }
  }

  @Test func `an archive of nothing adds nothing`() throws {
    let opened = try place.open([.archive(try written("tar", [UInt8](repeating: 0, count: 1024)))])
    #expect(try opened.brief() == "")
    #expect(opened.additionsDigest != nil)
  }

  @Test func `a file without a byte is no archive: whoever wrote it has failed`() throws {
    let path = try written("tar", [])
    let name = "--overlay \(EscapedBytes.string(path.rawBytes))"
    #expect(throws: LayersError.addition(name, .host(path.rawBytes, .notAnArchive))) {
      try place.open([.archive(path)])
    }
  }

  @Test(arguments: [
    (bytes: [UInt8](repeating: 7, count: 2000), message: "checksum"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00] + [UInt8](repeating: 0, count: 600), "xz"),
    (
      TarBytes.archive([.file("a"), .hardLink("b", to: "none")]),
      "/b: hard link to /none, which does not exist (member at tar byte 512)"
    ),
    (
      TarBytes.archive([.file("etc/passwd", "x").declaring(size: 5000)]),
      "etc/passwd: tar: the stream ends too early at tar byte 2048"
    ),
    (TarBytes.archive([.file("../a")]), "../a: path leaves the root (member at tar byte 0)"),
  ])
  func `a damaged or foreign archive is an error that names it`(
    bytes: [UInt8],
    message: String
  ) throws {
    let path = try written("tar", bytes)
    let failure = additionFailure { try place.open([.archive(path)]) } ?? ""
    #expect(failure.hasPrefix("--overlay \(path): "))
    #expect(failure.contains(message), "\(failure)")
    #expect(!failure.contains("sha256:"), "\(failure)")
  }

  @Test func `what is neither a directory nor an archive is told so`() throws {
    #expect(
      additionFailure { try place.open([.archive("/dev/null")]) }
        == "--overlay /dev/null: /dev/null: neither a directory nor an archive"
    )
    #expect(throws: LayersError.self) { try Addition.overlay(place.path("none"), owner: .root) }
    try place.shell("mkdir d; ln -s d l")
    #expect(
      try Addition.overlay(place.path("l"), owner: .host)
        == .directory(place.path("l"), owner: .host)
    )
    try place.write("tar", tar)
    #expect(try Addition.overlay(place.path("tar"), owner: .host) == .archive(place.path("tar")))
  }
}

// MARK: - Stacks

struct AdditionStackTests {
  private let place: AdditionPlace

  init() throws {
    place = try AdditionPlace()
    try place.shell(
      "mkdir -p one/d two/d; printf 1 > one/d/a; printf 22 > two/d/a; printf 1 > one/b; printf 333 > file"
    )
  }

  @Test func `what is added last is on top, also later`() throws {
    let image = try place.image([.file("d/a", "0000"), .file("d/image", "x"), .file("c", "c")])
    let opener = try place.opener()
    let below = try opener.open(image, additions: [place.directory("two"), place.directory("one")])
    #expect(try below.brief() == "b 1, c 1, d/, d/a 1, d/image 1")
    let opened = try below.adding([
      place.directory("two"), .files([place.file("file", at: "/d/new")]),
    ])
    #expect(try opened.brief() == "b 1, c 1, d/, d/a 2, d/image 1, d/new 3")
    #expect(try below.brief() == "b 1, c 1, d/, d/a 1, d/image 1")
    #expect(try opened.files.read("d/image", count: 2) == Array("x".utf8))
    #expect(try opened.files.read("d/new", count: 4) == Array("333".utf8))
    let names = try ["b", "c", "d", "d/a", "d/new"].map {
      opened.additionName(of: try opened.files.file($0))
    }
    let two = "--overlay \(place.path("two"))"
    #expect(
      names == [
        "--overlay \(place.path("one"))", nil, nil, two, "--inject \(place.path("file")):/d/new",
      ]
    )
  }

  @Test func `nothing added has no digest, and changes nothing`() throws {
    let opened = try place.opener().open(try place.image([.file("a", "x")]))
    #expect(opened.additionsDigest == nil)
    #expect(opened.additionWarnings == [])
    let same = try opened.adding([])
    #expect(try same.rows() == opened.rows())
    #expect(same.additionsDigest == nil)
    #expect(try place.open([]).brief() == "")
  }

  @Test func `owners are shifted in what is added, too`() throws {
    let image = try place.image([TarEntry.file("image", "x").owner(5, 6)])
    let owners = try OwnerMap(["0:100000:65536"])
    let opened = try place.opener().open(image, additions: [place.directory("one")], owners: owners)
    let more = try opened.adding([.files([place.file("file", at: "/f")])])
    #expect(
      try more.brief()
        == "/ owner=100000:100000, b 1 owner=100000:100000, d/ owner=100000:100000, d/a 1 owner=100000:100000, "
        + "f 3 owner=100000:100000, image 1 owner=100005:100006"
    )
    #expect(
      more.additionsDigest
        == (try place.open([place.directory("one"), .files([place.file("file", at: "/f")])]))
        .additionsDigest
    )
  }

  // MARK: The digest

  private func digest(_ additions: [Addition]) throws -> Digest? {
    try place.open(additions).additionsDigest
  }

  private static let tree = """
    rm -rf t; mkdir -p t/d; printf 'hello world' > t/d/f; head -c 100000 /dev/urandom > noise; cp noise t/n
    truncate -s 1M t/h; printf x | dd of=t/h bs=1 seek=500000 conv=notrunc status=none
    ln -s d t/l; ln t/d/f t/again; mkfifo t/p; touch -h -d @1000 t/d/f t/n t/h t/l t/p; touch -d @1000 t/d t
    """

  @Test
  func `equal additions have equal digests, whoever they belong to and however they are stored`()
    throws
  {
    try place.shell(Self.tree)
    let first = try digest([place.directory("t")])
    #expect(try digest([place.directory("t")]) == first)
    try place.shell("cp -a t copy")
    #expect(try digest([place.directory("copy")]) == first)
    // Holes filled with zeros are the same bytes.
    try place.shell("rm copy/h; cp --sparse=never t/h copy/h; touch -d @1000 copy/h copy")
    #expect(try digest([place.directory("copy")]) == first)
    if geteuid() == 0 {
      try place.shell("chown -hR 1000:1000 copy")
      #expect(try digest([place.directory("copy")]) == first)
    }
    #expect(try digest([place.directory("t", owner: .ids(uid: 1, gid: 0))]) != first)
    #expect(first != nil)
  }

  @Test(arguments: [
    "printf 'hello worlD' > t/d/f; touch -d @1000 t/d/f", "touch -d @1001 t/n",
    "touch -d @1000.5 t/n",
    "chmod 600 t/n", "chmod 700 t/d", "touch -d @1001 t/d", "mv t/n t/m; touch -d @1000 t",
    "ln -sfn e t/l; touch -h -d @1000 t/l", "touch -h -d @1001 t/l", "rm t/again", "touch t/new",
    "rm t/again; cp -p t/d/f t/again", "truncate -s 1048577 t/h; touch -d @1000 t/h",
    "printf x | dd of=t/h bs=1 seek=600000 conv=notrunc status=none; touch -d @1000 t/h",
    "rm t/h; truncate -s 1M t/h; printf x | dd of=t/h bs=1 seek=504096 conv=notrunc status=none; touch -d @1000 t/h",
    "rm t/p; touch -d @1000 t/p", "mkdir t/e", ": > t/.wh.x",
    "mv t/d t/e; ln -sfn d t/l; touch -h -d @1000 t/l",
  ])
  func `any difference gives another digest`(change: String) throws {
    try place.shell(Self.tree)
    let first = try digest([place.directory("t")])
    try place.shell(change)
    #expect(try digest([place.directory("t")]) != first, "\(change)")
  }

  @Test func `the digest is of all that was added, in its order`() throws {
    let one = place.directory("one")
    let two = place.directory("two")
    let file = place.file("file", at: "/x")
    var owned = file
    owned.uid = 1
    let link = AddedLink(path: Array("l".utf8), target: Array("t".utf8))
    let all: [[Addition]] = [
      [one], [two], [one, two], [two, one], [one, one], [.files([file])],
      [.files([place.file("file", at: "/y")])],
      [.files([place.file("file", at: "/x", mode: 0o600)])],
      [.files([owned])], [.files([file, file])], [.links([link])],
      [.links([AddedLink(path: link.path, target: Array("u".utf8))])], [one, .links([link])],
    ]
    let digests = try all.map { try digest($0) }
    #expect(Set(digests).count == all.count)
    #expect(try all.map { try digest($0) } == digests)
    // Where the file is does not matter, nor how its place is written.
    try place.shell("cp -p file elsewhere")
    #expect(try digest([.files([place.file("elsewhere", at: "x")])]) == digests[5])
    // One after the other is as good as both at once.
    #expect(try place.open([one]).adding([two]).additionsDigest == digests[2])
  }
}
