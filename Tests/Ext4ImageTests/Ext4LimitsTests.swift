// What ext4 cannot hold is refused before anything is written.

import Ext4Image
import FileTree
import Foundation
import Testing

@Suite(.inTurns) struct `What ext4 cannot hold` {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var files: [SourceFile]
    var error: Ext4Error?
  }

  private static let empty: [UInt8] = Array("e".utf8)

  @Test(arguments: [
    Row(testDescription: "64,999 hard links more", files: links(64_999), error: nil),
    Row(
      testDescription: "65,000 hard links more",
      files: links(65_000),
      error: .tooManyLinks(path: Array("f".utf8), count: 65_001)
    ),
    Row(
      testDescription: "64,997 directories in the root",
      files: directories(64_997),
      error: nil
    ),
    Row(
      testDescription: "64,998 directories in the root, beside lost+found",
      files: directories(64_998),
      error: .tooManyLinks(path: [], count: 65_001)
    ),
    Row(
      testDescription: "a target of 4095 bytes",
      files: [.link("l", to: String(repeating: "x", count: 4095))],
      error: nil
    ),
    Row(testDescription: "a file of 15 TiB", files: [large(15 << 40)], error: nil),
    Row(
      testDescription: "a file of 16 TiB and a byte",
      files: [large(1 << 44 + 1)],
      error: .fileTooLarge(path: Array("large".utf8), byteCount: 1 << 44 + 1)
    ),
    Row(
      testDescription: "more blocks than a file system has",
      files: [large(9 << 40), large(9 << 40, "again")],
      error:  // up to 3 extents in 32768 blocks: 435 leaves below 2, for each of the two
        .sizeTooLarge(requested: 18 << 40 + 874 << 12, limit: Ext4Limits.imageByteCount)
    ),
    Row(
      testDescription: "a value that just fits a block",
      files: [valued([4060 - 16 - 4])],
      error: nil
    ),
    Row(
      testDescription: "a value that does not fit a block",
      files: [valued([4060 - 16 - 3])],
      error: .attributesTooLarge(path: empty)
    ),
    Row(
      testDescription: "values for the block and the inode",
      files: [valued([4040, 88 - 16 - 4])],
      error: nil
    ),
    Row(
      testDescription: "values too large for both together",
      files: [valued([4040, 88 - 16 - 3])],
      error: .attributesTooLarge(path: empty)
    ),
    Row(
      testDescription: "an attribute name with a blank",
      files: [.file("e").having("user.a b", [])],
      error: .unsafeAttributeName(path: empty, name: Array("user.a b".utf8))
    ),
    Row(
      testDescription: "an attribute name with a newline",
      files: [.file("e").having("user.a\n!id", [])],
      error: .unsafeAttributeName(path: empty, name: Array("user.a\n!id".utf8))
    ),
    Row(
      testDescription: "an attribute of an unknown kind",
      files: [.file("e").having("other.a", [])],
      error: .unsafeAttributeName(path: empty, name: Array("other.a".utf8))
    ),
    Row(
      testDescription: "a malformed access control list",
      files: [.file("e").having("system.posix_acl_access", [2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])],
      error: .malformedAccessControlList(
        path: empty,
        name: Array("system.posix_acl_access".utf8)
      )
    ),
    Row(
      testDescription: "a lost+found that is a file",
      files: [.file("lost+found")],
      error: .lostAndFoundIsNotADirectory
    ),
    Row(
      testDescription: "a lost+found elsewhere",
      files: [.directory("d"), .file("d/lost+found")],
      error: nil
    ),
  ])
  func `is refused before anything is written, and nothing else`(row: Row) throws {
    let tree = try SourceDirectory(row.files).tree
    let numbering = try InodeNumbering(of: tree)
    if let error = row.error {
      #expect(throws: error) { try Ext4Content(of: tree, numbering: numbering) }
    } else {
      #expect(try Ext4Content(of: tree, numbering: numbering).inodeCount > 0)
    }
  }

  private static func links(_ count: Int) -> [SourceFile] {
    [.file("f")] + (0..<count).map { .hardLink("l\($0)", to: "f") }
  }

  private static func directories(_ count: Int) -> [SourceFile] {
    (0..<count).map { .directory("d\($0)") }
  }

  private static func large(_ size: UInt64, _ name: String = "large") -> SourceFile {
    SourceFile(path: Array(name.utf8), kind: .full(size), attributes: .init(mode: 0o644))
  }

  /// A file with attributes `trusted.0000`, … of these sizes: 16 bytes of header and 4 of name each.
  private static func valued(_ sizes: [Int]) -> SourceFile {
    sizes.enumerated().reduce(SourceFile.file("e")) { file, size in
      file.having("trusted.000\(size.offset)", [UInt8](repeating: 1, count: size.element))
    }
  }

  @Test func `attributes that just fit are written by the real tools`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([Self.valued([4040, 88 - 16 - 4])])
      let output = scratch.url.appendingPathComponent("o")
      let source = try scratch.source(files, faithfully: false)
      _ = try await build(try files.tree, from: source, to: output)
      try checkWithE2fsck(output)
    }
  }
}
