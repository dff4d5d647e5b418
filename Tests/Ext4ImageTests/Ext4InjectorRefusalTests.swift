// What is refused, and what goes wrong on the way: each with its own error, and the image byte for
// byte as it was, with nothing left beside it.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

private let base: [SourceFile] = [
  .directory("etc"), .file("etc/config", "old"), .directory("usr"), .directory("usr/lib"),
  .link("etc/out", to: "../usr/lib"), .link("lib", to: "usr/lib"), .link("sbin", to: "usr/missing"),
  .link("loop", to: "loop"), .link("etc/lib", to: "usr/lib"),
  .link("etc/usr", to: "/usr"),
  .file("usr/file", "in the way of directories"),
]

private let some = Added([.file("opt/some", "thing")])

@Suite(.inTurns) struct `Refusing to add files to an image` {
  // MARK: Places

  /// What is added, and why it is refused.
  struct Place: Sendable {
    var files: [SourceFile]
    var problem: InjectionProblem

    init(_ file: SourceFile, _ problem: InjectionProblem) {
      files = [file]
      self.problem = problem
    }

    /// A file below a link that is not followed.
    static func behindLink(_ path: String, _ link: String, to target: String, _ end: String?)
      -> Place
    {
      Place(
        .file(path),
        .linkOnTheWay(
          path: Array(path.utf8),
          link: Array(link.utf8),
          target: Array(target.utf8),
          leadsTo: end.map { Array($0.utf8) }
        )
      )
    }

    static func twice(_ other: String) -> Place {
      var place = Place(.file("lib/x", "1"), .addedTwice(path: Array("usr/lib/x".utf8)))
      place.files.append(.file(other))
      return place
    }
  }

  static let places: [Place] = [
    .behindLink("etc/out/x/y", "etc/out", to: "../usr/lib", "usr/lib"),
    .behindLink("sbin/x", "sbin", to: "usr/missing", nil),
    .behindLink("loop/x", "loop", to: "loop", nil),
    // only in the root is a link to usr/NAME what everybody has
    .behindLink("etc/lib/x", "etc/lib", to: "usr/lib", "usr/lib"),
    .behindLink("etc/usr/x", "etc/usr", to: "/usr", "usr"),
    Place(
      .file("usr/file/x"),
      .parentIsNotADirectory(path: Array("usr/file/x".utf8), parent: Array("usr/file".utf8))
    ),
    Place(.file("usr/lib"), .directoryInTheWay(path: Array("usr/lib".utf8))),
    Place(.link("lost+found", to: "x"), .directoryInTheWay(path: Array("lost+found".utf8))),
    .twice("usr/lib/x"), .twice("usr/lib/x/y"),
    Place(.file("etc/new\nline"), .untellableName(path: Array("etc/new\nline".utf8))),
    Place(.file("etc/return\r"), .untellableName(path: Array("etc/return\r".utf8))),
    Place(.directory("etc/d\n"), .untellableName(path: Array("etc/d\n".utf8))),
    Place(.link("etc/l", to: "a\nb"), .untellableTarget(path: Array("etc/l".utf8))),
    Place(
      .link("etc/l", to: String(repeating: "\"", count: 4095)),
      .untellableTarget(path: Array("etc/l".utf8))
    ),
  ]

