// File systems of a test's own in a file, mounted through a loop device; and loop devices themselves.
// Only root can have them.

import Foundation
import Glibc
import TestKit
import Testing

/// Only root mounts file systems and makes loop devices.
let isRoot = geteuid() == 0

struct LoopMount {
  let root: URL

  enum Kind: String, CaseIterable {
    case xfs, btrfs, ext4, tmpfs

    /// Whether files can share blocks there.
    var sharesBlocks: Bool { self == .xfs || self == .btrfs }
  }

  /// Calls `body` with a new, empty, mounted file system of so many MiB, at least 300 for XFS.
  static func with<Result>(
    _ kind: Kind,
    mebibytes: Int = 300,
    in scratch: Scratch,
    _ body: (LoopMount) async throws -> Result
  ) async throws -> Result {
    let name = UUID().uuidString
    let root = scratch.url.appendingPathComponent("mount-\(name)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
    if kind == .tmpfs {
      try succeed("mount", ["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", root.path])
    } else {
      let file = scratch.url.appendingPathComponent("disk-\(name)").path
      try succeed("truncate", ["-s", "\(mebibytes)M", file])
      try succeed("mkfs.\(kind.rawValue)", ["-q", file])
      try succeed("mount", ["-t", kind.rawValue, "-o", "loop", file, root.path])
    }
    defer { HostTool.attempt { try succeed("umount", ["-l", root.path]) } }
    return try await body(LoopMount(root: root))
  }
}

/// Calls `body` with a loop device of so many bytes, all of them 0xAB.
func withLoopDevice<Result>(
  byteCount: Int,
  in scratch: Scratch,
  _ body: (_ device: String, _ backing: URL) async throws -> Result
) async throws -> Result {
  let backing = scratch.url.appendingPathComponent("backing-\(UUID().uuidString)")
  try Data(repeating: 0xAB, count: byteCount).write(to: backing)
  let device = try succeed("losetup", ["--find", "--show", backing.path])
  defer { HostTool.attempt { try succeed("losetup", ["--detach", device]) } }
  return try await body(device, backing)
}

/// Calls `body` while `image` is mounted, and a file `new` written to it.
///
/// In a mount namespace of its own: a copy of the mount in a namespace that another test makes meanwhile
/// would keep the loop device after unmounting.
func whileMounted<Result>(
  _ image: URL,
  in scratch: Scratch,
  _ body: () async throws -> Result
) async throws -> Result {
  let root = scratch.url.appendingPathComponent("mounted-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
  let end = root.appendingPathExtension("end")
  let script = """
    mount -o loop "$1" "$2"; printf new > "$2/new"; echo mounted
    until [ -e "$3" ]; do sleep 0.05; done
    umount "$2"
    """
  let holder = try Program(
    ["unshare", "-m", "sh", "-euc", script, "sh", image.path, root.path, end.path]
  )
  try Program.wait(for: "the mount of \(image.path)") {
    try !holder.outputSoFar().isEmpty || !holder.isRunning
  }
  let result = try await body()
  try Data().write(to: end)
  #expect(try holder.finish().status == 0)
  return result
}

/// Runs a program that has to succeed, and returns the first line that it prints.
@discardableResult
func succeed(_ tool: String, _ arguments: [String]) throws -> String {
  let result = try HostTool.run(tool, arguments)
  guard result.status == 0 else {
    throw WitnessFailure(description: "\(tool) \(arguments): \(result.text + result.errors)")
  }
  return String(decoding: result.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
}
