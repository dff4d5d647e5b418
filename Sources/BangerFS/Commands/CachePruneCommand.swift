// cache prune: makes room.

import ArgumentParser
import FileTree
import ImageStore
import OCISpec

struct CachePruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Remove what is not needed from the cache.",
    discussion: """
      Without options: blobs that no image needs and downloads that nobody continues. What a mount or \
      a running command uses always stays.
      """
  )

  @Flag(help: "Remove all images too, and everything that can be made again.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Remove images and file systems not used for so long: 90s, 45m, 12h, 30d, 8w.",
      valueName: "age"
    )
  )
  var olderThan: DurationArgument?

  @Option(
    help: ArgumentHelp(
      "Remove file systems, then images, by their last use, until the rest fits: 500M, 10G.",
      valueName: "size"
    )
  )
  var maxSize: ByteCountArgument?

  @Flag(help: "Only say what would be removed.")
  var dryRun = false

  @OptionGroup var cache: CacheOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if all, olderThan != nil || maxSize != nil {
      throw ValidationError("--all goes without --older-than and --max-size")
    }
  }

  func run() throws {
    var policy = PrunePolicy()
    policy.removesEverything = all
    policy.longestUnusedSeconds = olderThan?.seconds
    policy.byteLimit = maxSize?.byteCount
    policy.isDryRun = dryRun
    let report = try ImageCache(Wiring.cache(cache)).prune(policy)
    var out = StandardOutput()
    switch output.format {
    case .text: for line in lines(report) { try out.line(line) }
    case .json: try out.line(try JSONDocument(Facts(report, isDryRun: dryRun)).text())
    }
    try out.flush()
  }

  private func lines(_ report: PruneReport) -> [String] {
    let verb = dryRun ? "would remove" : "removed"
    let amounts = [
      ("blob", report.blobs), ("partial download", report.partials),
      (Self.derived, report.derivedFiles), ("kept file system", report.results),
    ]
    let freed = amounts.reduce(UInt64(0)) { $0.addingSaturated($1.1.allocatedByteCount) }
    return report.images.map { "\(verb) \(Self.name($0))" }
      + report.imagesInUse.map { "in use: \(Self.name($0))" }
      + amounts.filter { $0.1.count > 0 }.map { noun, amount in
        "\(verb) \(Self.counted(amount.count, noun)), \(ByteCount.text(amount.byteCount))"
      }
      + ["\(dryRun ? "would free" : "freed") \(ByteCount.text(freed))"]
  }

  private static let derived = "index, copy or tree"

  private static func counted(_ count: Int, _ noun: String) -> String {
    noun == derived
      ? "\(count) \(count == 1 ? derived : "indexes, copies and trees") of layers"
      : ProgressText.counted(count, noun)
  }

  private static func name(_ image: PruneReport.Image) -> String {
    guard let name = image.name else { return image.digest.description }
    return "\(EscapedBytes.string(name.utf8)) (\(image.digest))"
  }

  private struct Facts: Encodable {
    var isDryRun: Bool
    var images: [Image]
    var imagesInUse: [Image]
    var blobs: AmountFacts
    var partials: AmountFacts
    var derivedFiles: AmountFacts
    var results: AmountFacts
    var blobsInUse: [String]

    struct Image: Encodable {
      var name: String?
      var digest: String

      init(_ image: PruneReport.Image) {
        name = image.name.map { EscapedBytes.string($0.utf8) }
        digest = image.digest.description
      }
    }

    init(_ report: PruneReport, isDryRun: Bool) {
      self.isDryRun = isDryRun
      images = report.images.map(Image.init)
      imagesInUse = report.imagesInUse.map(Image.init)
      blobs = AmountFacts(report.blobs)
      partials = AmountFacts(report.partials)
      derivedFiles = AmountFacts(report.derivedFiles)
      results = AmountFacts(report.results)
      blobsInUse = report.blobsInUse.map(\.description)
    }
  }
}
