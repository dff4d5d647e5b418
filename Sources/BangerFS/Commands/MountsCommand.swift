// mounts: which mounts of ours there are.

import ArgumentParser
import Dispatch
import FileTree
import Foundation
import FuseServer
import Synchronization

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

/// How a mount's server is.
enum MountState: String, Encodable {
  case alive
  /// Gone.
  case dead
  /// There, but without an answer: stopped, or busy for too long.
  case silent

  /// A server that is well answers within microseconds.
  private static let patience = DispatchTimeInterval.seconds(2)

  /// The states of all mounts, asked for side by side, so that one that is silent does not hide the
  /// others.
  static func all(of mounts: [MountTable.Mount]) -> [MountState] {
    let states = Mutex([MountState](repeating: .silent, count: mounts.count))
    let isAnswered = DispatchGroup()
    for (index, mount) in mounts.enumerated() {
      isAnswered.enter()
      // A thread of its own for each: those that wait are left behind when the program ends.
      Thread.detachNewThread {
        let state: MountState = mount.isDead ? .dead : .alive
        states.withLock { $0[index] = state }
        isAnswered.leave()
      }
    }
    _ = isAnswered.wait(timeout: .now() + patience)
    return states.withLock { $0 }
  }
}
