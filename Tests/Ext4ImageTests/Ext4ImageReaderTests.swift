// Reading images of every kind, and images that were damaged on purpose: what comes back is right, or an
// error; never a trap, never work without end.

import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@testable import Ext4Image

private let files: [SourceFile] =
  [
    .directory("a"), .directory("a/b"), .file("a/b/c", "content of c"), .link("a/up", to: "../a/b"),
    .link("absolute", to: "/a/b/../b"), .link("escape", to: "../../../a/b/c"),
    .link("one", to: "two"),
    .link("two", to: "one"), .link("nowhere", to: "missing/x"),
    .link("long", to: String(repeating: "t", count: 100)), .file("empty"),
    .file("blocks", String(repeating: "0123456789abcdef", count: 20_000)),
    .file("noted").having("user.note", [UInt8](repeating: 3, count: 600)),
    SourceFile(
      path: Array("sparse".utf8),
      kind: .sparse(
        4_000_000,
        (0..<500).map { (UInt64($0) * 8000, [UInt8](repeating: UInt8($0 & 0x7F | 1), count: 3)) }
      ),
      attributes: .init(mode: 0o644)
    ),
  ] + (0..<400).map { .file("a/many-\($0)-\(String(repeating: "n", count: 100))", "\($0)") }

@Suite(.inTurns) struct `Reading an ext4 image` {
  private static let kinds: [[String]] = [
    ["-b", "4096"], ["-b", "1024"], ["-b", "2048", "-I", "512"], ["-I", "128"], ["-t", "ext2"],
    ["-t", "ext3", "-b", "1024"], ["-O", "^64bit"], ["-O", "bigalloc"], ["-O", "^flex_bg"],
  ]

