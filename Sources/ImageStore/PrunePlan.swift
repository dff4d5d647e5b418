// Which entries of index.json go, and what the others need. Removes nothing itself.

import OCISpec

/// The images of the cache, while it is decided which of them stay.
struct PrunePlan {
  /// Entries that go.
  private(set) var unwanted: Set<Descriptor> = []
  private let cache: ImageCache
  private let images: [Image]

  /// An image as people see it: its entry, and that of its form for other tools.
  private struct Image {
    var entries: [Descriptor]
    let name: String?
    let digest: Digest
    var blobs: Set<Digest>
    let lastUse: Int64
    let isInUse: Bool
  }

  init(
    _ cache: ImageCache,
    source: CacheSnapshot,
    entries: [Descriptor]
  ) throws(ImageStoreError) {
    self.cache = cache
    var references = CacheReferences(source)
    var images: [Image] = []
    for entry in entries {
      let parts = try references.closure(of: entry)
      let blobs = Set(parts.map(\.digest))
      if let original = entry.convertedFrom,
        let number = images.firstIndex(where: {
          $0.digest == original && $0.name == entry.names.first
        })
      {
        images[number].entries.append(entry)
        images[number].blobs.formUnion(blobs)
        continue
      }
      let found = parts.filter { $0.mediaType.kind == .manifest }
      // What is no image of ours is used where its own blob is.
      let manifests = found.isEmpty ? [entry] : found
      images.append(
        Image(
          entries: [entry],
          name: entry.names.first,
          digest: entry.digest,
          blobs: blobs,
          lastUse: try Self.lastUse(of: manifests, in: cache),
          isInUse: try Self.isInUse(manifests, &references, in: cache)
        )
      )
    }
    self.images = images
  }

  /// Everything that entries which stay need.
  var needed: Set<Digest> {
    images.filter(stays).reduce(into: []) { $0.formUnion($1.blobs) }
  }

  private func stays(_ image: Image) -> Bool {
    !image.entries.contains(where: unwanted.contains)
  }

  /// Decides.
  mutating func apply(
    _ policy: PrunePolicy,
    now: Int64,
    _ report: inout PruneReport
  ) throws(ImageStoreError) {
    for image in images where policy.removesEverything || policy.isTooOld(image.lastUse, now: now) {
      remove(image, &report)
    }
    guard let limit = policy.byteLimit else { return }
    let sizes = try Self.sizes(in: cache)
    // Images of one age, all those of a fresh cache perhaps, go in the order in which they are listed.
    let candidates = images.filter(stays).sorted { $0.lastUse < $1.lastUse }
    var users: [Digest: Int] = [:]
    for image in candidates { for blob in image.blobs { users[blob, default: 0] += 1 } }
    var total = users.keys.reduce(UInt64(0)) {
      $0.addingReportingOverflow(sizes[$1] ?? 0).partialValue
    }
    for image in candidates where total > limit && remove(image, &report) {
      for blob in image.blobs {
        users[blob, default: 1] -= 1
        if users[blob] == 0 { total -= min(total, sizes[blob] ?? 0) }
      }
    }
  }

  /// Decides that an image goes, unless it is in use; returns whether it does.
  @discardableResult
  private mutating func remove(_ image: Image, _ report: inout PruneReport) -> Bool {
    let entry = PruneReport.Image(name: image.name, digest: image.digest)
    if image.isInUse {
      if !report.imagesInUse.contains(entry) { report.imagesInUse.append(entry) }
      return false
    }
    unwanted.formUnion(image.entries)
    report.images.append(entry)
    return true
  }

  /// What each blob takes, with what was derived from it.
  static func sizes(in cache: ImageCache) throws(ImageStoreError) -> [Digest: UInt64] {
    var sizes: [Digest: UInt64] = [:]
    for file in try cache.blobs.files() {
      guard let digest = file.digest else { continue }
      sizes[digest] = file.facts.byteCount
    }
    for (digest, files) in try cache.directory.derivedFiles() where sizes[digest] != nil {
      sizes[digest] = files.reduce(sizes[digest] ?? 0) {
        $0.addingReportingOverflow($1.facts.byteCount).partialValue
      }
    }
    return sizes
  }

  private static func lastUse(
    of manifests: [Descriptor],
    in cache: ImageCache
  ) throws(ImageStoreError) -> Int64 {
    var lastUse: Int64 = 0
    for manifest in manifests {
      lastUse = max(lastUse, try cache.blobs.facts(of: manifest.digest)?.lastUse ?? 0)
    }
    return lastUse
  }

  /// Whether somebody uses an image: who does holds all its layers, whereas some of them may be held
  /// for another image that has them too.
  private static func isInUse(
    _ manifests: [Descriptor],
    _ references: inout CacheReferences,
    in cache: ImageCache
  ) throws(ImageStoreError) -> Bool {
    for manifest in manifests {
      let layers = try references.layers(of: manifest)
      var isInUse = true
      for blob in layers.isEmpty ? [manifest] : layers where isInUse {
        isInUse = try cache.blobs.remove(blob.digest, isDryRun: true) == .inUse
      }
      if isInUse { return true }
    }
    return false
  }
}
