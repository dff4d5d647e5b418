// Tools that fail in every way in which they can, the silent ones above all: each way is seen, the output
// stays as it was, and nothing is left beside it.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `A tool that fails` {
  private static let files = SourceDirectory([
    .directory("d"), .file("d/a", "text").owned(by: 7, 8).at(5, 6), .file("d/b", "more"),
    .link("l", to: "d"), .hardLink("m", to: "l"),
  ])

  /// A script for `/bin/sh` in place of one tool, and how the failure is told.
  struct Fault: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var script: String
    var error: @Sendable (Ext4Error) -> Bool

    init(_ what: String, _ script: String, _ error: @escaping @Sendable (Ext4Error) -> Bool) {
      testDescription = what
      self.script = script
      self.error = error
    }
  }

  private func expectFailure(of tool: String, _ fault: Fault) async throws {
    try await Scratch.with { scratch in
      let tools = try await FakeTools(in: scratch, [tool: fault.script]).find()
      let source = try scratch.source(Self.files, faithfully: false)
      let directory = try scratch.output()
      let output = directory.appendingPathComponent("o")
      try Data("old".utf8).write(to: output)
      do {
        let builder = Ext4Builder(tools: tools)
        let (from, to) = (FilePath(source.path), FilePath(output.path))
        _ = try await builder.build(try Self.files.tree, from: from, to: to, options: Ext4Options())
        Issue.record("not seen")
      } catch let error as Ext4Error {
        #expect(fault.error(error), "\(error)")
      }
      #expect(try names(in: directory) == ["o"])
      #expect(try Data(contentsOf: output) == Data("old".utf8))
    }
  }

  private static let version = #"[ "$1" = -V ] && exec $real -V"#

  /// mkfs.ext4 with the whole command line but for these options with their values.
  private static func mkfs(without options: String) -> String {
    """
    \(version)
    for word; do shift
      case "$skip$word" in \(options)) skip=skip; continue;; skip*) skip=; continue;; esac
      set -- "$@" "$word"
    done
    exec $real "$@"
    """
  }

  @Test(arguments: [
    Fault("is killed when all is done", #"\#(version); $real "$@"; kill -KILL $$"#) {
      $0 == .toolFailed(tool: "mkfs.ext4", status: .signalled(9), message: "")
    },
    Fault("is killed while it writes", #"\#(version); ulimit -f 2; exec $real "$@""#) {
      // by SIGXFSZ, as by any other signal
      $0 == .toolFailed(tool: "mkfs.ext4", status: .signalled(SIGXFSZ), message: "")
    },
    Fault("does nothing", #"\#(version); exit 0"#) {
      $0 == .malformedImage(what: "no superblock", byte: 1024 + 0x38)
    },
    Fault("copies nothing", mkfs(without: "-d")) {
      $0
        == .inodeDiffers(path: [], inode: 2, field: "link count", expected: "4", actual: "3")
    },
    Fault("cuts the file", #"\#(version); $real "$@"; truncate -s 20K image"#) {
      if case .malformedImage("file ends early", _) = $0 { true } else { false }
    },
    Fault("makes small blocks", #"\#(version); $real "$@" && $real -q -F -b 1024 image"#) {
      $0
        == .inodeDiffers(path: [], inode: 2, field: "link count", expected: "4", actual: "3")
    },
    Fault(
      "complains of a full disk",
      #"\#(version); echo "x: No space left on device" >&2; exit 1"#
    ) {
      if case .diskFull = $0 { true } else { false }
    },
  ])
  func `is mkfs that`(fault: Fault) async throws {
    try await expectFailure(of: "mkfs.ext4", fault)
  }

  /// For the run of debugfs that writes; others are as they should be.
  private static func writing(_ script: String) -> String {
    #"[ "$1" = -w ] || exec $real "$@"; \#(script)"#
  }

  @Test(arguments: [
    Fault("says something and exits with 0", writing(#"$real "$@"; echo "by the way" >&2"#)) {
      if case .toolFailed("debugfs", .exited(0), let text) = $0 {
        text.hasPrefix("debugfs 1.") && text.hasSuffix("; by the way")
      } else {
        false
      }
    },
    Fault("does not say who it is", writing(#"exec $real "$@" 2> /dev/null"#)) {
      $0 == .toolFailed(tool: "debugfs", status: .exited(0), message: "")
    },
    Fault("cannot open the image", writing(#"exec $real -w -f batch missing"#)) {
      if case .toolFailed("debugfs", .exited(0), let text) = $0 {
        text.contains("No such file or directory")
      } else {
        false
      }
    },
    Fault("cannot open the batch", writing(#"exec $real -w -f missing image"#)) {
      if case .toolFailed("debugfs", _, let text) = $0 {
        text.contains("missing")
      } else {
        false
      }
    },
    Fault("opens the image only to read", writing(#"exec $real -f batch image"#)) {
      if case .toolFailed("debugfs", .exited(0), let text) = $0 {
        text.contains("read/only")
      } else {
        false
      }
    },
    Fault("does not know a command", writing(#"echo sing >> batch; exec $real "$@""#)) {
      if case .toolFailed("debugfs", .exited(1), let text) = $0 {
        text.contains("Command not found")
      } else {
        false
      }
    },
    Fault("is killed", writing("kill -SEGV $$")) {
      $0 == .toolFailed(tool: "debugfs", status: .signalled(SIGSEGV), message: "")
    },
    Fault("does nothing", writing(#"exec $real -w -f /dev/null image"#)) {
      $0.isUncorrected
    },
    Fault("does half of it", writing(#"head -n 6 batch > value-x; exec $real -w -f value-x image"#))
    {
      $0.isUncorrected
    },
    Fault("works on another image", writing("cp image value-x; exec $real -w -f batch value-x")) {
      $0.isUncorrected
    },
    Fault(
      "changes another inode too",
      writing(#"echo "sif <14> uid 99" >> batch; exec $real "$@""#)
    ) {
      $0
        == .inodeDiffers(
          path: Array("d/b".utf8),
          inode: 14,
          field: "uid",
          expected: "corrected",
          actual: "unchanged"
        )
    },
    Fault("breaks a link", writing(#"echo "sif <15> block[0] 0" >> batch; exec $real "$@""#)) {
      $0.description.hasPrefix("/l: inode 15: target is ")
    },
    Fault(
      "takes an entry away",
      writing(#"echo "unlink /d/b" >> batch; exec $real "$@""#)
    ) {
      $0 == .directoryDiffers(path: Array("d".utf8), inode: 12, name: Array("b".utf8))
    },
    Fault("breaks what only e2fsck sees", writing(#"echo "freei <14>" >> batch; exec $real "$@""#))
    {
      if case .fileSystemCheckFailed(let report) = $0 {
        report.contains("bitmap differences")
      } else {
        false
      }
    },
    Fault(
      "finds no room for its changes",
      writing(#"$real "$@"; echo "while writing: No space left on device" >&2"#)
    ) {
      if case .diskFull = $0 { true } else { false }
    },
  ])
  func `is debugfs that`(fault: Fault) async throws {
    try await expectFailure(of: "debugfs", fault)
  }

  @Test(arguments: [
    Fault("sees other inodes", #"[ "$1" = -w ] || sed -i s/16/60/ question; exec $real "$@""#) {
      if case .numberingDiffers(_, let text) = $0 { text.contains("<60>") } else { false }
    },
    Fault("is killed when it is asked", #"[ "$1" = -w ] || kill -KILL $$; touch written"#) {
      $0 == .toolFailed(tool: "debugfs", status: .signalled(9), message: "")
    },
  ])
  func `is debugfs that, before it writes,`(fault: Fault) async throws {
    try await expectFailure(of: "debugfs", fault)
  }

  @Test(arguments: [
    Fault("finds faults", "echo bad; exit 4") { $0 == .fileSystemCheckFailed(report: "bad") },
    Fault("cannot work", "echo sorry >&2; exit 8") {
      $0 == .toolFailed(tool: "e2fsck", status: .exited(8), message: "sorry")
    },
    Fault("claims to have mended something", "exit 1") {
      $0 == .toolFailed(tool: "e2fsck", status: .exited(1), message: "")
    },
    Fault("is killed", "kill -KILL $$") {
      $0 == .toolFailed(tool: "e2fsck", status: .signalled(9), message: "")
    },
  ])
  func `is e2fsck that`(fault: Fault) async throws {
    try await expectFailure(of: "e2fsck", fault)
  }

  @Test func `may also be the source, which says so when all is copied`() async throws {
    try await Scratch.with { scratch in
      let source = try scratch.source(Self.files, faithfully: false)
      let directory = try scratch.output()
      await #expect(throws: Ext4Error.sourceFailed) {
        try await Ext4Builder(tools: try await E2fsTools.find()).build(
          try Self.files.tree,
          from: FilePath(source.path),
          to: FilePath(directory.appendingPathComponent("o").path),
          options: Ext4Options(),
          releaseSource: { false }
        )
      }
      #expect(try names(in: directory) == [])
    }
  }
}

extension Ext4Error {
  /// Whether the root was found as it was before the corrections: here, its links come first.
  fileprivate var isUncorrected: Bool {
    self == .directoryDiffers(path: [], inode: 2, name: Array("m".utf8))
  }
}
