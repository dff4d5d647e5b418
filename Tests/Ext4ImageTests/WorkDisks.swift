// What tests of work disks share: seeds, growing them, and what dumpe2fs says of the result.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

func workDiskBuilder() async throws -> WorkDiskBuilder {
  WorkDiskBuilder(tools: try await E2fsTools.find())
}

func volumeLabel(_ text: String) throws -> VolumeLabel { try VolumeLabel(text) }

/// The fields of the superblock that `dumpe2fs -h` prints, and how many groups it lists with a mark.
struct Description {
  let fields: [String: String]
  let groupCount: Int
  let markedGroupCount: Int

  init(of image: URL) throws {
    let output = try HostTool.run("dumpe2fs", [image.path])
    let lines = output.output.split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
    fields = lines.reduce(into: [:]) { fields, line in
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { fields[String(parts[0])] = String(parts[1].drop { $0 == " " }) }
    }
    let groups = lines.filter { $0.hasPrefix("Group ") && $0.contains("(Blocks ") }
    groupCount = groups.count
    markedGroupCount = groups.count { $0.contains("ITABLE_ZEROED") }
  }

  subscript(field: String) -> String { fields[field] ?? "" }
}

extension Scratch {
  /// A seed with `files`, so many inodes a group as is usual.
  func seed(
    _ files: SourceDirectory,
    options: Ext4Options = Ext4Options(size: .exact(64 << 20))
  ) async throws -> URL {
    let seed = url.appendingPathComponent("seed-\(UUID().uuidString)")
    try await build(files.tree, from: try source(files), to: seed, options)
    return seed
  }

  func grow(
    _ seed: URL,
    to output: URL,
    byteCount: UInt64? = nil,
    label: VolumeLabel? = nil,
    identity: Ext4Identity = .random
  ) async throws -> Ext4Result {
    try await workDiskBuilder().grow(
      FilePath(seed.path),
      to: FilePath(output.path),
      byteCount: byteCount,
      label: label,
      identity: identity
    )
  }

  /// What growing `seed` is refused with; nothing may be left.
  func refusal(_ seed: URL, byteCount: UInt64? = nil) async throws -> Ext4Error? {
    let directory = try output()
    do {
      _ = try await grow(
        seed,
        to: directory.appendingPathComponent("disk"),
        byteCount: byteCount
      )
      return nil
    } catch let error as Ext4Error {
      #expect(try names(in: directory) == [])
      return error
    }
  }
}

let seedFiles = SourceDirectory([
  .directory("d"), .file("d/a", "text").owned(by: 7, 8), .link("l", to: "d/a"),
  .file("zeros", String(repeating: "\0", count: 100_000)),
])
