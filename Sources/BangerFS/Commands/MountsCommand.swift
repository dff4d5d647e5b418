// mounts: which mounts of ours there are.

import ArgumentParser
import FileTree
import FuseServer

struct MountsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mounts",
    abstract: "List the mounts of this program, of all users."
  )

  @OptionGroup var output: OutputOptions

  func run() throws {
    let mounts = try MountTable.current().ownMounts.map(Facts.init)
    var out = StandardOutput()
    switch output.format {
    case .text:
      if mounts.isEmpty { return }
      var table = Table([("MOUNTPOINT", .left), ("STATE", .left), ("IMAGE", .left)])
      for mount in mounts { table.add([mount.mountpoint, mount.state, mount.image]) }
      for line in table.lines { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Document(mounts: mounts)).text())
    }
    try out.flush()
  }

  private struct Document: Encodable {
    var mounts: [Facts]
  }

  private struct Facts: Encodable {
    var mountpoint: String
    /// `alive` or `dead`.
    var state: String
    var image: String

    init(_ mount: MountTable.Mount) {
      mountpoint = EscapedBytes.string(mount.mountpoint)
      state = mount.isDead ? "dead" : "alive"
      image = EscapedBytes.string(mount.source)
    }
  }
}
