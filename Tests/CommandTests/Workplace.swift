// Where one test runs the program: a directory with a home of the user it runs as, a cache of its own,
// and nothing mounted in it any more when the test is over, however it ended.

import Foundation
import Glibc
import TestKit
import Testing

/// Whom the program is run as.
///
/// Root where the tests are, and an ordinary user always: there, another one.
enum Role: String, CaseIterable, Sendable {
  case root
  case ordinary

  static var all: [Role] { geteuid() == 0 ? allCases : [.ordinary] }

  /// The roles that can be told apart from root by what is forbidden to them.
  static var unprivileged: Role { .ordinary }

  var user: String? { self == .ordinary ? "nobody" : nil }
}

/// A place to run the program in.
final class Workplace {
  let role: Role
  private let directory: TemporaryDirectory
  /// The program under test.
  let binary: String

  /// The whole place, readable by everybody.
  var path: String { directory.path }
  /// A directory that belongs to the user; the program starts in it.
  var home: String { directory.appending("home") }
  var cache: String { home + "/cache" }

  init(_ role: Role = Role.all[0]) throws {
    self.role = role
    binary = try ReachableBinary.path(for: role)
    directory = try TemporaryDirectory()
    // Mount points are told by the kernel without symbolic links.
    chmod(directory.path, 0o755)
    try makeDirectory("home")
  }

  deinit {
    do {
      for mount in try mounts() { unmount(mount) }
    } catch {
      print("cannot look for mounts below \(path): \(error)")
    }
  }

  // MARK: Files

  /// Makes a directory of the user's, by its path in the place.
  @discardableResult
  func makeDirectory(_ name: String, mode: mode_t = 0o755) throws -> String {
    let path = directory.appending(name)
    guard mkdir(path, mode) == 0 else { throw ProgramFailure("mkdir \(path): \(errno)") }
    chmod(path, mode)
    give(path)
    return path
  }

  /// Makes `path` the user's.
  func give(_ path: String) {
    guard geteuid() == 0, let user = role.user, let entry = getpwnam(user) else { return }
    chown(path, entry.pointee.pw_uid, entry.pointee.pw_gid)
  }

  /// Writes a file of the user's, by its path in the place.
  @discardableResult
  func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
    let path = directory.appending(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
    give(path)
    return path
  }

  func appending(_ name: String) -> String { directory.appending(name) }

