// Who constructs what: from options to a resolved image, and to one whose files can be read.

import FileTree
import Foundation
import Glibc
import ImageStore
import Layers
import OCISpec
import Synchronization
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
    do {
      return try CacheDirectory(opening: path, version: LayerStore.cacheVersion)
    } catch {
      var failure = CommandFailure(error)
      failure.hint = "use a cache of your own with --cache-dir or BANGER_FS_CACHE"
      throw failure
    }
  }

  private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }

  static func resolve(_ options: ImageOptions) throws -> ResolvedImage {
    let resolver = ImageResolver(platform: try Platform(parsing: options.platform))
    switch try Reference(options.reference) {
    case .layout(let reference): return try resolver.resolve(reference)
    case .archive(let reference):
      throw CommandFailure(.usage, "\(reference.text): archives are not read yet")
    case .registry(let reference):
      throw CommandFailure(.usage, "\(reference.text): registries are not asked yet")
    }
  }

  /// Opens the image: indexes what is not indexed, with a progress line on a terminal.
  static func open(_ options: ImageOptions) throws -> (image: ResolvedImage, opened: OpenedImage) {
    let image = try resolve(options)
    return (image, try open(image, options))
  }

  static func open(_ image: ResolvedImage, _ options: ImageOptions) throws -> OpenedImage {
    allowOpenFiles(for: image.layers.count)
    // A disk that is full, or may not be written to, says so again for every layer.
    let hasWarned = Mutex(false)
    let store = LayerStore(cache: try cache(options.cache)) { error in
      let isFirst = hasWarned.withLock { hasWarned in
        defer { hasWarned = true }
        return !hasWarned
      }
      if isFirst { StandardError.write("warning: cannot use the cache: \(error)\n") }
    }
    let opener = ImageOpener(
      store: store,
      lowerLinks: options.followsDirectoryLinks ? .follow : .replace
    )
    let progress = Progress(options.progress.style)
    defer { progress.close() }
    let total = image.layers.reduce(UInt64(0)) { $0.addingSaturated($1.descriptor.byteCount) }
    progress.begin(
      ProgressActivity(kind: .readLayers, title: "reading layers", byteCount: total)
    )
    let opened = try endingOnSignals {
      try opener.open(image) { progress.advance(by: UInt64($0)) }
    }
    progress.end()
    return opened
  }

  /// Raises the limit for open files as far as `layerCount` layers need and the hard limit permits.
  ///
  /// Each layer's blob stays open, beside a few files of ours.
  private static func allowOpenFiles(for layerCount: Int) {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    let wanted = rlim_t(layerCount + 128)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(wanted, limit.rlim_max)
    // Where that is refused or too little, opening a layer says so.
    setrlimit(resource, &limit)
  }
}
