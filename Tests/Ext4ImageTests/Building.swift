// Building with the machine's own tools.

import Ext4Image
import FileTree
import Foundation
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
