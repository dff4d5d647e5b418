// Names of images in the cache: found, written and dropped. They stand in index.json, which other
// tools read and write as well, without our lock.

import Glibc
package import OCISpec
import SystemPackage

extension ImageCache {
  /// The image that a name means, or `nil` unless all of it is there; counts as a use of it.
  ///
  /// A digest decides alone, and may be that of an index. Of the images under one name the one that
  /// suits the platform best is meant, and among equals the newest. The result holds all its blobs.
  ///
  /// - Throws: what is wrong with the documents of an image that is there.
  package func image(
    _ name: ImageName,
    platform: Platform
  ) throws(ImageStoreError) -> ResolvedImage? {
    do throws(ImageStoreError) {
      return try wholeImage(name, platform: platform)
    } catch {
      if error.isBlobFault { return nil }
      throw error
    }
  }

  /// What keeps the image that a name means from being all there; `nil` where it is, and where the
  /// name means none.
  ///
  /// - Throws: as `image` does.
  package func absence(
    in name: ImageName,
    platform: Platform
  ) throws(ImageStoreError) -> ImageStoreError? {
    do throws(ImageStoreError) {
      _ = try wholeImage(name, platform: platform)
      return nil
    } catch {
      if error.isBlobFault { return error }
      throw error
    }
  }

  private func wholeImage(
    _ name: ImageName,
    platform: Platform
  ) throws(ImageStoreError) -> ResolvedImage? {
    let snapshot = CacheSnapshot(self, index: try readIndex(), holdsBlobs: true)
    guard let manifest = try CacheLookup(snapshot).manifest(name, platform: platform) else {
      return nil
    }
    let image = try ImageResolver(platform: platform).read(manifest, of: name.text, in: snapshot)
    for layer in image.layers { _ = try image.open(layer) }
    try snapshot.openBlob(manifest).markUsed()
    return image
  }

  /// The image that was just given its name, whatever the name means by now.
  ///
  /// The result holds all its blobs; the caller does so until then.
  ///
  /// - Throws: `.blobMissing` unless all of it is there; what is wrong with its documents.
  package func resolve(_ image: RecordedImage) throws(ImageStoreError) -> ResolvedImage {
    // Not by the index: others may take the name away at any time.
    let source = CacheSnapshot(self, index: ImageIndex(manifests: []), holdsBlobs: true)
    let manifest = image.manifest.entry(platform: image.platform, annotations: [:])
    let resolved = try ImageResolver(platform: image.platform)
      .read(manifest, of: image.name.text, in: source)
    for layer in resolved.layers { _ = try resolved.open(layer) }
    return resolved
  }

  /// Gives an image its name.
  ///
  /// It takes the place of what has the name for the same platform. A manifest of Docker's is listed
  /// twice, the second time in a form that OCI's tools read.
  ///
  /// - Throws: `.blobMissing` unless all of the image is there; the caller should hold it.
  package func record(_ image: RecordedImage) throws(ImageStoreError) {
    let source = CacheSnapshot(self, index: try readIndex(), holdsBlobs: true)
    let bytes = try source.document(image.manifest)
    let manifest = try parsing(.blob(image.manifest.digest)) { () throws(SpecError) in
      try ImageManifest(parsing: bytes, as: image.manifest.mediaType, limits: source.limits)
    }
    let entries = try entries(for: image, manifest: bytes, in: source)
    try changeNames { (index) throws(ImageStoreError) in
      // Looked at while nobody can remove blobs: what is there stays, because it gets a name.
      for blob in [image.manifest, manifest.configuration] + manifest.layers {
        guard try openBlob(blob) != nil else { throw .blobMissing(blob.digest) }
      }
      let lookup = CacheLookup(CacheSnapshot(self, index: ImageIndex(manifests: index.entries)))
      let name = image.name.text
      let old = Set(try lookup.entries(named: name, for: image.platform))
      index.insert(entries, before: { $0.isNamed(name) }, replacing: { old.contains($0) })
      return true
    }
    try source.openBlob(image.manifest).markUsed()
  }