  func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// The names in a directory, sorted; of the home unless told otherwise.
  func names(in path: String? = nil) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path ?? home).sorted()
  }

  // MARK: Programs

  /// Nothing of the real user's settings matters: empty variables count as absent.
  private var environment: [String: String] {
    var environment = ["BANGER_FS_CACHE": cache, "HOME": home, "COLUMNS": "80"]
    for name in [
      "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy",
      "https_proxy", "all_proxy", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR",
      "XDG_CONFIG_HOME", "CONTAINERS_REGISTRIES_CONF", "NO_COLOR",
    ] {
      environment[name] = ""
    }
    return environment
  }

  /// Starts the program in the home.
  func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Program {
    try startTool([binary] + arguments, environment: environment)
  }

  /// Runs the program to its end.
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try start(arguments, environment: environment).finish()
  }

  /// Starts any program as the same user, in the same surroundings.
  func startTool(_ arguments: [String], environment: [String: String] = [:]) throws -> Program {
    try Program(
      arguments,
      environment: self.environment.merging(environment) { $1 },
      directory: home,
      user: role.user
    )
  }

  func runTool(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try startTool(arguments, environment: environment).finish()
  }

  /// Runs a shell script as the same user: `$0` is the program, `$1` and on are `arguments`.
  func runShell(_ script: String, _ arguments: String...) throws -> Outcome {
    try startTool(["bash", "-c", script, binary] + arguments).finish()
  }

  /// Runs `command` as the user, in a mount namespace of its own in which root ran `preparation`.
  ///
  /// For root only. In the script `$1` is the home; in the command `$0` is the program.
  func runIsolated(after preparation: String, _ command: String) throws -> Outcome {
    let arguments = [
      "unshare", "-m", "bash", "-euc", "\(preparation)\nshift; exec \"$@\"", "bash", home,
    ]
    let shell = ["bash", "-c", command, binary]
    return try Program.run(
      arguments + (try Program.becoming(role.user)) + shell,
      environment: environment,
      directory: home
    )
  }

  // MARK: Mounts and servers

  /// The mount points below this place, the last one first.
  func mounts() throws -> [String] {
    String(decoding: try Self.bytes(ofProcFile: "/proc/self/mountinfo"), as: UTF8.self)
      .split(separator: "\n")
      .map { Self.unescaped(String($0.split(separator: " ")[4])) }
      .filter { $0.hasPrefix(path + "/") }
      .reversed()
  }

  /// Reads on after short reads, which are no end here.
  private static func bytes(ofProcFile path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw ProgramFailure("\(path): \(errno)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// Source: proc(5): blank, tab, newline and backslash are written in octal.
  private static func unescaped(_ path: String) -> String {
    path.replacing("\\040", with: " ").replacing("\\011", with: "\t")
      .replacing("\\012", with: "\n").replacing("\\134", with: "\\")
  }

  private func unmount(_ mount: String) {
    if umount2(mount, Int32(MNT_DETACH)) == 0 { return }
    do {
      try Program.succeed(["fusermount3", "-u", "-z", mount])
    } catch {
      print("cannot unmount \(mount): \(error)")
    }
  }

  /// The processes of the program that were started in the background and serve this place.
  func servers() throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
      .filter { process in
        let bytes: [UInt8]
        // It may be gone by now.
        do { bytes = try Self.bytes(ofProcFile: "/proc/\(process)/cmdline") } catch { return false }
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        guard words.contains("--background") else { return false }
        // A relative mount point says nothing; but the program keeps its environment.
        return try environment(of: process).contains { $0 == "BANGER_FS_CACHE=\(cache)" }
      }
  }

  /// Whether a process waits for the lock of a file.
  ///
  /// Source: proc(5), "/proc/locks".
  func isAwaited(lock path: String) throws -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return String(decoding: try Self.bytes(ofProcFile: "/proc/locks"), as: UTF8.self)
      .split(separator: "\n")
      .contains { $0.contains(" -> FLOCK ") && $0.contains(":\(status.st_ino) ") }
  }

  private func environment(of process: pid_t) throws -> [String] {
    do {
      return try Self.bytes(ofProcFile: "/proc/\(process)/environ").split(separator: 0)
        .map { String(decoding: $0, as: UTF8.self) }
    } catch {
      return []
    }
  }

  /// The only server of this place.
  func server() throws -> pid_t {
    let found = try servers()
    guard found.count == 1 else { throw ProgramFailure("\(found.count) servers") }
    return found[0]
  }
}

/// The program where every user can run it: a checkout may be below somebody's private home.
private enum ReachableBinary {
  static func path(for role: Role) throws -> String {
    let path = try BuiltBinary.path
    guard role == .ordinary, geteuid() == 0 else { return path }
    return try copyIfNeeded.get()
  }

  /// Once in a process; the copy is removed at its end.
  private static let copyIfNeeded = Result {
    let path = try BuiltBinary.path
    if try Program.run(["test", "-x", path], user: Role.ordinary.user).status == 0 { return path }
    let copy = NSTemporaryDirectory() + "/banger-fs-under-test-\(getpid())"
    try Program.succeed(["cp", path, copy])
    chmod(copy, 0o755)
    atexit { unlink(NSTemporaryDirectory() + "/banger-fs-under-test-\(getpid())") }
    return copy
  }
}

extension Outcome {
  /// Success with this text.
  static func success(_ text: String = "") -> Outcome {
    Outcome(status: 0, output: Array(text.utf8), errors: "")
  }

  /// A failure that says nothing on standard output, one line on standard error, and maybe a hint.
  static func failure(_ status: Int32, _ message: String, hint: String? = nil) -> Outcome {
    let hint = hint.map { "hint: \($0)\n" } ?? ""
    return Outcome(status: status, output: [], errors: "banger-fs: \(message)\n\(hint)")
  }
}

/// Compares outcomes and shows both.
func expect(
  _ actual: Outcome,
  is expected: Outcome,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual == expected, sourceLocation: sourceLocation)
}

extension Outcome: CustomTestStringConvertible {
  public var testDescription: String { "status \(status), output:\n\(text)\nerrors:\n\(errors)" }
}
