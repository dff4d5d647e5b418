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
    var out = StandardOutput()
    switch output.format {
    case .text:
      if mounts.isEmpty { return }
      var table = Table([("MOUNTPOINT", .left), ("STATE", .left), ("IMAGE", .left)])
      for (mount, state) in zip(mounts, states) {
        let (place, image) = (mount.mountpoint, mount.source)
        table.add([EscapedBytes.string(place), state.rawValue, EscapedBytes.string(image)])
      }
      for line in table.lines { try out.line(line) }
    case .json:
      let facts = zip(mounts, states).map { Facts($0, $1) }
      try out.line(try JSONDocument(Document(mounts: facts)).text())
    }
    try out.flush()
  }

  private struct Document: Encodable {
    var mounts: [Facts]
  }

  private struct Facts: Encodable {
    var mountpoint: String
    var mountpointBase64: String?
    var state: MountState
    var image: String
    var imageBase64: String?

    init(_ mount: MountTable.Mount, _ state: MountState) {
      let place = JSONBytes(mount.mountpoint)
      let source = JSONBytes(mount.source)
      mountpoint = place.text
      mountpointBase64 = place.base64
      self.state = state
      image = source.text
      imageBase64 = source.base64
    }
  }
}
