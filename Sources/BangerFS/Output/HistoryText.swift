// Why a path is as it is, for people: a line for each layer that had to do with it, and below it a line
// for each thing that the layer did.

import FileTree
import ImageStore
import Layers

struct HistoryText {
  private let history: PathHistory
  private let image: ResolvedImage
  private let opened: OpenedImage

  init(_ history: PathHistory, in image: ResolvedImage, _ opened: OpenedImage) {
    self.history = history
    self.image = image
    self.opened = opened
  }

  var lines: [String] {
    var lines = ["history: " + printable(history.path)]
    var last = ""
    for event in history.events {
      let source = event.layer.map { layer in
        HistorySource(layer, member: event.member?.offset, in: image, opened)
      }
      let layer = event.layer.map { "layer \($0) \(source?.digest ?? "")" }
      let name = source?.addedBy ?? layer ?? "no layer"
      if name != last { lines.append("  " + name) }
      last = name
      lines.append("    " + line(event, hasOffsets: source?.hasOffsets ?? true))
    }
    return lines
  }

  private func line(_ event: PathEvent, hasOffsets: Bool) -> String {
    var text = sentence(event, hasOffsets: hasOffsets)
    for link in event.links {
      text +=
        ", through the symbolic link \(printable(link.path)) -> "
        + "\(EscapedBytes.string(link.target)) of \(layer(link.layer, seenFrom: event))"
    }
    if let member = event.member { text += " (\(name(of: member, hasOffsets: hasOffsets)))" }
    if event.rules.isEmpty { return text }
    return text + " [" + event.rules.map(\.rawValue).joined(separator: ", ") + "]"
  }

  // MARK: What happened

  private func sentence(_ event: PathEvent, hasOffsets: Bool) -> String {
    let parent = event.path == history.path ? nil : "its parent \(printable(event.path))"
    switch event.change {
    case .put(let new):
      if event.rules.contains(.impliedParent) { return "made \(text(new)), for what is in it" }
      return "put \(text(new))" + linked(event, new)
    case .replaced(let old, let new):
      let replaced = "the \(noun(old.kind)) of \(layer(old.layer, seenFrom: event))"
      let whole = "by \(text(new))" + linked(event, new)
      guard let parent else { return "replaced \(replaced) \(whole)" }
      let end = old.kind == .directory ? ": it is gone" : ""
      return "replaced \(parent), \(replaced), \(whole)\(end)"
    case .changedAttributes(let new): return "made it \(text(new)), and kept what is in it"
    case .kept: return "left it as it is"
    case .hidden: return "hid " + (parent ?? "it")
    case .emptied: return "hid what lower layers have in it"
    case .overtaken(let later):
      return "put what counts for nothing after \(name(of: later, hasOffsets: hasOffsets))"
    case .ignored: return ignored(event)
    case .omitted(let count): return "did \(count) things more"
    }
  }

  private func linked(_ event: PathEvent, _ new: PathContent) -> String {
    guard let member = event.member, member.kind == .hardLink else { return "" }
    return ", as a hard link to \(printable(member.target)) of "
      + layer(new.layer, seenFrom: event)
  }

  private func ignored(_ event: PathEvent) -> String {
    if event.rules.contains(.whiteoutOfNothing) { return "hid nothing, since nothing is there" }
    if event.rules.contains(.linkToItself) { return "did nothing by a hard link to itself" }
    return "hid nothing, since what it is in is gone or no directory"
  }

  // MARK: Names

  private func printable(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }

  private func layer(_ number: Int, seenFrom event: PathEvent) -> String {
    if number == event.layer { return "this layer" }
    return HistorySource(number, in: image, opened).addedBy ?? "layer \(number)"
  }

  private func name(of member: EntryName, hasOffsets: Bool) -> String {
    let kind: String
    switch member.kind {
    case .whiteout: kind = "whiteout"
    case .opaque: kind = "opaque mark"
    default: kind = "member"
    }
    let name = "\(kind) \(EscapedBytes.string(member.nameInArchive))"
    return hasOffsets ? name + " at tar byte \(member.offset)" : name
  }

  private func text(_ content: PathContent) -> String {
    let attributes = content.attributes
    let mode = ModeText.octal(attributes.mode)
    let unit = content.byteCount == 1 ? "byte" : "bytes"
    let size = content.kind == .regular ? " of \(content.byteCount) \(unit)" : ""
    return "a \(noun(content.kind))\(size), mode \(mode), owner \(attributes.uid):\(attributes.gid)"
  }

  private func noun(_ kind: NodeKind) -> String {
    kind == .regular ? "file" : FileFacts.name(of: kind).replacing("-", with: " ")
  }
}
