// materialize when it is ended in each of its phases, or a tool fails in one: the right exit status, and
// nothing left behind, or nothing that the next run does not clear.

import Foundation
import Glibc
import TestKit
import Testing

struct MaterializePhaseTests {
  /// Where a tool stops and waits: before its work or after it.
  enum Phase: String, CaseIterable {
    case mkfsBegins, mkfsIsDone, numberingIsAsked, batchBegins, batchIsDone, checkBegins

    var tool: String {
      switch self {
      case .mkfsBegins, .mkfsIsDone: "mkfs.ext4"
      case .numberingIsAsked, .batchBegins, .batchIsDone: "debugfs"
      case .checkBegins: "e2fsck"
      }
    }

    /// For the shell: whether these are the arguments of this phase.
    var condition: String {
      switch self {
      case .mkfsBegins, .mkfsIsDone: #"[ "$1" != -V ]"#
      case .numberingIsAsked: #"[ "$1" != -w ]"#
      case .batchBegins, .batchIsDone: #"[ "$1" = -w ]"#
      case .checkBegins: "true"
      }
    }

    var isAfterWork: Bool { self == .mkfsIsDone || self == .batchIsDone }
  }

  /// A place with an image and a directory `tools` of the machine's tools, one of them with `lines` of
  /// shell before its work, in which `$real` is the tool.
  private func place(_ role: Role, _ tool: String, _ lines: String) throws -> Workplace {
    let place = try Workplace(role)
    let tar = TarBytes.archive([
      .file("file", "text").owner(1, 1), .symlink("link", to: "file"),
      .hardLink("second", to: "link"), .file("capable", "c").attribute("user.large", "l"),
    ])
    _ = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    try place.makeDirectory("tools")
    for name in ["mkfs.ext4", "debugfs", "e2fsck", "resize2fs", "tune2fs"] {
      let lines = name == tool ? "real=/usr/sbin/\(name)\n\(lines)\n" : ""
      let script = "#!/bin/sh\n\(lines)exec /usr/sbin/\(name) \"$@\"\n"
      try place.write("tools/\(name)", script, mode: 0o755)
    }
    return place
  }

  private func start(_ place: Workplace) throws -> Program {
    try place.startTool([
      "env", "PATH=\(place.appending("tools")):/usr/bin:/bin", place.binary, "materialize",
      "oci:../image", "out.ext4",
    ])
  }

  /// A place in which the tool of `phase` writes its process id into `home/waiting` and waits.
  private func place(_ role: Role, waitingIn phase: Phase) throws -> Workplace {
    try place(
      role,
      phase.tool,
      """
      if \(phase.condition); then
        \(phase.isAfterWork ? #"$real "$@""# : ":")
        echo $$ > "${0%/*}/../home/waiting"
        exec sleep 600
      fi
      """
    )
  }

