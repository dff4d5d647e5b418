// From tar members to entries: one row for each case of names, whiteouts, links and attributes.

import FileTree
import Offsets
import TarFormat
import TestKit
import Testing

@testable import Layers

/// Members, and what the mapping makes of them.
struct MappingRow: CustomTestStringConvertible {
  var testDescription: String
  var entries: [TarEntry]
  var lines: [String]

  init(_ name: String, _ entries: TarEntry..., gives lines: String...) {
    testDescription = name
    self.entries = entries
    self.lines = lines
  }
}

/// The table's lines, then the warnings, then the error.
private func map(_ entries: [TarEntry]) throws -> [String] {
  let bytes = TarBytes.archive(entries)
  var scanner = TarScanner()
  var mapping = EntryMapping()
  var position = 0
  var failure: TreeError?
  while failure == nil, try scanner.nextMember(in: bytes.span, from: &position) {
    do throws(TreeError) { try mapping.add(scanner.member) } catch { failure = error }
  }
  let table = try mapping.table.table()
  return table.lines + mapping.counter.warnings.map { "\($0.kind.text) ×\($0.count) \($0.first)" }
    + (failure.map { ["\($0)"] } ?? [])
}

private let capability: TarText = [
  1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]

struct EntryMappingTests {
  static let names: [MappingRow] = [
    MappingRow(
      "slashes and dots fall away",
      .file("./a"),
      .file("/b"),
      .file("//c/./d"),
      .directory("e/"),
      .directory("./f//"),
      gives: "0: regular /a 0 at 512 644",
      "512: regular /b 0 at 1024 644",
      "1024: regular /c/d 0 at 1536 644",
      "1536: directory /e 755",
      "2048: directory /f 755",
      "slash at the beginning of a path ignored ×2 tar(512)"
    ),
    MappingRow(
      "a trailing slash does not make a file of type 0 a directory, but one of the oldest type",
      .file("a/"),
      .member("\0", "b/").dialect(.v7),
      gives: "0: regular /a 0 at 512 644",
      "512: directory /b 644",
      "slash behind a file's name ignored ×1 tar(0)"
    ),
    MappingRow(
      "the root has many names",
      .directory("./"),
      .directory("/"),
      .directory("."),
      .directory("a/.."),
      .directory(""),
      gives: "0: directory / 755",
      "512: directory / 755",
      "1024: directory / 755",
      "1536: directory / 755",
      "2048: directory / 755",
      "slash at the beginning of a path ignored ×1 tar(512)",
      "path with .. in it ×1 tar(1536)"
    ),
    MappingRow(
      "an inner .. takes back what stands before it",
      .file("a/../b"),
      .file("c/d/../../e/./f"),
      gives: "0: regular /b 0 at 512 644",
      "512: regular /e/f 0 at 1024 644",
      "path with .. in it ×2 tar(0)"
    ),
    MappingRow(
      "a .. that leaves the root is an error of that member",
      .file("a"),
      .file("b/../../c"),
      gives: "0: regular /a 0 at 512 644",
      "b/../../c: path leaves the root (member at tar byte 512)"
    ),
    MappingRow(
      "names are bytes",
      .file([0x61, 0xFF, 0x0A]),
      .file("b\\c"),
      .file("'<12>'"),
      .file("!sh"),
      .file("-rf"),
      .file("#"),
      gives: "0: regular /a\\xff\\x0a 0 at 512 644",
      "512: regular /b\\\\c 0 at 1024 644",
      "1024: regular /'<12>' 0 at 1536 644",
      "1536: regular /!sh 0 at 2048 644",
      "2048: regular /-rf 0 at 2560 644",
      "2560: regular /# 0 at 3072 644"
    ),
    MappingRow(
      "255 bytes are a name and 256 are not",
      .file(TarText([UInt8](repeating: 0x61, count: 255))),
      .file(TarText(Array("d/".utf8) + [UInt8](repeating: 0x61, count: 256))),
      // A record for the path stands before each: 512 of header, 512 of data.
      gives: "0: regular /\(String(repeating: "a", count: 255)) 0 at 1536 644",
      "d/\(String(repeating: "a", count: 256)): path component over 255 bytes"
        + " (member at tar byte 1536)"
    ),
    MappingRow(
      "a path may be longer than one system call takes",
      .file("\(String(repeating: "d/", count: 2500))f"),
      gives: "0: regular /\(String(repeating: "d/", count: 2500))f 0 at 6144 644"
    ),
  ]

