// diff: in what two images differ, or what one layer changed.

import ArgumentParser
import FileTree
import Layers

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Show in what two images differ, or what a layer changed.",
    discussion: """
      diff REF OTHER [PATH] compares two images, diff --layer N REF [PATH] one image before and \
      after a layer. Each name is a line: A added, D removed, or M and in what it differs: type, \
      content and size, target, device, mode, owner, time, xattr (- removed, + added), links (it is \
      one file with other names than before). A symbolic link at the end of PATH is followed. What \
      comes from a layer that both have is not decoded.

      Exit status: 0 nothing differs, 1 something does; errors have the others.
      """
  )

  /// The exit status where something differs, as diff(1) has it.
  static let differing: Int32 = 1

  @OptionGroup var image: ImageOptions

  @Argument(
    help: ArgumentHelp("The image to compare it with; with --layer the path.", valueName: "other")
  )
  var other: String?

  @Argument(
    help: ArgumentHelp("A path in the images: it and all below it are compared.", valueName: "path")
  )
  var path: String?

  @Option(
    help: ArgumentHelp(
      "Show what this layer changed, counted from 0: the tree before it against that with it.",
      valueName: "n"
    )
  )
  var layer: Int?

  @Flag(help: "Print how many names and bytes differ, and not which.")
  var stat = false

  @Flag(
    help: """
      Print also how the texts among the files differ, as diff -u does. Files that are not UTF-8 or \
      larger than 1 MiB count as binary.
      """
  )
  var content = false

  @Flag(help: "Do not compare modification times.")
  var ignoreTimes = false

  @OptionGroup var sizes: ByteCountOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if layer == nil, other == nil {
      throw ValidationError("name another image to compare with, or a layer with --layer")
    }
    if layer != nil, path != nil { throw ValidationError("--layer takes one image and one path") }
    if stat, content { throw ValidationError("--stat contradicts --content") }
  }

  func run() async throws {
    var comparison = try await comparison()
    let isSame =
      switch output.format {
      case .text: try printText(&comparison)
      case .json: try printJSON(&comparison)
      }
    if !isSame { throw ExitCode(Self.differing) }
  }

  private func comparison() async throws -> ImageComparison {
    if let layer {
      let path = other ?? "/"
      return try await .of(image, layer: layer, at: path, ignoringTimes: ignoreTimes)
    }
    var second = image
    second.reference = other ?? image.reference
    second.pinned = nil
    return try await .of(image, second, at: path ?? "/", ignoringTimes: ignoreTimes)
  }

  private func printText(_ comparison: inout ImageComparison) throws -> Bool {
    let (old, new) = (comparison.old.files.tree, comparison.new.files.tree)
    let text = DifferenceText(old: old, new: new)
    var summary = DifferenceSummary()
    var out = StandardOutput()
    while let difference = try comparison.next() {
      summary.add(difference, from: old, to: new)
      if stat { continue }
      try out.line(text.line(difference))
      guard content, let change = try ContentChange(difference, in: comparison) else { continue }
      for line in change.lines { try out.line(line) }
    }
    if stat { for line in summary.lines(sizes) { try out.line(line) } }
    try out.flush()
    return summary.isEmpty
  }

  private func printJSON(_ comparison: inout ImageComparison) throws -> Bool {
    let (old, new) = (comparison.old.files.tree, comparison.new.files.tree)
    var list = JSONList("differences")
    var summary = DifferenceSummary()
    var out = StandardOutput()
    while let difference = try comparison.next() {
      summary.add(difference, from: old, to: new)
      if stat { continue }
      var facts = DifferenceFacts(difference, from: old, to: new)
      if content { facts.add(try ContentChange(difference, in: comparison)) }
      try list.write(facts, to: &out)
    }
    let rest = Summary(summary: summary)
    if stat {
      try out.line(try JSONDocument(rest).text())
    } else {
      try list.end(with: rest, to: &out)
    }
    try out.flush()
    return summary.isEmpty
  }

  private struct Summary: Encodable {
    var summary: DifferenceSummary
  }
}
