// Who constructs what: from options to a resolved image, and to one whose files can be read.

import FileTree
import Foundation
import Glibc
import ImageStore
import Layers
import OCISpec
import SystemPackage
import Threading

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

  /// The image that the options name, pulled where it is missing.
  static func resolve(
    _ options: ImageOptions,
    _ progress: Progress
  ) async throws -> ResolvedImage {
    let reference = try Reference(options.reference)
    do {
      return try await resolve(reference, options, progress)
    } catch {
      throw ImagePlace(reference).remedied(error)
    }
  }

  private static func resolve(
    _ reference: Reference,
    _ options: ImageOptions,
    _ progress: Progress
  ) async throws -> ResolvedImage {
    let platform = try options.platform.parsed()
    if let pinned = options.pinned { return try self.pinned(pinned, options.cache) }
    let provider = ImageProvider(
      platform: platform,
      policy: options.pull.effectivePolicy,
      registry: options.registry,
      limits: options.limits.limits,
      cache: { try cache(options.cache) },
      progress: progress
    )
    return try await provider.image(reference)
  }

  /// The image that the process which started us has found: this one, and no other.
  private static func pinned(
    _ text: String,
    _ cache: CacheOptions
  ) throws -> ResolvedImage {
    do {
      return try ImageCache(self.cache(cache)).resolve(PinnedImage(text).image)
    } catch ImageStoreError.blobMissing {
      throw CommandFailure(.notFound, "\(text): no longer in the cache")
    }
  }

  /// Opens the tree: pulls what is missing, and indexes what is not indexed.
  static func open(
    _ options: TreeOptions
  ) async throws -> (image: ResolvedImage, opened: OpenedImage) {
    try await open(options.image, options.selection, adding: options.additions)
  }

  /// Opens the image: pulls what is missing, and indexes what is not indexed.
  static func open(
    _ options: ImageOptions
  ) async throws -> (image: ResolvedImage, opened: OpenedImage) {
    let progress = Progress(options.progress.style)
    defer { progress.close() }
    let image = try await resolve(options, progress)
    return (image, try open(image, options, progress))
  }

  /// Opens the layers of the image that are selected and lays over them what `more` says.
  ///
  /// What is odd about that is told to people.
  static func open(
    _ options: ImageOptions,
    _ selection: LayerSelection = .all,
    adding more: AdditionOptions
  ) async throws -> (image: ResolvedImage, opened: OpenedImage) {
    // What is written wrong is told before anything is pulled.
    let (additions, owners) = (try more.additions(), try more.owners())
    try more.checkUnitNames()
    if case .alone = selection, !more.isEmpty {
      throw CommandFailure(.usage, "--layer shows one layer as it is: nothing can be laid over it")
    }
    let progress = Progress(options.progress.style)
    defer { progress.close() }
    let image = try await resolve(options, progress)
    try image.check(selection)
    var opened = try open(
      image,
      selection,
      in: options.place,
      with: opener(options),
      progress,
      adding: additions,
      owners
    )
    opened = try more.enablingUnits(in: opened)
    tell(opened.additionWarnings)
    tellOfEmptyLinks(opened.files.warnings)
    return (image, opened)
  }

  /// Tells people what is odd about what they laid over an image.
  static func tell(_ warnings: [AdditionWarning]) {
    for warning in warnings { StandardError.write("warning: \(warning.text)\n") }
  }

  /// Tells people of hard links that a layer alone cannot show: only a layer alone has such.
  private static func tellOfEmptyLinks(_ warnings: TreeWarnings) {
    guard let count = warnings.counts[.linkToLowerLayer] else { return }
    let links = count == 1 ? "1 hard link to a file" : "\(count) hard links to files"
    let shown = count == 1 ? "it is shown as an empty file" : "they are shown as empty files"
    StandardError.write("warning: \(links) of lower layers: \(shown)\n")
  }

  /// What opens images as the options say, and makes trees of additions alone.
  static func opener(_ options: ImageOptions) throws -> ImageOpener {
    ImageOpener(
      store: LayerStore.noting(
        cache: try cache(options.cache),
        limits: options.limits.limits.layers
      ),
      lowerLinks: options.followsDirectoryLinks ? .follow : .replace,
      cacheByteLimit: options.memory.half,
      decoderByteLimit: options.memory.half
    )
  }

  static func open(
    _ image: ResolvedImage,
    _ options: ImageOptions,
    _ progress: Progress
  ) throws -> OpenedImage {
    try open(image, in: options.place, with: opener(options), progress)
  }

  static func open(
    _ image: ResolvedImage,
    _ selection: LayerSelection = .all,
    in place: ImagePlace,
    with opener: ImageOpener,
    _ progress: Progress,
    adding additions: [Addition] = [],
    _ owners: OwnerMap? = nil
  ) throws -> OpenedImage {
    allowOpenFiles(for: image.layers.count)
    let chosen = image.layers[selection.range(ofCount: image.layers.count)]
    let total = chosen.reduce(UInt64(0)) { $0.addingSaturated($1.descriptor.byteCount) }
    progress.begin(
      ProgressActivity(kind: .readLayers, title: "reading layers", byteCount: total)
    )
    let opened: OpenedImage
    do {
      opened = try endingOnSignals {
        try opener.open(image, selection: selection, additions: additions, owners: owners) {
          progress.advance(by: UInt64($0))
        }
      }
    } catch {
      throw place.remedied(error)
    }
    progress.end()
    return opened
  }

  /// Raises the limit for open files as far as `layerCount` layers need and the hard limit permits.
  ///
  /// Each layer's blob stays open, beside a few files of ours.
  static func allowOpenFiles(for layerCount: Int) {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    let wanted = rlim_t(layerCount + 128)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(wanted, limit.rlim_max)
    // Where that is refused or too little, opening a layer says so.
    setrlimit(resource, &limit)
  }
}

extension LayerStore {
  /// A store that says once, to people, that the cache cannot be used: a disk that is full, or may not
  /// be written to, says so again for every layer.
  static func noting(
    cache: CacheDirectory,
    limits: LayerLimits = LayerLimits()
  ) -> LayerStore {
    let hasWarned = Mutex(false)
    return LayerStore(cache: cache, limits: limits) { error in
      let isFirst = hasWarned.withLock { hasWarned in
        defer { hasWarned = true }
        return !hasWarned
      }
      if isFirst { StandardError.write("warning: cannot keep indexes of layers: \(error)\n") }
    }
  }
}
