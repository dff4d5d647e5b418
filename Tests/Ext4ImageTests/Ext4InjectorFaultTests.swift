// What goes wrong on the way: no room, on the image or on the disk; files that cannot be read; tools that
// fail; interruptions. The image is byte for byte as it was, and nothing is left beside it.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

private let base: [SourceFile] = [.directory("etc"), .file("etc/config", "old")]

private let some = Added([.file("opt/some", "thing")])

@Suite(.inTurns) struct `Failing to add files to an image` {
  // MARK: Room

  @Test func `more blocks than are free`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096", "-m", "0"], mebibytes: 16, of: base)
      try await expectRefusal(
        image,
        {
          guard case .injection(.noRoom(.blocks, let needed, let free)) = $0 else { return false }
          return needed > 5000 && free < 4096
        }
      ) {
        let large = SourceFile.file("large", String(repeating: "x", count: 5001 * 4096))
        try await Added([large]).inject(into: image)
      }
    }
  }

  @Test func `more inodes than are free`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-N", "32"], mebibytes: 16, of: base)
      try await expectRefusal(
        image,
        { if case .injection(.noRoom(.inodes, needed: 40, _)) = $0 { true } else { false } }
      ) {
        try await Added((0..<40).map { .file("file-\($0)") }).inject(into: image)
      }
    }
  }

  @Test func `room for the content, but none for what finds it`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "1024", "-m", "0"], mebibytes: 8, of: base)
      let free = try await some.inject(into: image).image.freeBlockCount
      // every other block, so that each is a run of its own
      let scattered = SourceFile(
        path: Array("scattered".utf8),
        kind: .sparse(free * 2048, (0..<free).map { ($0 * 2048, [1]) }),
        attributes: .init(mode: 0o644)
      )
      try await expectRefusal(
        image,
        { if case .injection(.ranOutOfRoom(let message)) = $0 { !message.isEmpty } else { false } }
      ) { try await Added([scattered]).inject(into: image) }
    }
  }

  @Test func `a full image has room for what takes the place of something`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096", "-m", "0", "-N", "32"], mebibytes: 16, of: base)
      let free = try await some.inject(into: image).image.freeBlockCount
      let agent = { (byte: Character) in
        Added([.file("opt/agent", String(repeating: byte, count: Int(free) * 4096))])
      }
      let full = try await agent("a").inject(into: image)
      #expect(full.image.freeBlockCount == 0)
      let result = try await agent("b").inject(into: image)
      try checkWithE2fsck(image)
      #expect(result.image.freeBlockCount == 0)
      #expect(result.replacedCount == 1)
    }
  }

  // MARK: Faults

  @Test func `a file that cannot be read`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      var added = Added([.file("a", "1"), .file("b", "2"), .file("c", "3")])
      added.unreadable = Array("b".utf8)
      let problem = InjectionProblem.unreadable(path: Array("b".utf8), reason: "no such luck")
      try await expectRefusal(image, .injection(problem)) { try await added.inject(into: image) }
    }
  }

  @Test(arguments: [
    "exit 3", "kill -9 $$", "echo 'debugfs 1.47.0' >&2; exit 0", "$real \"$@\"; echo more >&2",
    "exit 0",
  ])
  func `a debugfs that fails, does nothing or complains`(_ script: String) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let tools = try await FakeTools(in: scratch, ["debugfs": script]).find()
      try await expectRefusal(
        image,
        {
          switch $0 {
          case .toolFailed(tool: "debugfs", _, _), .directoryDiffers: true
          default: false
          }
        }
      ) { try await some.inject(into: image, tools: tools) }
    }
  }

  @Test func `a debugfs that writes something else`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      // other content of the same size, put back before it is compared
      let script = """
        if [ -f content-1 ]; then printf WRONG > content-1; fi
        $real "$@"
        status=$?
        if [ -f content-1 ]; then printf right > content-1; fi
        exit $status
        """
      let tools = try await FakeTools(in: scratch, ["debugfs": script]).find()
      let problem = InjectionProblem.contentDiffers(path: Array("opt/a".utf8), byte: 0)
      try await expectRefusal(image, .injection(problem)) {
        try await Added([.file("opt/a", "right")]).inject(into: image, tools: tools)
      }
    }
  }

  @Test(
    .enabled(if: isRoot, "only root mounts file systems"),
    // MiB: what the image takes, what is added; of a disk of 40
    arguments: [(24, 1), (1, 44), (1, 22)]
  )
  func `a disk that is full when copying, when reading, when writing`(
    _ taken: Int,
    _ added: Int
  ) async throws {
    try await Scratch.with { scratch in
      let block = String(repeating: "x", count: 1 << 20)
      let made = try scratch.image(
        ["-b", "4096"],
        mebibytes: 128,
        of: [.file("taken", String(repeating: block, count: taken))]
      )
      try await LoopMount.with(.ext4, mebibytes: 40, in: scratch) { disk in
        let directory = disk.root.appendingPathComponent("images")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        let image = directory.appendingPathComponent("image")
        try succeed("cp", ["--sparse=always", made.path, image.path])
        try await expectRefusal(
          image,
          { if case .diskFull = $0 { true } else { false } }
        ) {
          let file = SourceFile.file("added", String(repeating: block, count: added))
          try await Added([file]).inject(into: image)
        }
      }
    }
  }

  @Test func `an e2fsck that finds something`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      // nothing in the image as it was, by its whole path
      let script = "case \"$*\" in */*) exit 0;; esac; echo errors; exit 4"
      let tools = try await FakeTools(in: scratch, ["e2fsck": script]).find()
      try await expectRefusal(image, .fileSystemCheckFailed(report: "errors")) {
        try await some.inject(into: image, tools: tools)
      }
    }
  }

  @Test(arguments: Ext4Phase.allCases)
  func `an interruption at each step`(_ phase: Ext4Phase) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      try await expectRefusal(image, .cancelled) {
        let task = Task {
          try await some.inject(into: image) { progress in
            if progress.phase == phase { withUnsafeCurrentTask { $0?.cancel() } }
          }
        }
        _ = try await task.value
      }
    }
  }

  @Test func `what a killed run has left is removed by the next one`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let left = image.deletingLastPathComponent()
        .appendingPathComponent(".image.banger-0123456789abcdef")
      try FileManager.default.createDirectory(at: left, withIntermediateDirectories: false)
      for name in ["image", "batch", "value-0", "content-7"] {
        try Data("left".utf8).write(to: left.appendingPathComponent(name))
      }
      try await some.inject(into: image)
      #expect(try names(in: image.deletingLastPathComponent()) == ["image"])
    }
  }
}
