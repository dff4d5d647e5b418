// A directory for one test, gone when the test is.

import Foundation

/// A new empty directory that removes itself, and all in it, with the last reference to it.
package final class TemporaryDirectory: Sendable {
  /// The absolute path of the directory.
  package let path: String

  /// Makes the directory below the system's place for temporary files.
  package init() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("banger-fs-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: directory,
      withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700]
    )
    path = directory.path
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      print("cannot remove \(path): \(error)")
    }
  }

  /// The path of something in the directory.
  package func appending(_ name: String) -> String {
    path + "/" + name
  }
}
