// Building with the machine's own tools, or with some of them replaced.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// Builds with the real tools; it is a failure of the test when they are missing.
@discardableResult
func build(
  _ tree: Tree,
  from source: URL,
  to output: URL,
  _ options: Ext4Options = Ext4Options(),
  progress: @escaping @Sendable (Ext4Progress) -> Void = { _ in }
) async throws -> Ext4Result {
  try await Ext4Builder(tools: try await E2fsTools.find()).build(
    tree,
    from: FilePath(source.path),
    to: FilePath(output.path),
    options: options,
    progress: progress
  )
}

func checkWithE2fsck(_ image: URL) throws {
  let output = try HostTool.run("e2fsck", ["-f", "-n", image.path])
  #expect(output.status == 0, "\(String(decoding: output.output, as: UTF8.self))")
}

/// Tools of which some are scripts of the test's own.
struct FakeTools {
  let directory: URL

  /// Real tools, but for those in `scripts`: text for `/bin/sh`, in which `$real` is the real tool.
  init(in scratch: Scratch, _ scripts: [String: String]) throws {
    directory = scratch.url.appendingPathComponent("tools-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    for name in ["mkfs.ext4", "debugfs", "e2fsck", "resize2fs", "tune2fs"] {
      let script = """
        #!/bin/sh
        PATH=/usr/sbin:/usr/bin:/sbin:/bin
        real=\(name)
        \(scripts[name] ?? "exec $real \"$@\"")

        """
      let file = directory.appendingPathComponent(name)
      try Data(script.utf8).write(to: file)
      chmod(file.path, 0o755)
    }
  }

  func find() async throws -> E2fsTools { try await E2fsTools.find(path: directory.path) }
}
