// umount: takes a mount of ours away, dead or alive.

import ArgumentParser
import FuseServer

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
    let path = try Mountpoint.absolute(mountpoint)
    do {
      if try MountTable.clearDeadMount(at: path) { return }
      try MountTable.unmount(at: path, isLazy: lazy)
    } catch {
      throw CommandFailure(error).of(mountpoint)
    }
  }
}