  @Test(arguments: places)
  func `places that cannot be taken, names that cannot be told`(_ place: Place) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096"], of: base)
      try await expectRefusal(image, .injection(place.problem)) {
        try await Added(place.files + [.file("opt/also", "this")]).inject(into: image)
      }
    }
  }

  @Test func `what the blocks of the image cannot hold`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "1024"], of: base)
      let target = [SourceFile.link("t", to: String(repeating: "t", count: 1024))]
      let path = Array("t".utf8)
      try await expectRefusal(
        image,
        .injection(.targetTooLong(path: path, byteCount: 1024, limit: 1023))
      ) { try await Added(target).inject(into: image) }
      let noted = [SourceFile.file("t").having("user.a", [UInt8](repeating: 1, count: 1000))]
      try await expectRefusal(image, .attributesTooLarge(path: path)) {
        try await Added(noted).inject(into: image)
      }
    }
  }

  // MARK: Images

  @Test(arguments: [
    ([], "ssv state 0", "was not unmounted, or is mounted"), ([], "ssv state 3", "has errors"),
    ([], "feature needs_recovery", "its journal waits to be replayed, or it is mounted"),
    ([], "ssv last_orphan 12", "has files whose removal was under way"),
    (["-O", "orphan_file"], "feature orphan_present", "has files whose removal was under way"),
  ])
  func `images that were left in the middle of something`(
    _ kind: [String],
    _ command: String,
    _ what: String
  ) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(kind, of: base)
      try succeed("debugfs", ["-w", "-R", command, image.path])
      let path = FilePath(image.resolvingSymlinksInPath().path)
      try await expectRefusal(image, .fileSystemNotClean(path, what: what)) {
        try await some.inject(into: image)
      }
    }
  }

  @Test(arguments: [
    "inline_data", "quota", "bigalloc", "ea_inode", "mmp", "casefold", "encrypt", "meta_bg",
  ])
  func `features that debugfs does not keep right`(_ feature: String) async throws {
    try await Scratch.with { scratch in
      let off = feature == "meta_bg" ? ",^resize_inode" : ""
      let image = try scratch.image(["-O", feature + off], of: base)
      try await expectRefusal(image, .injection(.unusableFeatures([feature]))) {
        try await some.inject(into: image)
      }
    }
  }

  @Test(arguments: [0, 1, 1023, 1500, 4096, 1 << 20])
  func `files that are no file systems`(_ count: Int) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.output().appendingPathComponent("image")
      try Data(repeating: 0xEF, count: count).write(to: image)
      let path = FilePath(image.resolvingSymlinksInPath().path)
      try await expectRefusal(image, .notAnExt4(path)) { try await some.inject(into: image) }
    }
  }

  @Test func `an image that is cut short`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      try succeed("truncate", ["-s", "32M", image.path])
      try await expectRefusal(image, .malformedImage(what: "file ends early", byte: 64 << 20)) {
        try await some.inject(into: image)
      }
    }
  }

  @Test func `what is no regular file, or not there`() async throws {
    try await Scratch.with { scratch in
      let directory = FilePath(scratch.url.path)
      await #expect(throws: Ext4Error.outputIsNotAFile(directory)) {
        try await some.inject(into: scratch.url)
      }
      await #expect(throws: Ext4Error.outputIsNotAFile("/dev/null")) {
        try await some.inject(into: URL(fileURLWithPath: "/dev/null"))
      }
      let missing = scratch.url.resolvingSymlinksInPath().appendingPathComponent("missing")
      let path = FilePath(missing.path)
      await #expect(
        throws: Ext4Error.systemCall("open", path: path, errno: .noSuchFileOrDirectory)
      ) { try await some.inject(into: missing) }
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may write to everything"))
  func `an image that may not be written to`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      chmod(image.path, 0o444)
      let path = FilePath(image.resolvingSymlinksInPath().path)
      try await expectRefusal(image, .systemCall("open", path: path, errno: .permissionDenied)) {
        try await some.inject(into: image)
      }
    }
  }

  @Test(arguments: [
    // a bit of a block bitmap, and of an inode's size
    "freei <12>", "setb 9000 1", "sif <12> size 1", "sif <2> links_count 90",
  ])
  func `images with errors, whose errors they are`(_ command: String) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "4096"], of: base)
      try succeed("debugfs", ["-w", "-R", command, image.path])
      try await expectRefusal(
        image,
        { if case .injection(.imageHasErrors(let report)) = $0 { !report.isEmpty } else { false } }
      ) { try await some.inject(into: image) }
    }
  }

  // MARK: Use

  @Test(.enabled(if: isRoot, "only root makes loop devices"))
  func `an image that a loop device has`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let device = try succeed("losetup", ["--find", "--show", "--read-only", image.path])
      defer { HostTool.attempt { try succeed("losetup", ["--detach", device]) } }
      let path = FilePath(image.resolvingSymlinksInPath().path)
      try await expectRefusal(image, .inUse(path)) { try await some.inject(into: image) }
    }
  }

  @Test func `an image that a virtual machine or another run has locked`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let path = FilePath(image.resolvingSymlinksInPath().path)
      let descriptor = open(image.path, O_RDWR)
      defer { close(descriptor) }
      // as QEMU does: F_OFD_SETLK on single bytes, which is 37
      var lock = Glibc.flock()
      lock.l_type = Int16(F_RDLCK)
      lock.l_start = 103
      lock.l_len = 1
      #expect(fcntl(descriptor, 37, &lock) == 0)
      try await expectRefusal(image, .inUse(path)) { try await some.inject(into: image) }
      lock.l_type = Int16(F_UNLCK)
      #expect(fcntl(descriptor, 37, &lock) == 0)
      #expect(flock(descriptor, LOCK_SH) == 0)
      try await expectRefusal(image, .inUse(path)) { try await some.inject(into: image) }
    }
  }

  @Test func `an image that is written to meanwhile`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      do {
        try await some.inject(into: image) { progress in
          if progress.phase == .checking { utimes(image.path, nil) }
        }
        Issue.record("nothing was refused")
      } catch {
        #expect(error as? Ext4Error == .injection(.imageChanged))
      }
      #expect(try names(in: image.deletingLastPathComponent()) == ["image"])
    }
  }
}
