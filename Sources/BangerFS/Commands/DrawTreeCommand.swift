// tree: a directory of an image with all that is below it, drawn.

import ArgumentParser
import FileTree
import Layers

struct DrawTreeCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "tree",
    abstract: "Draw a directory of an image with all that is below it.",
    discussion: "For programs ls -R --format json says the same and more."
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Argument(help: ArgumentHelp("A path in the image.", valueName: "path"))
  var path = "/"

  @Option(
    name: [.customShort("L"), .customLong("depth")],
    help: ArgumentHelp("How many levels to draw.", valueName: "count")
  )
  var depth: Int?

  @Flag(name: [.customShort("d"), .customLong("directories")], help: "Draw directories alone.")
  var directories = false

  func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth is at least 1") }
  }

  func run() async throws {
    let tree = try await Wiring.open(source).opened.files.tree
    let start = try tree.find(path, followingLast: true)
    guard tree[start.node].kind == .directory else {
      throw CommandFailure(
        .notFound,
        "\(EscapedBytes.string(path.utf8)): not a directory but a "
          + FileFacts.name(of: tree[start.node].kind)
      )
    }
    var out = StandardOutput()
    var drawing = TreeDrawing(
      of: tree,
      depth: depth ?? .max,
      showsDirectoriesAlone: directories
    )
    try drawing.draw(start) { line throws(CommandFailure) in try out.line(line) }
    try out.line("")
    try out.line(drawing.summary)
    try out.flush()
  }
}