  static let whiteouts: [MappingRow] = [
    MappingRow(
      "a whiteout names what it hides",
      .whiteout("a"),
      .whiteout("d/b"),
      .whiteout("./e/f"),
      .directory("g/.wh.h/"),
      gives: "0: whiteout /a",
      "512: whiteout /d/b",
      "1024: whiteout /e/f",
      "1536: whiteout /g/h",
      "whiteout that is not an empty file ×1 tar(1536)"
    ),
    MappingRow(
      "an opaque mark is about its directory",
      .opaque("d"),
      .opaque(""),
      .file("/e/f/.wh..wh..opq"),
      gives: "0: opaque /d",
      "512: opaque /",
      "1024: opaque /e/f",
      "slash at the beginning of a path ignored ×1 tar(1024)"
    ),
    MappingRow(
      "bookkeeping of AUFS stays what it is, for links to find",
      .file(".wh..wh.plnk/1.2", "x"),
      .directory(".wh..wh.orph"),
      .hardLink("a", to: ".wh..wh.x"),
      gives: "0: regular /.wh..wh.plnk/1.2 1 at 512 644",
      "1024: directory /.wh..wh.orph 755",
      "1536: hardLink /a -> .wh..wh.x 644",
      "bookkeeping of AUFS not shown ×1 tar(1024)"
    ),
    MappingRow(
      "only the beginning of the last component counts",
      .file("a.wh.b"),
      .file(".wh"),
      .file(".whx"),
      .file(".wh.d/f"),
      gives: "0: regular /a.wh.b 0 at 512 644",
      "512: regular /.wh 0 at 1024 644",
      "1024: regular /.whx 0 at 1536 644",
      "1536: regular /.wh.d/f 0 at 2048 644"
    ),
    MappingRow(
      "a whiteout's content and attributes are of no interest, its time and owner are kept",
      TarEntry.file(".wh.a", "content").attribute("user.x", "1").owner(1, 2).modified(3),
      .file("b", "y"),
      gives: "0: whiteout /a 1:2 3.0",
      "2048: regular /b 1 at 2560 644",
      "whiteout that is not an empty file ×1 tar(0)"
    ),
    MappingRow(
      "a whiteout of nothing is an error",
      .file("d/.wh."),
      gives: "d/.wh.: whiteout that names nothing (member at tar byte 0)"
    ),
    MappingRow(
      "a whiteout of . is an error",
      .directory("d"),
      .file("d/.wh.."),
      gives: "0: directory /d 755",
      "d/.wh..: whiteout that names nothing (member at tar byte 512)"
    ),
    MappingRow(
      "a whiteout of .. is an error",
      .file(".wh..."),
      gives: ".wh...: whiteout that names nothing (member at tar byte 0)"
    ),
  ]

