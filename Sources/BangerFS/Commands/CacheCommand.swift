// cache: what the cache takes, whether it is right, and what can go.

import ArgumentParser
import FileTree
import ImageStore
import OCISpec

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Look after the cache.",
    discussion: """
      The cache is an OCI image layout: skopeo and umoci can read it, and put images into it. All of \
      it may be deleted at any time; what is missing is fetched and made again.
      """,
    subcommands: [
      CacheUsageCommand.self, CacheVerifyCommand.self, CachePruneCommand.self,
      CacheRemoveCommand.self,
    ]
  )
}

struct CacheUsageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "df",
    abstract: "Show what the cache takes."
  )

  @OptionGroup var cache: CacheOptions
  @OptionGroup var sizes: ByteCountOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let directory = try Wiring.cache(cache)
    let usage = try ImageCache(directory).usage()
    var out = StandardOutput()
    switch output.format {
    case .text: for line in table(usage) { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Facts(path: "\(directory.path)", usage)).text())
    }
    try out.flush()
  }

  private func table(_ usage: CacheUsage) -> [String] {
    var table = Table([
      ("WHAT", .left), ("COUNT", .right), ("SIZE", .right), ("ON DISK", .right),
    ])
    table.add(["images", "\(usage.imageCount)", "", ""])
    let rows = [
      ("blobs", usage.blobs), ("of them needed by no image", usage.unreferencedBlobs),
      ("partial downloads", usage.partials), ("layer indexes", usage.indexes),
      ("seekable copies", usage.copies), ("merged trees", usage.trees),
      ("records of archives", usage.archives),
      ("kept file systems", usage.results),
    ]
    for (title, amount) in rows {
      table.add([
        title, "\(amount.count)", sizes.text(amount.byteCount),
        sizes.text(amount.allocatedByteCount),
      ])
    }
    return table.lines
  }

  private struct Facts: Encodable {
    var path: String
    var images: Int
    var blobs: AmountFacts
    var unreferencedBlobs: AmountFacts
    var partials: AmountFacts
    var indexes: AmountFacts
    var copies: AmountFacts
    var trees: AmountFacts
    var archives: AmountFacts
    var results: AmountFacts

    init(path: String, _ usage: CacheUsage) {
      self.path = JSONBytes(Array(path.utf8)).text
      images = usage.imageCount
      blobs = AmountFacts(usage.blobs)
      unreferencedBlobs = AmountFacts(usage.unreferencedBlobs)
      partials = AmountFacts(usage.partials)
      indexes = AmountFacts(usage.indexes)
      copies = AmountFacts(usage.copies)
      trees = AmountFacts(usage.trees)
      archives = AmountFacts(usage.archives)
      results = AmountFacts(usage.results)
    }
  }
}

/// A number of files for JSON.
struct AmountFacts: Encodable {
  var count: Int
  var bytes: UInt64
  var allocatedBytes: UInt64

  init(_ amount: StorageAmount) {
    count = amount.count
    bytes = amount.byteCount
    allocatedBytes = amount.allocatedByteCount
  }
}

struct CacheRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Take names out of the cache.",
    discussion: """
      The names are gone at once, for all platforms; the space is made free by cache prune, as soon \
      as nobody uses the image any more.
      """
  )

  @Argument(
    help: ArgumentHelp("Images, as images shows them or as pull takes them.", valueName: "ref")
  )
  var references: [String]

  @OptionGroup var cache: CacheOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let cache = try ImageCache(Wiring.cache(cache))
    var removed: [String] = []
    var missing: [String] = []
    for reference in references {
      if let name = try names(reference).first(where: { try cache.remove($0) }) {
        removed.append(EscapedBytes.string(name.utf8))
      } else {
        missing.append(reference)
      }
    }
    if !removed.isEmpty { try show(removed) }
    guard missing.isEmpty else {
      throw CommandFailure(
        .notFound,
        "\(missing.joined(separator: ", ")): not in the cache",
        hint: "banger-fs images lists what is there"
      )
    }
  }

  private func show(_ removed: [String]) throws {
    var out = StandardOutput()
    switch output.format {
    case .text: for name in removed { try out.line(name) }
    case .json: try out.line(try JSONDocument(Facts(removed: removed)).text())
    }
    try out.flush()
  }

  private struct Facts: Encodable {
    var removed: [String]
  }

  /// The name as it stands there, whoever put it there; else what pull makes of it.
  private func names(_ text: String) throws -> [String] {
    guard case .success(let reference) = Result(catching: { try Reference(text) }),
      case .registry(let reference) = reference
    else { return [text] }
    return [text] + (try ImageProvider.names(for: reference).map(\.text))
  }
}
