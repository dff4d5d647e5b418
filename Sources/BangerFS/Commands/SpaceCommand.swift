// du: what takes the room in an image, by path and by layer, and what of it is wasted.

import ArgumentParser
import FileTree
import ImageStore
import Layers

struct SpaceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "du",
    abstract: "Show what takes the room in an image, and what of it is wasted.",
    discussion: """
      Bytes are the sizes of regular files, a file with several names counted once. What a later \
      layer overwrites or deletes is shadowed: it is pulled and kept, and nobody sees it. The \
      efficiency compares the smallest file at each path with all that layers put there, as dive \
      does.
      """
  )

  @OptionGroup var image: ImageOptions

  @Argument(help: ArgumentHelp("A path in the image.", valueName: "path"))
  var path = "/"

  @Option(help: ArgumentHelp("How many levels of directories to show.", valueName: "levels"))
  var depth = 1

  @Flag(help: "Show the paths of which most bytes are shadowed instead.")
  var wasted = false

  @Flag(help: "Read files of the same size, and show those that have the same content instead.")
  var duplicates = false

  @Option(
    name: .customShort("n"),
    help: ArgumentHelp("How many of the wasted or duplicate files to show.", valueName: "count")
  )
  var count = 20

  @OptionGroup var sizes: ByteCountOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if depth < 0 { throw ValidationError("--depth is at least 0") }
    if count < 1 { throw ValidationError("-n is at least 1") }
  }

  func run() async throws {
    let (resolved, opened) = try await Wiring.open(image)
    let findings = try findings(in: resolved, opened)
    var out = StandardOutput()
    switch output.format {
    case .text:
      let text = SpaceText(findings, sizes)
      var sections: [[String]] = []
      if wasted { sections.append(text.wastedLines) }
      if duplicates { sections.append(text.duplicateLines) }
      if sections.isEmpty { sections = [text.pathLines, text.layerLines + text.summaryLines] }
      for line in sections.joined(separator: [""]) { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(SpaceFacts(findings)).text())
    }
    try out.flush()
  }

  private func findings(
    in resolved: ResolvedImage,
    _ opened: OpenedImage
  ) throws -> SpaceFindings {
    let tree = opened.files.tree
    let node = try tree.find(path, followingLast: true).node
    let start = WalkStep(
      path: tree.canonicalPath(of: Array(path.utf8), followingLast: true),
      node: node
    )
    let found = PathSizes(of: tree, from: node)
    return SpaceFindings(
      start: start,
      sizes: found,
      paths: found.paths(in: tree, path: start.path, depth: depth),
      use: try opened.spaceUse(at: start.path, found, wastedLimit: count),
      layers: SpaceFindings.Layer.all(of: resolved),
      duplicates: duplicates ? try findDuplicates(below: start, in: opened.files) : nil
    )
  }

  private func findDuplicates(
    below start: WalkStep,
    in files: ImageFiles
  ) throws -> SpaceFindings.Duplicates {
    let progress = Progress(image.progress.style)
    defer { progress.close() }
    do {
      let contents = try DuplicateContents(in: files, below: start.node) { total in
        progress.begin(
          ProgressActivity(kind: .compareFiles, title: "comparing files", byteCount: total)
        )
      } progress: {
        progress.advance(by: $0)
      }
      progress.end()
      return SpaceFindings.Duplicates(contents, below: start, in: files.tree, limit: count)
    } catch {
      throw try image.place.remedied(error)
    }
  }
}