  /// Starts the program and returns when a tool waits; the tool's process id is the second value.
  private func startUntilWaiting(in place: Workplace) throws -> (Program, pid_t) {
    let program = try start(place)
    var process: pid_t?
    try Program.wait(for: "a waiting tool") {
      if let data = FileManager.default.contents(atPath: place.home + "/waiting") {
        let text = String(decoding: data, as: UTF8.self)
        process = text.hasSuffix("\n") ? pid_t(text.dropLast()) : nil
      }
      return process != nil || !program.isRunning
    }
    return (program, try #require(process))
  }

  private func expectNothingLeft(
    in place: Workplace,
    but names: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(try place.mounts() == [], sourceLocation: sourceLocation)
    let left = try place.names().filter { $0 != "cache" && $0 != "waiting" }
    #expect(left == names, sourceLocation: sourceLocation)
    let mounts = place.cache + "/banger/mounts"
    if place.exists(mounts) {
      #expect(try place.names(in: mounts) == [], sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: Phase.allCases, [SIGINT, SIGTERM])
  func `an interrupt ends the tool and leaves nothing`(phase: Phase, signal: Int32) throws {
    let role = signal == SIGINT ? Role.all[0] : .ordinary
    let place = try place(role, waitingIn: phase)
    let (program, tool) = try startUntilWaiting(in: place)
    program.send(signal)
    expect(try program.finish(), is: .failure(130, "interrupted"))
    #expect(kill(tool, 0) != 0)
    try expectNothingLeft(in: place)
  }

  @Test(arguments: Phase.allCases)
  func `what a killed run leaves is cleared by the next`(phase: Phase) throws {
    let place = try place(.ordinary, waitingIn: phase)
    let (program, tool) = try startUntilWaiting(in: place)
    program.send(SIGKILL)
    #expect(try program.finish().status == 128 + SIGKILL)
    // nobody waits for it any more
    kill(tool, SIGKILL)
    #expect(try place.names().contains { $0.hasPrefix(".out.ext4.banger-") })
    #expect(!place.exists(place.home + "/out.ext4"))

    let outcome = try place.run("materialize", "oci:../image", "out.ext4")
    #expect((outcome.status, outcome.errors) == (0, ""))
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", place.home + "/out.ext4"])
    try expectNothingLeft(in: place, but: ["out.ext4"])
  }

  @Test(arguments: [
    ("mkfs.ext4", #"[ "$1" = -V ] || kill -KILL $$"#, 1, "mkfs.ext4: killed by signal 9"),
    ("mkfs.ext4", #"[ "$1" = -V ] || { echo no >&2; exit 3; }"#, 1, "mkfs.ext4: exit status 3: no"),
    ("debugfs", #"[ "$1" != -w ] || kill -SEGV $$"#, 1, "debugfs: killed by signal 11"),
    (
      "debugfs", #"[ "$1" != -w ] || exec $real -w -f /dev/null image"#, 1,
      "/: inode 2: entry differs from the tree: second"
    ),
    ("e2fsck", "echo bad; exit 4", 1, "e2fsck: the file system has errors: bad"),
  ])
  func `a tool that fails is quoted, and nothing is left`(
    tool: String,
    script: String,
    status: Int32,
    message: String
  ) throws {
    for role in Role.all {
      let place = try place(role, tool, script)
      expect(try start(place).finish(), is: .failure(status, message))
      try expectNothingLeft(in: place)
    }
  }

  @Test(arguments: Role.all)
  func `a file system without room is told with what to do`(_ role: Role) throws {
    let text = "mkfs.ext4: Could not allocate block in ext2 filesystem while populating file system"
    let script = #"[ "$1" = -V ] || { echo "\#(text)" >&2; exit 1; }"#
    let place = try place(role, "mkfs.ext4", script)
    expect(
      try start(place).finish(),
      is: .failure(
        73,
        "mkfs.ext4: the file system is full: \(text)",
        hint: "use a larger --size"
      )
    )
    try expectNothingLeft(in: place)
  }

  /// Where others' files may not be replaced, as in /tmp.
  @Test func `an output that may not be replaced stays, and nothing is left beside it`() throws {
    guard geteuid() == 0 else { return }
    let place = try place(.ordinary, "", "")
    let directory = try place.makeDirectory("home/shared")
    chown(directory, 0, 0)
    chmod(directory, 0o1777)
    let output = directory + "/out.ext4"
    try Data("root's".utf8).write(to: URL(fileURLWithPath: output))
    let outcome = try place.run("materialize", "oci:../image", "shared/out.ext4")
    expect(outcome, is: .failure(77, "\(output): rename: operation not permitted"))
    #expect(try place.names(in: directory) == ["out.ext4"])
    #expect(FileManager.default.contents(atPath: output) == Data("root's".utf8))
    try expectNothingLeft(in: place, but: ["shared"])
  }

  @Test func `a file system that is mounted read-only is said to be so`() throws {
    guard geteuid() == 0 else { return }
    for role in Role.all {
      let place = try place(role, "", "")
      try place.makeDirectory("home/disk")
      let outcome = try place.runIsolated(
        after: "mount -t tmpfs -o ro,mode=777 tmpfs \"$1/disk\"",
        #""$0" materialize oci:../image disk/out.ext4"#
      )
      expect(
        outcome,
        is: .failure(73, "disk/out.ext4: cannot be created: Read-only file system")
      )
      try expectNothingLeft(in: place, but: ["disk"])
    }
  }
}
