// Who constructs what: from options to a resolved image, and to one whose files can be read.

import FileTree
import Foundation
import ImageStore
import Layers
import OCISpec
import SystemPackage

enum Wiring {
  /// The cache that the options, the environment or the home directory name.
  static func cache(_ options: CacheOptions) throws -> CacheDirectory {
    let environment = ProcessInfo.processInfo.environment
    let named = options.cacheDirectory ?? environment["BANGER_FS_CACHE"].flatMap(nonEmpty)
    guard
      let path = named.map({ FilePath($0) })
        ?? CacheDirectory.standardPath(environment: environment)
    else {
      throw CommandFailure(
        .usage,
        "no place for the cache: HOME is not set",
        hint: "name one with --cache-dir or BANGER_FS_CACHE"
      )
    }
    return try CacheDirectory(opening: path, version: LayerStore.cacheVersion)
  }

  private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }

  static func resolve(_ options: ImageOptions) throws -> ResolvedImage {
    let resolver = ImageResolver(platform: try Platform(parsing: options.platform))
    return try resolver.resolve(try Reference(options.reference))
  }

  /// Opens the image: indexes what is not indexed, with a progress line on a terminal.
  static func open(_ options: ImageOptions) throws -> (image: ResolvedImage, opened: OpenedImage) {
    let image = try resolve(options)
    return (image, try open(image, options))
  }

  static func open(_ image: ResolvedImage, _ options: ImageOptions) throws -> OpenedImage {
    let store = LayerStore(cache: try cache(options.cache)) { error in
      StandardError.write("warning: cannot use the cache: \(error)\n")
    }
    let opener = ImageOpener(
      store: store,
      lowerLinks: options.followsDirectoryLinks ? .follow : .replace
    )
    let total = image.layers.reduce(0) { $0 + $1.descriptor.byteCount }
    let progress = ProgressLine("reading layers", total: total)
    defer { progress.finish() }
    return try opener.open(image) { progress.advance(by: UInt64($0)) }
  }
}
