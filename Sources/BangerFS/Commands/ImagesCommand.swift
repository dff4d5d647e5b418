// images: what is in the cache, by name.

import ArgumentParser
import FileTree
import Foundation
import ImageStore
import OCISpec

struct ImagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images",
    abstract: "List the images in the cache."
  )

  @OptionGroup var cache: CacheOptions
  @OptionGroup var sizes: ByteCountOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let images = try ImageCache(Wiring.cache(cache)).images()
    var out = StandardOutput()
    switch output.format {
    case .text:
      if images.isEmpty { return }
      let now = Int64(Date().timeIntervalSince1970)
      for line in Self.table(images, sizes, now: now) { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Facts(images: images.map(Facts.Image.init))).text())
    }
    try out.flush()
  }

  static func table(
    _ images: [CachedImage],
    _ sizes: ByteCountOptions,
    now: Int64
  ) -> [String] {
    var table = Table([
      ("NAME", .left), ("PLATFORM", .left), ("DIGEST", .left), ("SIZE", .right),
      ("LAST USED", .left),
    ])
    for image in images {
      table.add([
        image.name.map { EscapedBytes.string($0.utf8) } ?? "-",
        image.platform?.description ?? "-", String(image.digest.hex.prefix(12)),
        sizes.text(image.byteCount),
        image.isComplete ? Self.age(of: image.lastUse, now: now) : "incomplete",
      ])
    }
    return table.lines
  }

  /// One unit is enough.
  private static func age(of time: Int64, now: Int64) -> String {
    guard time != 0 else { return "-" }
    let seconds = max(0, now - time)
    let units: [(Int64, String)] = [(86_400, "d"), (3600, "h"), (60, "min")]
    let unit = units.first { seconds >= $0.0 } ?? (1, "s")
    return "\(seconds / unit.0) \(unit.1) ago"
  }

  private struct Facts: Encodable {
    var images: [Image]

    struct Image: Encodable {
      var name: String?
      var platform: String?
      var digest: String
      var indexDigest: String?
      var layers: Int
      var bytes: UInt64
      /// Seconds since 1970.
      var lastUsedSeconds: Int64?
      var isComplete: Bool

      init(_ image: CachedImage) {
        name = image.name.map { EscapedBytes.string($0.utf8) }
        platform = image.platform?.description
        digest = image.digest.description
        indexDigest = image.indexDigest?.description
        layers = image.layerCount
        bytes = image.byteCount
        lastUsedSeconds = image.lastUse == 0 ? nil : image.lastUse
        isComplete = image.isComplete
      }
    }
  }
}
