// What the layers did to a path, as a table for people: a line for each change. Which rules decided it:
// HistoryText.

import FileTree
import ImageStore
import Layers
import OCISpec
import Offsets

struct ChangesTable {
  private let history: PathHistory
  private let image: ResolvedImage
  private let opened: OpenedImage
  private let commands: [ImageConfiguration.HistoryEntry]

  init(_ history: PathHistory, in image: ResolvedImage, _ opened: OpenedImage) {
    self.history = history
    self.image = image
    self.opened = opened
    commands = image.configuration.historyByLayer() ?? []
  }

  var lines: [String] {
    var table = Table([
      ("LAYER", .right), ("DIGEST", .left), ("CHANGE", .left), ("OFFSET", .right),
      ("WHAT", .left), ("MEMBER", .left), ("CREATED BY", .left),
    ])
    for event in history.events { table.add(cells(event)) }
    return table.lines(fitting: OutputTerminal.width)
  }

  private func cells(_ event: PathEvent) -> [String] {
    let digest = event.layer.flatMap {
      HistorySource($0, member: event.member?.offset, in: image, opened).digest
    }
    let creator = event.layer.flatMap { commands.indices.contains($0) ? commands[$0] : nil }
    return [
      event.layer.map { "\($0)" } ?? "-",
      digest.map { String($0.prefix(19)) } ?? "-",
      change(event),
      event.member.map { "\($0.offset.bytes)" } ?? "-",
      what(event.change),
      event.member.map(member) ?? "-",
      EscapedBytes.string((creator?.createdBy ?? "-").utf8.prefix(40)),
    ]
  }

  /// The change; of a directory above also which.
  private func change(_ event: PathEvent) -> String {
    let isLink = event.member?.kind == .hardLink
    let verb =
      switch event.change {
      case .put where isLink: "linked"
      case .replaced where isLink: "replaced by link"
      default: event.change.code
      }
    if event.path == history.path { return verb }
    return "/\(EscapedBytes.string(event.path)) \(verb)"
  }

  private func what(_ change: PathChange) -> String {
    switch change {
    case .put(let new), .changedAttributes(let new), .kept(let new): text(new)
    case .replaced(let old, let new): "\(text(new)) for \(text(old))"
    case .omitted(let count): "\(count) changes more"
    case .hidden, .emptied, .overtaken, .ignored: "-"
    }
  }

  private func text(_ content: PathContent) -> String {
    let attributes = content.attributes
    let size = content.kind == .regular ? " \(content.byteCount)" : ""
    let name = FileFacts.name(of: content.kind)
    return "\(name) \(ModeText.octal(attributes.mode)) \(attributes.uid):\(attributes.gid)\(size)"
  }

  private func member(_ member: EntryName) -> String {
    let name = EscapedBytes.string(member.nameInArchive)
    return member.target.isEmpty ? name : name + " -> " + EscapedBytes.string(member.target)
  }
}
