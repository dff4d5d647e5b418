// mounts: which mounts of ours there are, and which of their reads failed.

import ArgumentParser
import FileTree
import Foundation
import FuseServer

struct MountsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mounts",
    abstract: "List the mounts of this program, of all users."
  )

  @Flag(
    name: [.customShort("v"), .long],
    help: "Tell which reads failed, and why; only its mounter may ask a mount."
  )
  var verbose = false

  @OptionGroup var output: OutputOptions

  func run() throws {
    let mounts = try MountTable.current().ownMounts
    let states = MountState.all(of: mounts)
    let rows = zip(zip(mounts, states), failedReads(of: mounts, states))
      .map { Row(mount: $0.0, state: $0.1, failedReads: $1) }
    var out = StandardOutput()
    switch output.format {
    case .text:
      if rows.isEmpty { return }
      for line in Self.lines(rows) { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Document(mounts: rows.map(Facts.init))).text())
    }
    try out.flush()
  }

  /// Asks those that answer, if anybody wants to know; `nil` for the others.
  private func failedReads(
    of mounts: [MountTable.Mount],
    _ states: [MountState]
  ) -> [FailedReadsAnswer?] {
    var answers = [FailedReadsAnswer?](repeating: nil, count: mounts.count)
    if !verbose { return answers }
    let alive = mounts.indices.filter { states[$0] == .alive }
    let told = MountQuestion.ask(alive.map { mounts[$0] }) { FailedReadsAnswer(asking: $0) }
    for (index, answer) in zip(alive, told) {
      answers[index] = answer ?? .refused("no answer")
    }
    return answers
  }

  private struct Row {
    let mount: MountTable.Mount
    let state: MountState
    let failedReads: FailedReadsAnswer?
  }

  // MARK: Text

  private static func lines(_ rows: [Row]) -> [String] {
    var table = Table([("MOUNTPOINT", .left), ("STATE", .left), ("IMAGE", .left)])
    for row in rows {
      let (place, image) = (row.mount.mountpoint, row.mount.source)
      table.add([EscapedBytes.string(place), row.state.rawValue, EscapedBytes.string(image)])
    }
    return table.lines + rows.flatMap(failureLines)
  }

  /// What there is to tell of a mount's failed reads, below a line with the mount.
  private static func failureLines(_ row: Row) -> [String] {
    let place = EscapedBytes.string(row.mount.mountpoint)
    switch row.failedReads {
    case nil: return []
    case .refused(let reason):
      return ["", "\(place): failed reads are not known: \(TerminalText.line(reason))"]
    case .told(let reads):
      if reads.count == 0 { return [] }
      let head = "\(place): \(Self.count(reads.count, "failed read"))"
      return ["", head] + reads.files.map { "  " + line($0) }
    }
  }

  private static func line(_ file: FailedReads.File) -> String {
    let path = file.pathBase64.flatMap { Data(base64Encoded: $0) }.map(Array.init)
    let source = file.layer.map { ", layer \($0)" } ?? file.addedBy.map { ", \($0)" } ?? ""
    let times = file.count == 1 ? "" : ", \(count(file.count, "time"))"
    return "/\(EscapedBytes.string(path ?? Array(file.path.utf8)))"
      + TerminalText.line(
        " at byte \(file.offset)\(source)\(times), last \(file.lastTime): \(file.message)"
      )
  }

  private static func count(_ count: UInt64, _ what: String) -> String {
    "\(count) \(what)\(count == 1 ? "" : "s")"
  }

  // MARK: JSON

  private struct Document: Encodable {
    var mounts: [Facts]
  }

  private struct Facts: Encodable {
    var mountpoint: String
    var mountpointBase64: String?
    var state: MountState
    var image: String
    var imageBase64: String?
    var failedReads: FailedReads?
    var failedReadsUnknown: String?

    init(_ row: Row) {
      let place = JSONBytes(row.mount.mountpoint)
      let source = JSONBytes(row.mount.source)
      mountpoint = place.text
      mountpointBase64 = place.base64
      state = row.state
      image = source.text
      imageBase64 = source.base64
      switch row.failedReads {
      case .told(let reads): failedReads = reads
      case .refused(let reason): failedReadsUnknown = reason
      case nil: break
      }
    }
  }
}
