// The images that `make images` makes, and how tests do what only root can: unpack them by another
// implementation, and mount file systems.

import Foundation

/// The directory of the package.
package enum PackageRoot {
  /// Three names up: the file's, `TestKit` and `Tests`.
  package static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
}

/// An image that `make images` makes.
package enum RealImage: String, Sendable, CaseIterable {
  case debian
  case small
  case recompressed = "debian-zstd"

  /// The directory of the layout, whose one tag is `debian`.
  ///
  /// - Throws: What to do where it is not there.
  package var layout: String {
    get throws {
      let path = PackageRoot.path + "/.build/images/" + rawValue
      guard FileManager.default.fileExists(atPath: path + "/oci-layout") else {
        throw ProgramFailure("there is no \(path): run \"make images\" first")
      }
      return path
    }
  }
}

/// Programs that are run as root, by sudo where the tests are not.
package enum AsRoot {
  /// Runs a program that must succeed, and returns what it wrote.
  @discardableResult
  package static func succeed(_ arguments: [String]) throws -> [UInt8] {
    try Program.succeed([PackageRoot.path + "/Packaging/as-root"] + arguments)
  }

  /// For clean-up, whose failure is no failure of the test, but should be seen.
  package static func attempt(_ arguments: [String]) {
    do { try succeed(arguments) } catch { print(error) }
  }
}

/// An image as another implementation unpacks it, for as long as this lives.
package final class UnpackedImage: Sendable {
  package let path: String
  private let directory: TemporaryDirectory

  package convenience init(_ image: RealImage) throws {
    try self.init(layout: try image.layout + ":debian")
  }

  /// Unpacks the image of a layout: `DIR:TAG`.
  package init(layout: String) throws {
    directory = try TemporaryDirectory()
    path = directory.appending("tree")
    try Program.succeed([PackageRoot.path + "/Tests/RealImage/oracle", layout, path])
  }

  deinit { AsRoot.attempt(["rm", "-rf", "--one-file-system", path]) }
}

/// An ext4 file that is mounted by the kernel, read-only, as long as this lives.
package final class LoopMount: Sendable {
  package let path: String
  private let directory: TemporaryDirectory

  package init(_ file: String) throws {
    directory = try TemporaryDirectory()
    path = directory.appending("mount")
    try Program.succeed(["mkdir", path])
    // The loop device goes with the mount.
    try AsRoot.succeed(["mount", "-t", "ext4", "-o", "loop,ro", file, path])
  }

  deinit { AsRoot.attempt(["umount", "-l", path]) }
}
