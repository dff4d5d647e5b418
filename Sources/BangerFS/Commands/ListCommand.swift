// ls: what is in a directory of an image.

import ArgumentParser
import FileTree
import FlatArrays
import Layers

struct ListCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List a directory of an image, without mounting it."
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Argument(help: ArgumentHelp("A path in the image.", valueName: "path"))
  var path = "/"

  @Flag(name: .shortAndLong, help: "One line of details for each file.")
  var long = false

  @Flag(
    name: [.customShort("R"), .long],
    help: "Everything below the directory too, with whole paths."
  )
  var recursive = false

  @Flag(
    name: [.customShort("0"), .customLong("null")],
    help: "Names alone, their bytes as they are, each ended by a NUL byte: for xargs -0."
  )
  var endsWithNull = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if !endsWithNull { return }
    if long { throw ValidationError("-0 prints names alone, -l details") }
    if output.format == .json { throw ValidationError("-0 contradicts --format json") }
  }

  func run() async throws {
    let tree = try await Wiring.open(source).opened.files.tree
    let steps = try selected(in: tree)
    var out = StandardOutput()
    switch output.format {
    case .text where endsWithNull:
      for step in steps { try writeName(step, to: &out) }
    case .text:
      for line in lines(steps, in: tree) { try out.line(line) }
    case .json:
      let entries = steps.map { FileFacts($0, in: tree) }
      try out.line(try JSONDocument(Listing(entries: entries)).text())
    }
    try out.flush()
  }

  private struct Listing: Encodable {
    var entries: [FileFacts]
  }

  /// The names to print: a file itself, a directory's children, or all below it.
  private func selected(in tree: Tree) throws -> [WalkStep] {
    let start = try tree.find(path, followingLast: !long)
    let directory = tree[start.node]
    guard directory.kind == .directory else { return [start] }
    if recursive { return Array(tree.walk(from: start.node, prefix: start.path)) }
    return tree.children(of: directory).map { child in
      WalkStep(path: tree.name(of: child).array, node: child.node)
    }
  }

  /// A whole path begins with a slash, a name in the directory does not.
  private func writeName(_ step: WalkStep, to out: inout StandardOutput) throws {
    let name = (recursive ? [UInt8(ascii: "/")] : []) + step.path + [0]
    try name.withUnsafeBytes { try out.append($0) }
  }

  private func lines(_ steps: [WalkStep], in tree: Tree) -> [String] {
    let names = steps.map { step in
      let name = (recursive ? "/" : "") + EscapedBytes.string(step.path)
      return TextColor(of: tree[step.node])?.paint(name) ?? name
    }
    guard long else { return names }
    let details = steps.map { LongFormat(of: tree[$0.node], in: tree) }
    return LongFormat.align(details, names: names)
  }
}
