// stat: everything that is known of one file of an image.

import ArgumentParser
import FileTree
import FlatArrays
import ImageStore
import Layers
import OCISpec

struct StatCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Show what is known of a file, and which layer put it."
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Argument(help: ArgumentHelp("A path in the image.", valueName: "path"))
  var path: String

  @Flag(name: [.customShort("L"), .long], help: "Follow a symbolic link at the end of the path.")
  var dereference = false

  @Flag(
    help: """
      Tell what each layer did to the path, base first, and by which rule of docs/SEMANTICS.md; \
      also of a path that is gone.
      """
  )
  var explain = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if explain, layers.alone != nil {
      throw ValidationError("--explain tells of all layers, --layer shows one alone")
    }
  }

  func run() async throws {
    let (resolved, opened) = try await Wiring.open(source)
    let tree = opened.files.tree
    let history =
      explain ? try opened.history(ofAsked: path, followingLast: dereference) : nil
    let step: WalkStep
    do throws(CommandFailure) {
      step = try tree.find(path, followingLast: dereference)
    } catch {
      if let history { try tell(history, of: resolved, opened) }
      throw error
    }
    let origin = Origin(of: tree[step.node], in: resolved, opened)
    var out = StandardOutput()
    switch output.format {
    case .text:
      for line in lines(step, origin, in: tree) { try out.line(line) }
      if let history {
        for line in HistoryText(history, in: resolved, opened).lines { try out.line(line) }
      }
    case .json:
      let facts = Facts(
        file: FileFacts(step, in: tree),
        origin: origin,
        xattrs: tree.extendedAttributes(of: tree[step.node]).map(Attribute.init),
        history: history.map { HistoryFacts($0, in: resolved, opened) }
      )
      try out.line(try JSONDocument(facts).text())
    }
    try out.flush()
  }

  // MARK: Why

  /// Prints the history of a path that is not there, if it has one.
  private func tell(
    _ history: PathHistory,
    of resolved: ResolvedImage,
    _ opened: OpenedImage
  ) throws {
    if history.events.isEmpty { return }
    var out = StandardOutput()
    switch output.format {
    case .text:
      for line in HistoryText(history, in: resolved, opened).lines { try out.line(line) }
    case .json:
      let facts = Gone(history: HistoryFacts(history, in: resolved, opened))
      try out.line(try JSONDocument(facts).text())
    }
    try out.flush()
  }

  private struct Gone: Encodable {
    var history: HistoryFacts
  }

  // MARK: What

  private func lines(_ step: WalkStep, _ origin: Origin, in tree: Tree) -> [String] {
    let node = tree[step.node]
    var lines = [
      "path: /" + EscapedBytes.string(step.path),
      "type: " + FileFacts.name(of: node.kind),
      "mode: \(ModeText.string(node)) (\(ModeText.octal(node.mode)))",
      "owner: \(node.uid):\(node.gid)",
      "size: \(node.kind == .regular || node.kind == .symbolicLink ? node.size : 0)",
      "links: \(node.linkCount)",
      "inode: \(step.node.inodeNumber)",
      "modified: \(TimeText.string(node)) UTC, \(node.nanoseconds) ns",
    ]
    if node.kind == .symbolicLink {
      lines.append("target: " + EscapedBytes.string(tree.target(of: node).array))
    }
    if node.kind == .characterDevice || node.kind == .blockDevice {
      lines.append("device: \(node.deviceMajor):\(node.deviceMinor)")
    }
    for attribute in tree.extendedAttributes(of: node) {
      let name = EscapedBytes.string(attribute.name.array)
      lines.append("xattr: \(name)=\(EscapedBytes.string(attribute.value.array))")
    }
    return lines + origin.lines
  }

  /// Everything in one flat object.
  private struct Facts: Encodable {
    var file: FileFacts
    var origin: Origin
    var xattrs: [Attribute]
    var history: HistoryFacts?

    private enum Keys: String, CodingKey {
      case origin, xattrs, history
    }

    func encode(to encoder: any Encoder) throws {
      try file.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(origin, forKey: .origin)
      try container.encode(xattrs, forKey: .xattrs)
      try container.encodeIfPresent(history, forKey: .history)
    }
  }
}
