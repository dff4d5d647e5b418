// From the names of an archive to paths in normal form, and what a name can mean beside naming.
// The rows N1 to N13 and U10 of docs/SEMANTICS.md.

import FileTree
import Testing

struct EntryPathTests {
  private func expectRefusal(_ path: [UInt8], _ problem: PathProblem) {
    let error = #expect(throws: EntryPathError.self) { try EntryPath.normalize(path) }
    #expect(error?.problem == problem)
  }

  @Test(arguments: [
    // N1, N3, N5
    ("a", "a"), ("./a", "a"), ("/a", "a"), ("//a/./b", "a/b"), ("a/", "a"), ("a//b///", "a/b"),
    ("", ""), (".", ""), ("./", ""), ("/", ""), ("//.//", ""),
    // N2
    ("a/../b", "b"), ("a/b/..", "a"), ("a/..", ""), ("./a/../b/./../c", "c"), ("a/b/../../c", "c"),
    // N7, N11, N13
    ("a\\b", "a\\b"), (" ", " "), ("a\nb/\"c\"", "a\nb/\"c\""), ("...", "..."), (".a", ".a"),
    ("..a", "..a"), ("a..", "a.."), ("d/.wh.x", "d/.wh.x"),
  ])
  func `N1, N2, N3, N5, N7, N11, N13: a path is brought into normal form`(
    raw: String,
    normal: String
  ) throws {
    #expect(try EntryPath.normalize(bytes(raw)) == bytes(normal))
    #expect(try EntryPath.normalize(bytes(raw), aboveRoot: .clamp) == bytes(normal))
    #expect(try EntryPath.normalize(bytes(normal)) == bytes(normal))
  }

  @Test func `N6: bytes that are no text stay as they are`() throws {
    let path: [UInt8] = [0xFF, 0x2F, 0x2E, 0x2F, 0xC3, 0x28, 0x01]
    #expect(try EntryPath.normalize(path) == [0xFF, 0x2F, 0xC3, 0x28, 0x01])
  }

  @Test(arguments: [
    ("..", ""), ("/..", ""), ("../a", "a"), ("a/../../b", "b"), ("a/b/../../../../c/d", "c/d"),
    ("./../..", ""),
  ])
  func `N2, H9: a path that leaves the root is refused, or for links stays there`(
    raw: String,
    clamped: String
  ) throws {
    expectRefusal(bytes(raw), .leavesRoot)
    #expect(try EntryPath.normalize(bytes(raw), aboveRoot: .clamp) == bytes(clamped))
  }

  @Test func `N8: a component may have 255 bytes and no more`() throws {
    let longest = [UInt8](repeating: 0x61, count: 255)
    #expect(try EntryPath.normalize(bytes("d/") + longest) == bytes("d/") + longest)
    for path in [longest + [0x61], bytes("d/") + longest + bytes("a/e")] {
      expectRefusal(path, .componentTooLong)
    }
  }

  @Test func `N9: a path may have 64 KiB and no more`() throws {
    let longest = Array(repeating: bytes("ab/"), count: 65_536 / 3).joined() + [0x61]
    #expect(longest.count == 65_536)
    #expect(try EntryPath.normalize(Array(longest)) == Array(longest))
    expectRefusal(longest + [0x62], .tooLong)
  }

  @Test(arguments: ["\0", "a\0b", "a/b\0", "\0/a"])
  func `N10: a NUL byte is refused`(path: String) {
    expectRefusal(bytes(path), .containsNUL)
  }

  @Test(arguments: [
    ("", "", ""), ("a", "", "a"), ("a/b", "a", "b"), ("a/b/c", "a/b", "c"),
  ])
  func `a normal path splits into directory and name`(
    path: String,
    directory: String,
    name: String
  ) {
    let halves = EntryPath.split(bytes(path))
    #expect(Array(halves.directory) == bytes(directory))
    #expect(Array(halves.name) == bytes(name))
  }

  @Test(arguments: [
    (PathProblem.leavesRoot, "path leaves the root"),
    (.componentTooLong, "path component over 255 bytes"),
    (.tooLong, "path over 65536 bytes"),
    (.containsNUL, "path contains a NUL byte"),
    (.linkTargetTooLong, "link target over 4095 bytes"),
  ])
  func `a problem says what it is`(problem: PathProblem, text: String) {
    #expect("\(problem)" == text)
  }
}

struct WhiteoutTests {
  @Test(arguments: ["", "a", ".wh", ".wh_x", "wh.x", "a.wh.x", ".w", ".WH.x"])
  func `an ordinary name means nothing else`(name: String) {
    #expect(Whiteout.meaning(of: bytes(name)[...]) == .ordinary)
  }

  @Test(arguments: [
    (".wh.x", "x"), (".wh.wh.", "wh."), (".wh..x", ".x"), (".wh....", "..."), (".wh. ", " "),
    (".wh.é", "é"),
  ])
  func `a whiteout names what it hides`(name: String, hidden: String) {
    #expect(Whiteout.meaning(of: bytes(name)[...]) == .whiteout(bytes(hidden)[...]))
  }

  @Test(arguments: [".wh.", ".wh..", ".wh..."])
  func `U10: a whiteout of nothing nameable is malformed`(name: String) {
    #expect(Whiteout.meaning(of: bytes(name)[...]) == .malformedWhiteout)
  }

  @Test(arguments: [
    (".wh..wh..opq", NameMeaning.opaque), (".wh..wh.plnk", .unionBookkeeping),
    (".wh..wh.aufs", .unionBookkeeping), (".wh..wh.orph", .unionBookkeeping),
    (".wh..wh.", .unionBookkeeping), (".wh..wh..opq2", .unionBookkeeping),
  ])
  func `U5, U30: names of union file systems are told apart`(name: String, meaning: NameMeaning) {
    #expect(Whiteout.meaning(of: bytes(name)[...]) == meaning)
  }

  @Test func `the name may be a part of a longer array`() {
    let path = bytes("dir/.wh.name")
    #expect(Whiteout.meaning(of: EntryPath.split(path).name) == .whiteout(bytes("name")[...]))
  }
}
