// umount: takes a mount of ours away, dead or alive.

import ArgumentParser
import FuseServer
import Glibc

struct UnmountCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "umount",
    abstract: "Unmount, also where the process that served the mount is gone."
  )

  @Argument(help: ArgumentHelp("Where the image is mounted.", valueName: "mountpoint"))
  var mountpoint: String

  @Flag(
    name: .shortAndLong,
    help: "Hide the mount at once, and let it go when nobody uses it any more."
  )
  var lazy = false

  func run() throws {
    let path = try Mountpoint.absolute(mountpoint, orElse: .notFound)
    do throws(FuseError) {
      try Self.unmount(path, isLazy: lazy)
    } catch {
      throw CommandFailure(error, at: mountpoint)
    }
  }

  /// Whoever looks at the mount table in passing keeps a mount busy for an instant.
  private static let attempts = 10
  private static let pauseMicroseconds: UInt32 = 50_000

  private static func unmount(_ path: [UInt8], isLazy: Bool) throws(FuseError) {
    do throws(FuseError) {
      try unmountPatiently(path, isLazy: isLazy)
    } catch {
      // A dead mount goes, whoever is still in it.
      guard let mount = try MountTable.current().mount(at: path), mount.isOurs,
        MountState.of(mount) == .dead, try MountTable.clearDeadMount(at: path)
      else { throw error }
    }
  }

  private static func unmountPatiently(_ path: [UInt8], isLazy: Bool) throws(FuseError) {
    for _ in 1..<attempts {
      do throws(FuseError) {
        return try MountTable.unmount(at: path, isLazy: isLazy)
      } catch {
        guard case .unmountRefused(let cause) = error, cause.rawValue == EBUSY else { throw error }
        usleep(pauseMicroseconds)
      }
    }
    try MountTable.unmount(at: path, isLazy: isLazy)
  }
}