  /// The entries of an image: its own, and one for other tools where they need another.
  private func entries(
    for image: RecordedImage,
    manifest: [UInt8],
    in source: CacheSnapshot
  ) throws(ImageStoreError) -> [Descriptor] {
    var annotations: [String: String] = [:]
    annotations[CacheAnnotation.indexDigest] = image.indexDigest?.description
    guard ManifestConversion.isNeeded(for: image.manifest.mediaType) else {
      annotations[CacheAnnotation.referenceName] = image.name.text
      return [image.manifest.entry(platform: image.platform, annotations: annotations)]
    }
    let bytes = try parsing(.blob(image.manifest.digest)) { () throws(SpecError) in
      try ManifestConversion.convert(manifest)
    }
    let converted = Descriptor(
      mediaType: ManifestConversion.mediaType,
      digest: DigestHasher.digest(of: bytes, image.manifest.digest.algorithm),
      byteCount: UInt64(bytes.count)
    )
    // Held by the snapshot until both have a name.
    let stored = try store(bytes, as: converted)
    source.hold(stored)
    annotations[CacheAnnotation.imageName] = image.name.text
    return [
      image.manifest.entry(platform: image.platform, annotations: annotations),
      converted.entry(
        platform: image.platform,
        annotations: [
          CacheAnnotation.referenceName: image.name.text,
          CacheAnnotation.convertedFrom: image.manifest.digest.description,
        ]
      ),
    ]
  }

  /// Drops a name, for all platforms, and returns whether there was one.
  ///
  /// The blobs stay until the cache is pruned.
  package func remove(_ name: String) throws(ImageStoreError) -> Bool {
    var count = 0
    try changeNames { (index) throws(ImageStoreError) in
      count = index.remove { $0.isNamed(name) }
      return count > 0
    }
    return count > 0
  }

  // MARK: index.json

  func readIndex() throws(ImageStoreError) -> ImageIndex {
    try readIndex { (bytes) throws(SpecError) in try ImageIndex(parsingLayoutIndex: bytes) }
  }

  /// How often to look again at an index that makes no sense, 20 ms apart: half a second in all.
  private static let attempts = 25

  /// Reads the index as `parse` has it.
  ///
  /// Some tools write it in place, so what makes no sense may be half of what is being written.
  private func readIndex<Index>(
    _ parse: ([UInt8]) throws(SpecError) -> Index
  ) throws(ImageStoreError) -> Index {
    var attempt = 1
    while true {
      let bytes = try readIndexBytes()
      do throws(SpecError) {
        return try parse(bytes)
      } catch {
        guard attempt < Self.attempts else { throw .invalidDocument(indexDocument, error) }
      }
      attempt += 1
      usleep(20_000)
    }
  }

  private func readIndexBytes() throws(ImageStoreError) -> [UInt8] {
    try ImageLayout.file("index.json", indexDocument, in: directory.root)
  }

  private var indexDocument: ImageStoreError.Document { .cacheIndex(path.appending("index.json")) }

  /// Changes `index.json`, unless `change` returns that there is nothing to change.
  ///
  /// `change` is called again where another tool, which knows no lock, was faster.
  func changeNames(
    _ change: (inout LayoutIndexEditor) throws(ImageStoreError) -> Bool
  ) throws(ImageStoreError) {
    let lock = try directory.lockNames()
    defer { lock.release() }
    try changeLockedNames(change)
  }

  /// The same for whoever holds the lock of the names.
  func changeLockedNames(
    _ change: (inout LayoutIndexEditor) throws(ImageStoreError) -> Bool
  ) throws(ImageStoreError) {
    while true {
      var (before, editor) = try readIndex { (bytes) throws(SpecError) in
        (bytes, try LayoutIndexEditor(parsing: bytes))
      }
      guard try change(&editor) else { return }
      let after = try parsing(indexDocument) { () throws(SpecError) in try editor.bytes() }
      let file = try PendingFile(replacing: "index.json", in: directory.root, from: ingest)
      try file.write(after)
      // Synchronizing takes long, and is over before the last look.
      try file.synchronize()
      if try readIndexBytes() == before { return try file.publish(keepsName: true) }
    }
  }
}
