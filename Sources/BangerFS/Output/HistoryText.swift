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
    var last: String?
    for event in history.events {
      let source = HistorySource(event.layer, member: event.member?.offset, in: image, opened)
      let name = source.addedBy ?? "layer \(event.layer) \(source.digest ?? "")"
      if name != last { lines.append("  " + name) }
      last = name
      lines.append("    " + line(event, hasOffsets: source.hasOffsets))
    }
    return lines
  }

  private func line(_ event: PathEvent, hasOffsets: Bool) -> String {
    var text = sentence(event)
    if case .overtaken(let later) = event.change {
      text += place(of: later, hasOffsets: hasOffsets)
    }
    for link in event.links {
      text +=
        ", through the symbolic link \(printable(link.path)) -> "
        + "\(EscapedBytes.string(link.target)) of \(layer(link.layer, seenFrom: event))"
    }
    if let member = event.member {
      text +=
        " (\(name(of: member.kind)) \(EscapedBytes.string(member.nameInArchive))"
        + "\(place(of: member, hasOffsets: hasOffsets)))"
    }
    if event.rules.isEmpty { return text }
    return text + " [" + event.rules.map(\.rawValue).joined(separator: ", ") + "]"
  }

  private func place(of member: EntryName, hasOffsets: Bool) -> String {
    hasOffsets ? " at tar byte \(member.offset)" : ""
  }

  // MARK: What happened

  private func sentence(_ event: PathEvent) -> String {
    let isParent = event.path != history.path
    let subject = isParent ? printable(event.path) : "it"
    switch event.change {
    case .put(let new):
      if event.member == nil { return "nothing describes it: \(text(new))" }
      if new.member == nil { return "made as a parent: \(text(new))" }
      return "put" + linked(event, new) + ": " + text(new)
    case .replaced(let old, let new):
      let what = "\(name(of: old.kind)) of \(layer(old.layer, seenFrom: event))"
      let whole = isParent && old.kind == .directory ? ", and it with that" : ""
      let where_ = isParent ? " " + printable(event.path) + "," : ""
      let made = new.member == nil ? ", as a parent" : linked(event, new)
      return "replaced\(where_) the \(what)\(whole)\(made): \(text(new))"
    case .changedAttributes(let new):
      return "changed its attributes, kept what is in it: \(text(new))"
    case .kept(let old): return "left it as it is: \(text(old))"
    case .hidden: return isParent ? "hid it with \(subject)" : "hid it"
    case .emptied: return "hid what lower layers have in it"
    case .overtaken: return "put what a later member of the layer replaces"
    case .ignored: return ignored(event)
    case .omitted(let count): return "did \(count) things more"
    }
  }

  private func linked(_ event: PathEvent, _ new: PathContent) -> String {
    guard let member = event.member, member.kind == .hardLink else { return "" }
    return " as a hard link to \(printable(member.target)) of \(layer(new.layer, seenFrom: event))"
  }

  private func ignored(_ event: PathEvent) -> String {
    if event.rules.contains(.whiteoutOfNothing) { return "hid nothing: nothing is there" }
    if event.rules.contains(.linkToItself) { return "did nothing: a hard link to itself" }
    return "hid nothing: what it is in is gone or no directory"
  }

  // MARK: Names

  private func printable(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }

  private func layer(_ number: Int, seenFrom event: PathEvent) -> String {
    if number == event.layer { return "this layer" }
    let source = HistorySource(number, member: nil, in: image, opened)
    return source.addedBy ?? "layer \(number)"
  }

  private func text(_ content: PathContent) -> String {
    let attributes = content.attributes
    let mode = "0" + String(attributes.mode, radix: 8)
    let size = content.kind == .regular ? ", \(content.byteCount) bytes" : ""
    return
      "\(name(of: content.kind)), mode \(mode), owner \(attributes.uid):\(attributes.gid)\(size)"
  }

  private func name(of kind: NodeKind) -> String {
    FileFacts.name(of: kind).replacing("-", with: " ")
  }

  private func name(of kind: EntryKind) -> String { kind.code.replacing("-", with: " ") }
}