  static let kinds: [MappingRow] = [
    MappingRow(
      "every type of file with all it has",
      TarEntry.file("f", "hello").mode(0o4751).owner(1000, 4_000_000_000).modified(-1),
      TarEntry.directory("d").mode(0o1777).modified(7, nanoseconds: 5),
      .symlink("s", to: "../../etc/../x//y"),
      .characterDevice("c", major: 4095, minor: 1_048_575),
      .blockDevice("b", major: 8, minor: 1),
      .fifo("p"),
      // The owner does not fit its field, so that 1,024 bytes of records come first.
      gives: "0: regular /f 5 at 1536 4751 1000:4000000000 -1.0",
      "2048: directory /d 1777 7.5",
      "3584: symbolicLink /s -> ../../etc/../x//y 777",
      "4096: characterDevice /c 4095:1048575 600",
      "4608: blockDevice /b 8:1 600",
      "5120: fifo /p 644"
    ),
    MappingRow(
      "a hard link's target is a path from the root, and cannot leave it",
      .hardLink("a", to: "/x"),
      .hardLink("b", to: "./x/../y//z/"),
      .hardLink("c", to: "../../x"),
      gives: "0: hardLink /a -> x 644",
      "512: hardLink /b -> y/z 644",
      "1024: hardLink /c -> x 644",
      "hard link to an absolute path ×1 tar(0)",
      "hard link to a path with .. in it ×2 tar(512)",
      "hard link to a path above the root, which counts in its stead ×1 tar(1024)"
    ),
    MappingRow(
      "times that no ext4 can hold, and those next to them",
      TarEntry.file("a").modified(-2_147_483_649),
      TarEntry.file("b").modified(-2_147_483_648).base256(),
      TarEntry.file("c").modified(10_737_418_239).base256(),
      TarEntry.file("d").modified(10_737_418_240).base256(),
      gives: "0: regular /a 0 at 1536 644 -2147483649.0",
      "1536: regular /b 0 at 2048 644 -2147483648.0",
      "2048: regular /c 0 at 2560 644 10737418239.0",
      "2560: regular /d 0 at 3072 644 10737418240.0",
      "time that ext4 cannot hold ×2 tar(0)"
    ),
    MappingRow(
      "a hard link keeps the attributes that files can have, so that they can be compared",
      TarEntry.hardLink("a", to: "b").attribute("user.x", "1").attribute("strange", "1"),
      gives: "0: hardLink /a -> b 644 user.x=1"
    ),
    MappingRow(
      "a hard link to the root is left to the merge",
      .hardLink("a", to: "/"),
      gives: "0: hardLink /a ->  644",
      "hard link to an absolute path ×1 tar(0)"
    ),
    MappingRow(
      "a hard link to a name that cannot exist is an error",
      .hardLink("a", to: "\(String(repeating: "x", count: 256))"),
      gives: String(repeating: "x", count: 256)
        + ": path component over 255 bytes (member at tar byte 0)"
    ),
    MappingRow(
      "a sparse file's runs",
      .sparse(
        "s",
        size: 100_000,
        segments: [(512, "abc"), (70_000, "de")],
        format: .pax10
      ),
      gives: "0: regular /s 100000 512+3@2048 70000+2@2051 644"
    ),
  ]

  static let attributes: [MappingRow] = [
    MappingRow(
      "attributes are kept in the order of their names",
      TarEntry.file("f").attribute("user.b", "2").attribute("user.a", "1")
        .attribute("security.capability", capability),
      gives:
        "0: regular /f 0 at 1536 644 security.capability="
        + "\\x01\\x00\\x00\\x02\\x00\\x04" + String(repeating: "\\x00", count: 14)
        + " user.a=1 user.b=2"
    ),
    MappingRow(
      "what the tree leaves out is counted by kind, with the first place",
      TarEntry.file("f").attribute("security.selinux", "x").attribute("user.a", "1"),
      TarEntry.directory("d").attribute("trusted.overlay.opaque", "y").attribute("strange", "1"),
      TarEntry.symlink("s", to: "t").attribute("user.a", "1"),
      TarEntry.file("g").attribute("security.capability", "short").attribute("other.x", "1"),
      gives: "0: regular /f 0 at 1536 644 user.a=1",
      "1536: directory /d 755",
      "3072: symbolicLink /s -> t 777",
      "4608: regular /g 0 at 6144 644",
      "label or overlay mark left out ×2 tar(0)",
      "extended attribute of an unknown namespace left out ×2 tar(1536)",
      "extended attribute that this type of file cannot have left out ×1 tar(3072)",
      "malformed capability or ACL left out ×1 tar(4608)"
    ),
    MappingRow(
      "a hard link has no attributes of its own, and that is no oddity",
      TarEntry.hardLink("a", to: "b").attribute("security.selinux", "x"),
      gives: "0: hardLink /a -> b 644"
    ),
  ]

  @Test(arguments: names + whiteouts + kinds + attributes)
  func `each member becomes one entry`(row: MappingRow) throws {
    #expect(try map(row.entries) == row.lines)
  }

  @Test func `a directory's path is stored once however many files are in it`() throws {
    let directory = String(repeating: "d", count: 80)
    let entries = (0..<50).map { TarEntry.file("\(directory)/\($0)") }
    let tar = TarBytes.archive(entries)
    // 80 for the directory, 10 names of one digit and 40 of two.
    #expect(try index(tar, tar: tar).table.bytes.count == 80 + 10 + 80)
  }
}