  @Test(arguments: kinds)
  func `every file has its bytes, its target and its names`(_ kind: [String]) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(kind, of: files)
      try Ext4ImageReader.with(FilePath(image.path)) { (reader) throws(Ext4Error) in
        try check(&reader)
      }
    }
  }

  @Test func `blocks of 64 KiB have longer entries`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "65536"], mebibytes: 512, of: files)
      try Ext4ImageReader.with(FilePath(image.path)) { (reader) throws(Ext4Error) in
        #expect(reader.superblock.blockByteCount == 65_536)
        try check(&reader)
      }
    }
  }

  private func check(_ reader: inout Ext4ImageReader) throws(Ext4Error) {
    for file in files {
      guard let place = try reader.lookUp(file.path) else {
        Issue.record("\(EscapedBytes.string(file.path)): not found")
        continue
      }
      #expect(place.path.joined(separator: [UInt8(ascii: "/")]).elementsEqual(file.path))
      switch file.kind {
      case .file(let bytes):
        #expect(try reader.content(of: place.inode, limit: 1 << 20) == bytes)
        #expect(try reader.content(of: place.inode, limit: bytes.count) == bytes)
        if !bytes.isEmpty {
          #expect(try reader.content(of: place.inode, limit: bytes.count - 1) == nil)
        }
      case .sparse(let size, let runs):
        var whole = [UInt8](repeating: 0, count: Int(size))
        for run in runs {
          let start = Int(run.offset)
          whole.replaceSubrange(start..<(start + run.bytes.count), with: run.bytes)
        }
        #expect(try reader.content(of: place.inode, limit: 8 << 20) == whole)
      case .link(let target):
        #expect(try reader.target(of: place.inode) == target)
      default:
        #expect(place.inode.isDirectory)
        #expect(throws: Ext4Error.malformedImage(what: "not a regular file", byte: 0)) {
          try reader.content(of: place.inode, limit: 1 << 20)
        }
      }
      let attributes = try reader.attributes(of: place.inode)
      #expect(attributes.map(\.value) == file.extendedAttributes.map(\.value))
    }
  }

  @Test func `paths are resolved inside the image`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: files)
      try Ext4ImageReader.with(FilePath(image.path)) { (reader) throws(Ext4Error) in
        for (path, following, expected) in [
          ("", false, ""), ("/", true, ""), ("a/./b//c", false, "a/b/c"),
          ("a/up/c", false, "a/b/c"),
          ("absolute/c", false, "a/b/c"), ("absolute", true, "a/b"),
          ("absolute", false, "absolute"),
          ("escape", true, "a/b/c"), ("../../a", false, "a"), ("a/b/../..", false, ""),
          ("a/up/..", false, "a"),
        ] {
          let place = try reader.lookUp(Array(path.utf8), followingLast: following)
          let found = place.map { Array($0.path.joined(separator: [UInt8(ascii: "/")])) }
          #expect(found == Array(expected.utf8), "\(path)")
        }
        for path in ["one", "one/x", "nowhere", "a/b/c/d", "A", "a/b/cc", "empty/"] {
          let isFollowed = path == "one" || path == "nowhere"
          let place = try reader.lookUp(Array(path.utf8), followingLast: isFollowed)
          #expect(place == nil || path == "empty/", "\(path)")
        }
      }
    }
  }

  // MARK: Damage

  /// Every file of an image, as far as it can be read: at most so many directories.
  private func readAll(_ path: FilePath) throws(Ext4Error) -> Int {
    try Ext4ImageReader.with(path) { (reader) throws(Ext4Error) in
      var pending: [UInt32] = [2]
      var seen: Set<UInt32> = [2]
      var failures = 0
      func tolerating(_ body: () throws(Ext4Error) -> Void) throws(Ext4Error) {
        do {
          try body()
        } catch .malformedImage {
          failures += 1
        }
      }
      while let number = pending.popLast() {
        try tolerating { () throws(Ext4Error) in
          let inode = try reader.inode(number)
          try tolerating { () throws(Ext4Error) in _ = try reader.attributes(of: inode) }
          if inode.isDirectory {
            for entry in try reader.entries(of: inode) where seen.insert(entry.inode).inserted {
              pending.append(entry.inode)
            }
          } else if inode.isSymbolicLink {
            _ = try reader.target(of: inode)
          } else if inode.isRegular {
            _ = try reader.content(of: inode, limit: 16 << 20)
          }
        }
      }
      return failures
    }
  }

  @Test(arguments: [["-b", "4096"], ["-b", "1024", "-I", "128"], ["-t", "ext3", "-b", "1024"]])
  func `random damage never does worse than an error`(_ kind: [String]) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(kind, mebibytes: 16, of: files)
      let path = FilePath(image.path)
      #expect(try readAll(path) == 0)
      let whole = Array(try Data(contentsOf: image))
      // where there is something that is no content: superblock, descriptors, bitmaps, inodes, extent
      // trees, lengths of directory entries
      let used = whole.indices.filter { whole[$0] != 0 && !(0x2D...0x7A).contains(whole[$0]) }
      var failures = 0
      for seed in 0..<60 as Range<UInt64> {
        var random = SeededGenerator(seed: seed)
        let descriptor = open(image.path, O_RDWR)
        defer { close(descriptor) }
        let places = (0..<Int.random(in: 1...200, using: &random)).map { _ in
          used.randomElement(using: &random) ?? 1024
        }
        for place in places {
          var byte = UInt8.random(in: 0...255, using: &random)
          pwrite(descriptor, &byte, 1, place)
        }
        do {
          failures += try readAll(path)
        } catch Ext4Error.malformedImage {
          failures += 1
        }
        for place in places {
          var byte = whole[place]
          pwrite(descriptor, &byte, 1, place)
        }
      }
      #expect(failures > 20)
      #expect(try readAll(path) == 0)
    }
  }

  /// A field of the superblock that no file system has.
  struct Field: Sendable {
    var offset: Int
    var bytes: [UInt8]
    var what: String
    /// Of the field that is named.
    var named: UInt64

    init(_ offset: Int, _ bytes: [UInt8], _ what: String, named: UInt64? = nil) {
      (self.offset, self.bytes, self.what) = (offset, bytes, what)
      self.named = named ?? UInt64(offset)
    }
  }

  static let fields = [
    Field(0x38, [0, 0], "no superblock"), Field(0x18, [7], "unknown block size"),
    Field(0x18, [0xFF, 0xFF, 0xFF, 0xFF], "unknown block size"),
    Field(0x58, [0, 0], "unknown inode size"), Field(0x58, [0x81, 0], "unknown inode size"),
    Field(0x58, [0, 0x20], "unknown inode size"),
    Field(0xFE, [0, 0], "unknown size of group descriptors"),
    Field(0xFE, [32, 0], "unknown size of group descriptors"),
    Field(0x150, [0xFF, 0xFF, 0xFF, 0xFF], "too many blocks", named: 0x4),
    Field(0x28, [0, 0, 0, 0], "unusable group sizes", named: 0x20),
    Field(0x28, [0, 0, 1, 0], "unusable group sizes", named: 0x20),
    Field(0x20, [0, 0, 0, 0], "unusable group sizes"),
    Field(0x20, [0xFF, 0xFF, 0xFF, 0xFF], "unusable group sizes"),
    Field(0x14, [2], "unusable group sizes", named: 0x20),
    Field(0x0, [0xFF, 0xFF, 0xFF, 0xFF], "more inodes than its groups have"),
    Field(
      0x60,
      [0xC2, 0x02, 0x00, 0x80],
      "a feature that is not known here: FEATURE_I 0x80000000"
    ),
    Field(0x60, [0xD2, 0x02], "a feature that is not known here: meta_bg"),
  ]

  @Test(arguments: fields)
  func `superblocks that cannot be`(_ field: Field) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096"], of: files)
      let descriptor = open(image.path, O_RDWR)
      #expect(pwrite(descriptor, field.bytes, field.bytes.count, 1024 + field.offset) > 0)
      close(descriptor)
      #expect(throws: Ext4Error.malformedImage(what: field.what, byte: 1024 + field.named)) {
        try readAll(FilePath(image.path))
      }
    }
  }

  @Test(arguments: [0, 1024, 1025, 2047])
  func `files that end before their superblock does`(_ count: Int) async throws {
    try await Scratch.with { scratch in
      let image = scratch.url.appendingPathComponent("short")
      try Data(repeating: 0, count: count).write(to: image)
      #expect(throws: Ext4Error.malformedImage(what: "file ends early", byte: 1024)) {
        try readAll(FilePath(image.path))
      }
    }
  }

  // MARK: Extent trees and block numbers

  /// A node of a tree: header, then 12-byte entries.
  private static func node(_ depth: UInt8, _ entries: [[UInt8]]) -> [UInt8] {
    [0x0A, 0xF3, UInt8(entries.count), 0, 4, 0, depth, 0, 0, 0, 0, 0] + entries.joined()
  }

  private static func extent(_ fileBlock: UInt8, _ count: UInt8, _ block: UInt8) -> [UInt8] {
    [fileBlock, 0, 0, 0, count, 0, 0, 0, block, 0, 0, 0]
  }

  static let trees: [[UInt8]] = [
    [], [0x0A, 0xF3, 255, 255, 4, 0, 0, 0, 0, 0, 0, 0], node(6, []), node(0, [extent(0, 0, 9)]),
    // overlapping, descending, behind the last block, the superblock's own
    node(0, [extent(0, 2, 9), extent(1, 1, 12)]), node(0, [extent(5, 1, 9), extent(0, 1, 12)]),
    node(0, [[0, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]]),
    node(0, [[0, 0, 0, 0, 1, 0, 0xFF, 0xFF, 9, 0, 0, 0]]), node(0, [extent(0, 1, 0)]),
    // an index that leads to what is no node
    node(1, [[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]]),
    node(1, [[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]]),
  ]

  @Test(arguments: trees)
  func `extent trees that no file has`(_ tree: [UInt8]) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096"], of: files)
      var words = tree + [UInt8](repeating: 0, count: 60 - tree.count)
      words.removeLast(words.count - 60)
      let commands = (0..<15).map { index in
        let name = index < 12 ? "\(index)" : ["IND", "DIND", "TIND"][index - 12]
        return "sif /blocks block[\(name)] \(words.little(UInt32.self, at: index * 4))"
      }
      let batch = scratch.url.appendingPathComponent("batch")
      try Data(commands.joined(separator: "\n").utf8).write(to: batch)
      try succeed("debugfs", ["-w", "-f", batch.path, image.path])
      #expect(try readAll(FilePath(image.path)) == 1)
    }
  }

  @Test func `a tree that leads back to itself ends`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(
        ["-b", "1024", "-O", "^metadata_csum"],
        mebibytes: 16,
        of: files
      )
      let path = FilePath(image.path)
      let (size, root) = try Ext4ImageReader.with(path) { (reader) throws(Ext4Error) in
        let inode = try reader.lookUp(Array("sparse".utf8))?.inode
        return (reader.superblock.blockByteCount, inode.flatMap { Ext4ExtentNode($0.blockArea) })
      }
      // of 500 runs: an index in the inode, one below it, and leaves
      let index = try #require(root)
      #expect(index.depth == 2)
      let child = try #require(index.children.first)
      // an index of one level less that leads to itself, again and again
      let loop =
        Self.node(1, (0..<80).map { _ in [0, 0, 0, 0] + Self.littleEndian(child) + [0, 0] })
      let descriptor = open(image.path, O_RDWR)
      #expect(pwrite(descriptor, loop, loop.count, Int(child) * size) == loop.count)
      close(descriptor)
      #expect(try readAll(path) == 1)
    }
  }

  private static func littleEndian(_ block: UInt64) -> [UInt8] {
    (0..<6).map { UInt8(truncatingIfNeeded: block >> ($0 * 8)) }
  }

  @Test(arguments: ["block[0]", "block[IND]", "block[DIND]", "block[TIND]"])
  func `block numbers that lead behind the end, or around`(_ field: String) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-t", "ext2", "-b", "1024"], mebibytes: 16, of: files)
      try succeed("debugfs", ["-w", "-R", "sif /blocks \(field) 0xFFFFFFF0", image.path])
      #expect(try readAll(FilePath(image.path)) == 1)
      // a block of numbers that are all its own
      let block = 12_000
      let descriptor = open(image.path, O_RDWR)
      let numbers = (0..<256).flatMap { _ in Array(Self.littleEndian(UInt64(block)).prefix(4)) }
      #expect(pwrite(descriptor, numbers, 1024, block * 1024) == 1024)
      close(descriptor)
      try succeed("debugfs", ["-w", "-R", "sif /blocks \(field) \(block)", image.path])
      // a single block is as good as any; no file has one more often than the image has blocks
      let isTooOften = field == "block[DIND]" || field == "block[TIND]"
      #expect(try readAll(FilePath(image.path)) == (isTooOften ? 1 : 0))
    }
  }

  @Test func `directories with blocks of anything`() async throws {
    let entry: [UInt8] = [12, 0, 0, 0]
    for (bytes, isMalformed) in [
      (entry + [0, 0, 1, 1], true), (entry + [7, 0, 1, 1], true), (entry + [10, 0, 1, 1], true),
      (entry + [8, 0, 1, 1], true), (entry + [0xFF, 0xFF, 1, 1], true),
      (entry + [0, 16, 255, 1], false), ([0, 0, 0, 0, 0, 16, 0, 0], false),
      (entry + [12, 0, 1, 1] + [0x41, 0, 0, 0] + [0, 0, 0, 0, 0xF4, 0x0F, 0, 0], false),
      (entry + [12, 0, 5, 1], true),
    ] {
      let block = bytes + [UInt8](repeating: 0, count: 4096 - bytes.count)
      #expect((Ext4DirectoryEntry.parse(block) == nil) == isMalformed, "\(bytes)")
    }
    #expect(Ext4DirectoryEntry.parse([])?.isEmpty == true)
    #expect(Ext4DirectoryEntry.parse([1, 2, 3]) == nil)
  }
}
