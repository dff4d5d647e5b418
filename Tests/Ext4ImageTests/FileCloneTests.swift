// Clones compared with their originals: bytes, holes, and what they take on the disk.

import Ext4Image
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `A clone of a file` {
  /// Data at these places, the rest a hole.
  struct Shape: CustomTestStringConvertible {
    var name: String
    var byteCount: Int
    var data: [(offset: Int, count: Int)] = []

    var testDescription: String { name }
  }

  static let shapes = [
    Shape(name: "empty", byteCount: 0),
    Shape(name: "one byte", byteCount: 1, data: [(0, 1)]),
    Shape(name: "only a hole", byteCount: 3 << 20),
    Shape(name: "a hole first", byteCount: (2 << 20) + 5, data: [(2 << 20, 5)]),
    Shape(name: "a hole last", byteCount: 5 << 20, data: [(0, 4097)]),
    Shape(
      name: "holes between",
      byteCount: (9 << 20) + 17,
      data: [(1 << 20, 100_000), (4 << 20, 4096), (8 << 20, 1 << 20)]
    ),
    Shape(name: "more than one buffer", byteCount: 40 << 20, data: [(4096, 37 << 20)]),
  ]

  /// An odd number of bytes, so that what lands in a wrong place differs.
  private static let pattern: [UInt8] = {
    var random = SeededGenerator(seed: 1)
    return (0..<1_000_003).map { _ in UInt8.random(in: 1...255, using: &random) }
  }()

  private func make(_ shape: Shape, at url: URL) throws -> FileDescriptor {
    let file = try FileDescriptor.open(
      url.path,
      .readWrite,
      options: [.create, .exclusiveCreate],
      permissions: [.ownerReadWrite]
    )
    #expect(ftruncate(file.rawValue, off_t(shape.byteCount)) == 0)
    for run in shape.data {
      for start in stride(from: 0, to: run.count, by: Self.pattern.count) {
        let part = Self.pattern.prefix(run.count - start)
        let written = try file.writeAll(toAbsoluteOffset: Int64(run.offset + start), part)
        #expect(written == part.count)
      }
    }
    return file
  }

  /// Clones by `body`, and compares.
  private func expectSame(
    _ shape: Shape,
    in directory: URL,
    to other: URL? = nil,
    _ body: (OpenFile, OpenFile) throws -> Void
  ) throws {
    let name = UUID().uuidString
    let (from, to) = (
      directory.appendingPathComponent("from-\(name)"),
      (other ?? directory).appendingPathComponent("to-\(name)")
    )
    let source = try make(shape, at: from)
    let target = try make(Shape(name: "", byteCount: 0), at: to)
    try body(OpenFile(source, path: "source"), OpenFile(target, path: "target"))
    try source.close()
    try target.close()
    #expect(try HostTool.run("cmp", [from.path, to.path]).status == 0)
    let (allocated, expected) = (try allocated(to), try allocated(from))
    #expect(allocated <= expected + 4096 * (shape.data.count + 1))
  }

  private func allocated(_ url: URL) throws -> Int {
    var status = stat()
    #expect(lstat(url.path, &status) == 0)
    return Int(status.st_blocks) * 512
  }

  @Test(arguments: shapes) func `has the same bytes and holes`(shape: Shape) async throws {
    try await Scratch.with { scratch in
      try expectSame(shape, in: scratch.url) { source, target in
        try FileClone.clone(source, to: target)
      }
      try expectSame(shape, in: scratch.url) { source, target in
        try FileClone.copy(source, to: target)
      }
    }
  }

  @Test(
    .enabled(if: isRoot, "only root can mount a file system"),
    arguments: LoopMount.Kind.allCases
  )
  func `shares blocks where the file system can`(kind: LoopMount.Kind) async throws {
    try await Scratch.with { scratch in
      try await LoopMount.with(kind, in: scratch) { mount in
        for shape in Self.shapes {
          try expectSame(shape, in: mount.root) { source, target in
            let method = try FileClone.clone(source, to: target)
            #expect(method == (kind.sharesBlocks ? .shared : .copied))
          }
        }
      }
    }
  }

  @Test(
    .enabled(if: isRoot, "only root can mount a file system"),
    arguments: LoopMount.Kind.allCases
  )
  func `is a copy between file systems`(kind: LoopMount.Kind) async throws {
    try await Scratch.with { scratch in
      try await LoopMount.with(kind, in: scratch) { mount in
        for shape in Self.shapes {
          try expectSame(shape, in: mount.root, to: scratch.url) { source, target in
            let method = try FileClone.clone(source, to: target)
            #expect(method == .copied)
          }
          try expectSame(shape, in: scratch.url, to: mount.root) { source, target in
            let isShared = try FileClone.share(source, with: target)
            #expect(!isShared)
            try FileClone.copy(source, to: target)
          }
        }
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can mount a file system"))
  func `stays what it is when the original is changed`() async throws {
    try await Scratch.with { scratch in
      try await LoopMount.with(.xfs, in: scratch) { mount in
        let shape = Shape(name: "", byteCount: 1 << 20, data: [(0, 1 << 20)])
        let source = try make(shape, at: mount.root.appendingPathComponent("a"))
        let copy = mount.root.appendingPathComponent("b")
        let target = try make(Shape(name: "", byteCount: 0), at: copy)
        let shared = try FileClone.share(
          OpenFile(source, path: "a"),
          with: OpenFile(target, path: "b")
        )
        #expect(shared)
        let before = try Data(contentsOf: copy)
        _ = try source.writeAll(toAbsoluteOffset: 4096, [1, 2, 3])
        #expect(try Data(contentsOf: copy) == before)
        try source.close()
        try target.close()
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can mount a file system that is full"))
  func `on a full disk is an error that says so`() async throws {
    try await Scratch.with { scratch in
      let shape = Shape(name: "", byteCount: 4 << 20, data: [(0, 4 << 20)])
      let source = try make(shape, at: scratch.url.appendingPathComponent("a"))
      try await LoopMount.with(.tmpfs, mebibytes: 1, in: scratch) { mount in
        let target = try make(
          Shape(name: "", byteCount: 0),
          at: mount.root.appendingPathComponent("b")
        )
        #expect(throws: Ext4Error.diskFull("b")) {
          try FileClone.clone(OpenFile(source, path: "a"), to: OpenFile(target, path: "b"))
        }
        try target.close()
      }
      try source.close()
    }
  }

  @Test func `is an error where the original cannot be read`() async throws {
    try await Scratch.with { scratch in
      let url = scratch.url.appendingPathComponent("a")
      try Data(repeating: 1, count: 10).write(to: url)
      let source = try FileDescriptor.open(url.path, .writeOnly)
      let target = try make(
        Shape(name: "", byteCount: 0),
        at: scratch.url.appendingPathComponent("b")
      )
      #expect(throws: Ext4Error.systemCall("read", path: "a", errno: .badFileDescriptor)) {
        try FileClone.clone(OpenFile(source, path: "a"), to: OpenFile(target, path: "b"))
      }
      try source.close()
      try target.close()
    }
  }

  @Test func `ends when the task is cancelled`() async throws {
    try await Scratch.with { scratch in
      let shape = Shape(name: "", byteCount: 1 << 20, data: [(0, 1 << 20)])
      let source = try make(shape, at: scratch.url.appendingPathComponent("a"))
      let target = try make(
        Shape(name: "", byteCount: 0),
        at: scratch.url.appendingPathComponent("b")
      )
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try FileClone.copy(OpenFile(source, path: "a"), to: OpenFile(target, path: "b"))
      }
      await #expect(throws: Ext4Error.cancelled) { try await task.value }
      try source.close()
      try target.close()
    }
  }
}
