// size: what an image needs as an ext4 file system, counted without making one.

import ArgumentParser
import Ext4Image
import FileTree
import ImageStore
import Layers
import OCISpec

struct SizeCommand: AsyncParsableCommand, TreeCommand {
  static let configuration = CommandConfiguration(
    commandName: "size",
    abstract: "Show how large an image's file system becomes, and what takes the room.",
    discussion: """
      Takes the options of materialize, and says beforehand what it will make: blocks and inodes are \
      counted, not guessed. A --size that is too small is refused with the smallest that will do.
      """
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var size: SizeOptions
  @OptionGroup var fileSystem: FileSystemOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let options = try fileSystem.ext4Options(size.ext4Size)
    try options.check()
    let tools = try await E2fsTools.find()
    let (resolved, opened) = try await Wiring.open(source)
    let tree = opened.files.tree
    let content = try Ext4Content(of: tree, numbering: try InodeNumbering(of: tree))
    let geometry = try Ext4Geometry(for: content, options: options, version: tools.version)
    let facts = SizeFacts(geometry.breakdown, image: resolved.digest)
    var out = StandardOutput()
    switch output.format {
    case .text: for line in facts.lines { try out.line(line) }
    case .json: try out.line(try JSONDocument(facts).text())
    }
    try out.flush()
  }
}
