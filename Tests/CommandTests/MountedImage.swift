// An image mounted by the program in a process of its own, looked at by others, and gone at the end
// whatever happens. The test itself never touches the mount: it could hang.

import Foundation
import Glibc
import TestKit

extension Workplace {
  /// The dump that the program makes of an image.
  func dump(of reference: String, _ options: [String] = []) throws -> DumpText {
    DumpText(try succeed(try start(["dump", reference] + options)))
  }

  /// The dump of a directory, by another process of the same user.
  func dump(ofDirectory path: String, _ options: String...) throws -> DumpText {
    DumpText(try succeed(try startWitness(["dump", path] + options)))
  }

  /// Starts the process that looks at mounts, as the same user.
  func startWitness(_ question: [String]) throws -> Program {
    try startTool([try reachable(try BuiltBinary.witness)] + question)
  }

  /// The reference of an image that `make images` made.
  func reference(of image: RealImage) throws -> String {
    "oci:" + (try reachable(try image.layout)) + ":debian"
  }

  /// `path`, or a copy of it where the build is below somebody's private home.
  private func reachable(_ path: String) throws -> String {
    if try runTool("test", "-r", path).status == 0 { return path }
    let copy = appending("copy-of-" + URL(fileURLWithPath: path).lastPathComponent)
    if !exists(copy) {
      try Program.succeed(["cp", "-r", "--reflink=auto", path, copy])
      try Program.succeed(["chmod", "-R", "a+rX", copy])
    }
    return copy
  }

  /// Materializes an image, and tells what it asked its own mount for.
  @discardableResult
  func materialize(
    _ reference: String,
    to output: String,
    _ options: [String] = []
  ) throws -> RequestCounts {
    let counts = output + ".requests"
    let command = ["materialize", reference, output, "--request-counts", counts] + options
    _ = try succeed(try start(command))
    return try RequestCounts(file: counts)
  }

  /// What a program writes that must succeed.
  func succeed(_ program: Program) throws -> [UInt8] {
    let outcome = try program.finish()
    guard outcome.status == 0 else {
      throw ProgramFailure("status \(outcome.status): \(outcome.errors)")
    }
    return outcome.output
  }
}

/// An image that is mounted as long as this lives.
final class MountedImage {
  let path: String
  let place: Workplace
  private let server: Program
  private let counts: String

  /// Mounts an image as the user of `place` and waits until it is there.
  init(_ reference: String, _ options: [String] = [], in place: Workplace) throws {
    self.place = place
    let name = "home/mount-\(UUID().uuidString)"
    path = try place.makeDirectory(name)
    counts = path + ".requests"
    let command = ["mount", "-f", reference, path, "--request-counts", counts]
    server = try place.start(command + options)
    try Program.wait(for: "the mount of \(reference)") {
      let said = try server.errorsSoFar()
      if !server.isRunning { throw ProgramFailure("mount \(reference): \(said)") }
      return said.contains(" mounted ")
    }
  }

  /// The place is cleared when nobody writes there any more.
  deinit {
    if !server.isRunning { return }
    server.send(SIGTERM)
    do { _ = try server.finish() } catch { print("cannot end the mount at \(path): \(error)") }
  }

  /// What a line of shell does; the mount is `$1`, `arguments` follow.
  func run(_ line: String, _ arguments: [String] = []) throws -> Outcome {
    let command = ["bash", "-c", "set -eu; export LC_ALL=C; " + line, "bash", path]
    return try place.startTool(command + arguments).finish()
  }

  /// What a line of shell prints that must succeed.
  @discardableResult
  func shell(_ line: String, _ arguments: String...) throws -> String {
    let outcome = try run(line, arguments)
    guard outcome.status == 0 else {
      throw ProgramFailure("\(line): status \(outcome.status): \(outcome.errors)")
    }
    return outcome.text
  }

  /// What another process says about the mount.
  @discardableResult
  func witness(_ question: String, _ arguments: String...) throws -> String {
    let program = try place.startWitness([question, path] + arguments)
    return String(decoding: try place.succeed(program), as: UTF8.self)
  }

  /// Waits until the kernel holds so much of a file; asks nobody but the kernel.
  func waitUntilCached(_ file: String, byteCount: Int) throws {
    try Program.wait(for: "\(file) in the page cache") {
      let held = try shell("fincore --bytes --noheadings --output RES \"$1/$2\"", file)
      return Int(held.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 >= byteCount
    }
  }

  func dump() throws -> DumpText { try place.dump(ofDirectory: path) }

  /// Unmounts as a signal does, and tells what the kernel asked for.
  @discardableResult
  func end() throws -> RequestCounts {
    server.send(SIGTERM)
    _ = try place.succeed(server)
    return try RequestCounts(file: counts)
  }
}

/// What the kernel asked a file system for, by the names of linux/fuse.h.
struct RequestCounts: Equatable, CustomStringConvertible {
  var counts: [String: Int]

  /// Sent whenever the kernel likes, and answered by nobody.
  private static let asynchronous: Set<String> = ["FORGET", "BATCH_FORGET"]

  init(_ counts: [String: Int]) {
    self.counts = counts.filter { $0.value != 0 && !Self.asynchronous.contains($0.key) }
  }

  init(file: String) throws {
    let text = try Data(contentsOf: URL(fileURLWithPath: file))
    self.init(try JSONDecoder().decode([String: Int].self, from: text))
  }

  var description: String {
    counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }

  /// What came on top of `before`.
  func since(_ before: RequestCounts) -> RequestCounts {
    RequestCounts(counts.merging(before.counts.mapValues { -$0 }) { $0 + $1 })
  }
}
