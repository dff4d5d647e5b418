// dump: the whole tree as text, the form in which trees are compared. docs/FORMATS.md describes it.

import ArgumentParser
import FileTree
import ImageStore
import Layers
import OCISpec

struct DumpCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Print every name of an image with all its attributes, one line each."
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Flag(help: "Leave out the digests of the files' contents, so that nothing is decoded.")
  var noContent = false

  func run() async throws {
    let files = try await Wiring.open(source).opened.files
    let rows = try files.tree.dumpRows { id in
      if noContent { return nil }
      var hasher = DigestHasher(.sha256)
      try FileBytes.forEach(of: files.tree[id], in: files) { hasher.update($0) }
      return hasher.finalize().hex
    }
    var out = StandardOutput()
    for row in rows { try out.line(row.line) }
    try out.flush()
  }
}
