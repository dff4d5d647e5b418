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
    let mounts = try MountTable.current().ownMounts
    let states = MountState.all(of: mounts)
    let facts = zip(mounts, states).map { Facts($0, $1) }
    var out = StandardOutput()
    switch output.format {
    case .text:
      if facts.isEmpty { return }
      var table = Table([("MOUNTPOINT", .left), ("STATE", .left), ("IMAGE", .left)])
      for mount in facts { table.add([mount.mountpoint, mount.state.rawValue, mount.image]) }
      for line in table.lines { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Document(mounts: facts)).text())
    }
    try out.flush()
  }

  private struct Document: Encodable {
    var mounts: [Facts]
  }

  private struct Facts: Encodable {
    var mountpoint: String
    var state: MountState
    var image: String

    init(_ mount: MountTable.Mount, _ state: MountState) {
      mountpoint = EscapedBytes.string(mount.mountpoint)
      self.state = state
      image = EscapedBytes.string(mount.source)
    }
  }
}
