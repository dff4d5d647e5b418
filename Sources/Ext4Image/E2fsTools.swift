// Finds the programs of e2fsprogs and judges whether they can be used.

import FileTree
import Glibc
package import SystemPackage

/// mkfs.ext4 and its companions of one machine.
package struct E2fsTools: Hashable, Sendable {
  package let mkfs: FilePath
  package let debugfs: FilePath
  package let e2fsck: FilePath
  package let resize2fs: FilePath
  package let tune2fs: FilePath
  package let version: E2fsVersion
  /// The directories searched, as `PATH` spells them.
  package let searchPath: String

  /// Ordinary users often lack these in their `PATH`.
  private static let systemDirectories = ["/usr/sbin", "/sbin"]

  /// Finds the tools and asks for their version.
  ///
  /// - Parameter path: Directories separated by colons, and no others; by default those of the
  ///   environment's `PATH` and the ones for system programs.
  /// - Returns: Tools that can be used.
  /// - Throws: `.missingTool`, `.unknownToolVersion`, `.toolTooOld`, `.toolNotStarted`, `.cancelled`.
  package static func find(path: String? = nil) async throws(Ext4Error) -> E2fsTools {
    let directories =
      (path ?? environmentPath).split(separator: ":").map(String.init)
      + (path == nil ? systemDirectories : [])
    let searchPath = directories.joined(separator: ":")
    let mkfs = try find("mkfs.ext4", in: directories)
    let debugfs = try find("debugfs", in: directories)
    let e2fsck = try find("e2fsck", in: directories)
    let resize2fs = try find("resize2fs", in: directories)
    let tune2fs = try find("tune2fs", in: directories)
    let output = try await ToolRunner.run(
      mkfs,
      [Array("-V".utf8)],
      in: "/",
      searchPath: searchPath
    )
    guard let version = E2fsVersion(banner: output.errorText) else {
      throw .unknownToolVersion(output.errorText)
    }
    if version < .oldest { throw .toolTooOld(version: version) }
    return E2fsTools(
      mkfs: mkfs,
      debugfs: debugfs,
      e2fsck: e2fsck,
      resize2fs: resize2fs,
      tune2fs: tune2fs,
      version: version,
      searchPath: searchPath
    )
  }

  private static var environmentPath: String {
    getenv("PATH").map { String(cString: $0) } ?? ""
  }

  private static func find(_ name: String, in directories: [String]) throws(Ext4Error) -> FilePath {
    for directory in directories where directory.hasPrefix("/") {
      let candidate = FilePath(directory).appending(name)
      if candidate.withPlatformString({ access($0, X_OK) }) == 0 { return candidate }
    }
    throw .missingTool(name)
  }

  /// - Throws: `.toolCannotCopyLargeFiles` when this version has the 2 GiB fault and the tree a file
  ///   that it cannot copy.
  func check(_ content: Ext4Content, of tree: Tree) throws(Ext4Error) {
    guard let limit = version.largestFile, content.largestFile > limit else { return }
    let path = InodeNumbering.path(of: content.largestFileNode, in: tree)
    throw .toolCannotCopyLargeFiles(version: version, path: path)
  }
}
