// The fixture as a process of its own, mounted in a directory of its own, both gone at the end
// whatever happens.

import Glibc
import Testing

/// How a test runs the fixture.
struct FixtureSetup: Sendable, CustomTestStringConvertible {
  var arguments: [String] = []
  /// Runs it as `nobody`, who has to go through fusermount3.
  var asOrdinaryUser = false
  /// Gives the mountpoint to `nobody` first, without which fusermount3 refuses.
  var ownsMountpoint = true

  var testDescription: String {
    ([asOrdinaryUser ? "as nobody" : "as this user"] + arguments).joined(separator: " ")
  }

  /// With the usual two request threads, and with the least that must do.
  static let threadCounts = [
    FixtureSetup(arguments: ["--threads", "2"]),
    FixtureSetup(arguments: ["--threads", "1", "--workers", "1"]),
  ]
}

final class MountedFixture {
  /// The user `nobody`, where tests run as root.
  static let nobody: UInt32 = 65534
  static var isRoot: Bool { geteuid() == 0 }

  /// A directory that everybody may enter; the mount is at `mnt` in it.
  let directory: String
  let process: Command
  var mountpoint: String { directory + "/mnt" }
  var gate: String { directory + "/gate" }

  /// Starts the fixture and waits until it serves.
  init(_ setup: FixtureSetup = FixtureSetup()) throws {
    directory = try Self.makeDirectory()
    do {
      process = try Self.start(setup, in: directory)
      _ = try process.waitForLine("READY")
    } catch {
      Self.remove(directory)
      throw error
    }
  }

  deinit {
    process.send(SIGKILL)
    _ = process.wait()
    Self.remove(directory)
  }

  /// Starts the fixture without waiting for anything.
  static func start(_ setup: FixtureSetup, in directory: String) throws -> Command {
    #expect(access("/dev/fuse", F_OK) == 0, "these tests need /dev/fuse")
    let mountpoint = directory + "/mnt"
    var command = [try fixtureProgram(), mountpoint, "--gate", directory + "/gate"]
    command += ["--alarm", "120"] + setup.arguments
    if setup.asOrdinaryUser, isRoot {
      if setup.ownsMountpoint { chown(mountpoint, nobody, nobody) }
      command =
        ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups"] + command
    }
    return try Command(command)
  }

  static func makeDirectory() throws -> String {
    var template = Array("/tmp/fuse-fixture-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw CommandFailure(description: "mkdtemp: \(errno)")
    }
    let directory = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
    chmod(directory, 0o755)
    mkdir(directory + "/mnt", 0o755)
    return directory
  }

  static func remove(_ directory: String) {
    _ = try? Command.shell(
      """
      umount -l "$1/mnt" 2>/dev/null || fusermount3 -uqz "$1/mnt" 2>/dev/null
      rm -rf --one-file-system "$1"
      """,
      directory
    )
  }

  /// The path of a name below the mountpoint.
  func path(_ name: String) -> String { mountpoint + "/" + name }

  /// Runs a line of shell with the mountpoint as `$1`.
  func shell(_ line: String) throws -> Command.Outcome {
    try Command.shell(line, mountpoint)
  }

  /// What a line of shell prints, which must succeed.
  func output(_ line: String) throws -> String {
    let outcome = try shell(line)
    try #require(outcome.status == 0, "\(line): \(outcome.output)")
    return outcome.output
  }

  /// The requests so far, without those that come whenever the kernel likes.
  func counts() throws -> [String: Int] {
    process.send(SIGUSR1)
    return Self.parse(try process.waitForLine("COUNTS "))
  }

  /// The requests that a line of shell causes, which must end with `status`.
  func requests(of line: String, status: Int32 = 0) throws -> [String: Int] {
    let before = try counts()
    let outcome = try shell(line)
    #expect(outcome.status == status, "\(line): \(outcome.output)")
    return try counts().merging(before) { $0 - $1 }.filter { $0.value != 0 }
  }

  private static func parse(_ text: String) -> [String: Int] {
    var counts: [String: Int] = [:]
    for member in text.dropFirst().dropLast().split(separator: ",") {
      let parts = member.split(separator: ":")
      guard parts.count == 2, let count = Int(parts[1]) else { continue }
      counts[String(parts[0].dropFirst().dropLast())] = count
    }
    for asynchronous in ["FORGET", "BATCH_FORGET", "RELEASE", "RELEASEDIR", "INTERRUPT"] {
      counts[asynchronous] = nil
    }
    return counts
  }

  /// The fixture, which is built beside the tests, where everybody may run it.
  private static func fixtureProgram() throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let tests = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    guard let slash = tests.lastIndex(of: "/") else {
      throw CommandFailure(description: "the tests run from nowhere")
    }
    return tests[..<slash] + "/fuse-fixture"
  }
}
