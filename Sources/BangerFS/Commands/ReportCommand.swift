// report: a page about an image, for people who would rather look than read.

import ArgumentParser
import Ext4Image
import FileTree
import ImageStore
import Layers

struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a page about an image: layers, a map of sizes, wasted space, history.",
    discussion: """
      The page is one HTML file that needs nothing else, and no network. It shows what du and layers \
      tell: a map of all directories, coloured by layer, to look around in; the paths that waste \
      most, the largest files, and how the image was made.
      """
  )

  @OptionGroup var image: ImageOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The file to write; - is standard output.", valueName: "file")
  )
  var output: String

  func run() async throws {
    // Out of the way before a layer is read, which may take long.
    let place = output == "-" ? nil : try OutputPlace(checking: output)
    let (resolved, opened) = try await Wiring.open(image)
    let page = ReportPage(try ReportFindings(of: resolved, opened))
    let html = try page.html()
    guard let place else {
      var out = StandardOutput()
      try out.write(html)
      try out.flush()
      return
    }
    try WholeFile.write(Array(html.utf8), at: place.path)
  }
}
