// Images that a Linux kernel has mounted and written to: directories with an index, blocks of
// attributes that files share, a journal that was used. What comes out is looked at through the
// kernel again.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns, .enabled(if: isRoot, "only root mounts file systems"))
struct `Images that a kernel has written to` {
  /// An image that `body` has filled while it was mounted.
  private func image(
    _ kind: [String],
    mebibytes: Int = 64,
    in scratch: Scratch,
    _ body: (URL) throws -> Void
  ) throws -> URL {
    let image = try scratch.image(kind, mebibytes: mebibytes)
    try mounted(image, "rw", in: scratch, body)
    return image
  }

  private func mounted<Value>(
    _ image: URL,
    _ option: String,
    in scratch: Scratch,
    _ body: (URL) throws -> Value
  ) throws -> Value {
    let point = try scratch.output()
    try succeed("mount", ["-t", "ext4", "-o", "loop,\(option)", image.path, point.path])
    let result = Result { try body(point) }
    try unmount(point)
    return try result.get()
  }

  /// Waits for programs of the machine that look into every new mount.
  private func unmount(_ point: URL) throws {
    for _ in 0..<100 {
      if try HostTool.run("umount", [point.path]).status == 0 { return }
      usleep(100_000)
    }
    throw WitnessFailure(description: "umount: \(point.path) is busy")
  }

  private func write(_ text: String, to file: URL) throws {
    try Data(text.utf8).write(to: file)
  }

  @Test(arguments: [
    ["-b", "4096", "-O", "orphan_file"], ["-b", "1024", "-I", "128"], ["-O", "^metadata_csum"],
  ])
  func `directories of 20,000 files take more and lose some`(_ kind: [String]) async throws {
    try await Scratch.with { scratch in
      let image = try image(kind + ["-N", "30000"], mebibytes: 128, in: scratch) { root in
        let many = root.appendingPathComponent("many")
        try FileManager.default.createDirectory(at: many, withIntermediateDirectories: false)
        for index in 0..<20_000 {
          let path = many.appendingPathComponent("file-with-a-name-of-some-length-\(index)").path
          let descriptor = open(path, O_CREAT | O_WRONLY, 0o644)
          #expect(descriptor >= 0)
          if index % 100 == 0 { #expect(Glibc.write(descriptor, "some", 4) == 4) }
          close(descriptor)
        }
      }
      let before = try Ext4Witness.rows(of: image)
      let added = Added(
        (0..<200).map { .file("many/added-\($0)", "new \($0)").at(7) }
          + (0..<40).map {
            .file("many/file-with-a-name-of-some-length-\($0 * 499)", "replaced \($0)").at(8)
          }
          + (0..<20).map { .hardLink("many/link-\($0)", to: "many/added-\($0)") }
          + (0..<20).map { .file("many/below-\($0)/file", "").at(9) }
      )
      let result = try await added.inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try added.rows(over: before))
      #expect(result.replacedCount == 40)
      // through the index, and all of them
      try mounted(image, "ro", in: scratch) { root in
        for index in 0..<200 {
          let file = root.appendingPathComponent("many/added-\(index)")
          #expect(try Data(contentsOf: file) == Data("new \(index)".utf8))
        }
        let replaced = root.appendingPathComponent("many/file-with-a-name-of-some-length-499")
        #expect(try Data(contentsOf: replaced) == Data("replaced 1".utf8))
        let count = try names(in: root.appendingPathComponent("many")).count
        #expect(count == 20_000 + 200 + 20 + 20)
      }
    }
  }

  @Test(arguments: [
    ["-b", "4096"], ["-b", "1024", "-I", "128"], ["-O", "^metadata_csum"],
    ["-O", "metadata_csum_seed"],
  ])
  func `blocks of attributes that files share lose some or all of them`(
    _ kind: [String]
  ) async throws {
    try await Scratch.with { scratch in
      let image = try image(kind, in: scratch) { root in
        for name in ["a1", "a2", "a3", "b1", "b2", "c", "directory"] {
          let file = root.appendingPathComponent(name)
          if name == "directory" {
            try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
          } else {
            try write("old \(name)", to: file)
          }
          let first = name.first.map { $0 == "d" ? "a" : String($0) } ?? ""
          let value = String(repeating: first, count: 700)
          try succeed("setfattr", ["-n", "user.large", "-v", value, file.path])
        }
      }
      let before = try Ext4Witness.rows(of: image)
      let added = Added([
        // a block that others keep, one that nobody keeps, one that nobody shared
        .file("a1", "new"), .link("a2", to: "a3"), .file("b1", "new"),
        .file("b2", "new").having("user.other", [UInt8](repeating: 1, count: 600)),
        .hardLink("c", to: "b2"),
        .directory("directory", mode: 0o700).having(
          "user.large",
          [UInt8](repeating: 2, count: 500)
        ),
      ])
      try await added.inject(into: image)
      try checkWithE2fsck(image)
      let rows = try added.rows(over: before, smallInodes: kind.contains("128"))
      expectEqual(try Ext4Witness.rows(of: image), rows)
      try await added.inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), rows)
    }
  }

  @Test func `what was written, removed and grown by a kernel stays as it was`() async throws {
    try await Scratch.with { scratch in
      let image = try image([], in: scratch) { root in
        for index in 0..<300 {
          try write(String(repeating: "\(index)", count: index * 40), to: file(index, in: root))
        }
        for index in stride(from: 0, to: 300, by: 3) {
          try FileManager.default.removeItem(at: file(index, in: root))
        }
        try succeed("cp", ["-a", "/etc/passwd", root.appendingPathComponent("passwd").path])
        try succeed("fallocate", ["-l", "5M", root.appendingPathComponent("allocated").path])
      }
      let before = try Ext4Witness.rows(of: image)
      let added = Added([
        .file("passwd", "root:x:0:0::/:/bin/sh\n").at(3, 4), .file("allocated", "none"),
        .file("usr/local/bin/agent", String(repeating: "agent", count: 50_000), mode: 0o4755),
      ])
      try await added.inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try added.rows(over: before))
      // and a kernel can go on from there
      try mounted(image, "rw", in: scratch) { root in
        let agent = root.appendingPathComponent("usr/local/bin/agent")
        #expect(try Data(contentsOf: agent).count == 250_000)
        try write("after", to: root.appendingPathComponent("usr/local/bin/after"))
        try FileManager.default.removeItem(at: agent)
      }
      try checkWithE2fsck(image)
    }
  }

  private func file(_ index: Int, in root: URL) -> URL {
    root.appendingPathComponent("file-\(index)")
  }

  @Test func `a mounted image is refused`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image()
      let point = try scratch.output()
      try succeed("mount", ["-o", "loop", image.path, point.path])
      defer { HostTool.attempt { try unmount(point) } }
      let path = FilePath(image.resolvingSymlinksInPath().path)
      await #expect(throws: Ext4Error.inUse(path)) {
        try await Added([.file("a", "b")]).inject(into: image)
      }
      #expect(try names(in: image.deletingLastPathComponent()) == ["image"])
    }
  }
}
