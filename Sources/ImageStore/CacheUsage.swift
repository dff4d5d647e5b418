// What the cache holds and what that takes: for `images` and for `cache df`. Changes nothing.

import OCISpec

/// A number of files and their bytes.
package struct StorageAmount: Sendable, Equatable {
  package private(set) var count = 0
  /// What the files are long.
  package private(set) var byteCount: UInt64 = 0
  /// What they take on the disk.
  package private(set) var allocatedByteCount: UInt64 = 0

  package init() {}

  mutating func add(_ file: FileFacts) {
    count += 1
    byteCount = byteCount.addingReportingOverflow(file.byteCount).partialValue
    allocatedByteCount =
      allocatedByteCount.addingReportingOverflow(file.allocatedByteCount).partialValue
  }
}

/// What is in the cache.
package struct CacheUsage: Sendable, Equatable {
  /// Images that have a name, each manifest once.
  package fileprivate(set) var imageCount = 0
  package fileprivate(set) var blobs = StorageAmount()
  /// Those of the blobs that no image needs.
  package fileprivate(set) var unreferencedBlobs = StorageAmount()
  /// What has arrived of blobs that are not complete.
  package fileprivate(set) var partials = StorageAmount()
  package fileprivate(set) var indexes = StorageAmount()
  package fileprivate(set) var copies = StorageAmount()
  /// Merged trees.
  package fileprivate(set) var trees = StorageAmount()
  /// What was found out about archives.
  package fileprivate(set) var archives = StorageAmount()
  /// Finished file systems, which may share what they take on the disk with files elsewhere.
  package fileprivate(set) var results = StorageAmount()
}

extension ImageCache {
  /// Every image that `index.json` lists or leads to, in its order.
  ///
  /// The form of an image that is for other tools is left out where the image itself is listed.
  package func images() throws(ImageStoreError) -> [CachedImage] {
    let source = CacheSnapshot(self, index: try readIndex())
    let lookup = CacheLookup(source)
    var references = CacheReferences(source)
    let listed = Set(source.index.manifests.map(\.digest))
    var images: [CachedImage] = []
    for entry in source.index.manifests where IndexWalk.isImage(entry) {
      if let original = entry.convertedFrom, listed.contains(original) { continue }
      let found = try lookup.images(below: entry)
      // An index that cannot be read is listed as what it is called.
      for (manifest, platform) in found.isEmpty ? [(entry, nil)] : found {
        images.append(
          try image(manifest, platform: platform, of: entry, references: &references)
        )
      }
    }
    return images
  }

  private func image(
    _ manifest: Descriptor,
    platform: Platform?,
    of entry: Descriptor,
    references: inout CacheReferences
  ) throws(ImageStoreError) -> CachedImage {
    let parts = try references.closure(of: manifest)
    var isComplete = parts.count > 1
    for part in parts where try openBlob(part) == nil { isComplete = false }
    return CachedImage(
      name: entry.names.first,
      digest: manifest.digest,
      indexDigest: entry.mediaType.kind == .index ? entry.digest : entry.indexDigest,
      platform: platform,
      layerCount: try references.layers(of: manifest).count,
      byteCount: parts.reduce(0) { $0.addingReportingOverflow($1.byteCount).partialValue },
      lastUse: try blobs.facts(of: manifest.digest)?.lastUse ?? 0,
      isComplete: isComplete
    )
  }

  /// Counts what is in the cache.
  package func usage() throws(ImageStoreError) -> CacheUsage {
    let source = CacheSnapshot(self, index: try readIndex())
    var references = CacheReferences(source)
    var needed: Set<Digest> = []
    var manifests: Set<Digest> = []
    for entry in source.index.manifests {
      let parts = try references.closure(of: entry)
      needed.formUnion(parts.map(\.digest))
      guard IndexWalk.isImage(entry), entry.convertedFrom == nil else { continue }
      manifests.formUnion(parts.filter { $0.mediaType.kind == .manifest }.map(\.digest))
    }
    var usage = CacheUsage()
    usage.imageCount = manifests.count
    for file in try blobs.files() {
      usage.blobs.add(file.facts)
      let isNeeded = file.digest.map(needed.contains) ?? false
      if !isNeeded { usage.unreferencedBlobs.add(file.facts) }
    }
    for (_, file) in try partials() { usage.partials.add(file) }
    for (_, file) in try directory.files(.index) { usage.indexes.add(file) }
    for (_, file) in try directory.files(.copies) { usage.copies.add(file) }
    for (_, file) in try directory.files(.trees) { usage.trees.add(file) }
    for (_, file) in try directory.archiveRecords() { usage.archives.add(file) }
    for (_, file) in try directory.keptResults() { usage.results.add(file) }
    return usage
  }

  /// The partial downloads, whether or not somebody continues them just now.
  func partials() throws(ImageStoreError) -> [Digest: FileFacts] {
    var files: [Digest: FileFacts] = [:]
    do {
      for name in try ingest.names(startingWith: "") {
        guard let digest = PartialFile.digest(name), let status = try ingest.status(of: name) else {
          continue
        }
        files[digest] = FileFacts(status)
      }
    } catch {
      throw .system("list", ingest.path, error)
    }
    return files
  }
}

extension BlobDirectory {
  /// What is known of a blob's file without opening it; `nil` where there is none.
  func facts(of digest: Digest) throws(ImageStoreError) -> FileFacts? {
    do {
      return try directory(digest.algorithm).status(of: digest.hex).map { FileFacts($0) }
    } catch {
      throw .system("read the status", path(of: digest), error)
    }
  }
}
