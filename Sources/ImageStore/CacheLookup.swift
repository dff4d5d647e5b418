// Which manifest of the cache a name means. Entries come from us, who write the platform beside each
// manifest, and from other tools, who may not, or who list an index.

import OCISpec

/// Looks names up in one state of the cache.
struct CacheLookup {
  private let source: CacheSnapshot

  init(_ source: CacheSnapshot) {
    self.source = source
  }

  /// The manifest that a name means on a platform, or `nil`.
  func manifest(
    _ name: ImageName,
    platform: Platform
  ) throws(ImageStoreError) -> Descriptor? {
    guard let digest = name.digest else {
      let entries = source.index.manifests.filter { $0.isNamed(name.text) }
      return try best(of: entries, for: platform)
    }
    if let found = try entry(digest), found.mediaType.kind != .index { return found }
    let entries = source.index.manifests.filter { $0.indexDigest == digest }
    return try best(of: entries + (try entry(digest).map { [$0] } ?? []), for: platform)
  }

  /// The entries that have a name and are for a platform, as far as that can be known.
  ///
  /// The entry of an index is for many platforms and thus for none.
  func entries(
    named name: String,
    for platform: Platform
  ) throws(ImageStoreError) -> [Descriptor] {
    var found: [Descriptor] = []
    for entry in source.index.manifests where entry.isNamed(name) && IndexWalk.isImage(entry) {
      guard entry.mediaType.kind != .index else { continue }
      if try self.platform(of: entry) == platform { found.append(entry) }
    }
    return found
  }

  /// Every image that an entry is or leads to, with its platform where that can be known.
  func images(
    below entry: Descriptor
  ) throws(ImageStoreError) -> [(manifest: Descriptor, platform: Platform?)] {
    var walk = IndexWalk(source)
    var images: [(manifest: Descriptor, platform: Platform?)] = []
    do throws(ImageStoreError) {
      for image in try walk.images(below: [entry]) {
        images.append((image, try platform(of: image)))
      }
    } catch {
      guard error.kind == .invalid else { throw error }
    }
    return images
  }

  /// What the index says, else what the configuration says; `nil` where that cannot be read.
  private func platform(of manifest: Descriptor) throws(ImageStoreError) -> Platform? {
    if let platform = manifest.platform { return platform }
    do throws(ImageStoreError) {
      return try ImageResolver().read(manifest, of: "", in: source).platform
    } catch {
      if error.kind == .invalid { return nil }
      throw error
    }
  }

  private func best(
    of entries: [Descriptor],
    for platform: Platform
  ) throws(ImageStoreError) -> Descriptor? {
    var manifests: [Descriptor] = []
    var platforms: [Platform] = []
    let originals = Set(entries.map(\.digest))
    for entry in entries {
      // The form for other tools is for other tools, as long as the original is listed.
      if let original = entry.convertedFrom, originals.contains(original) { continue }
      for case (let manifest, let platform?) in try images(below: entry) {
        manifests.append(manifest)
        platforms.append(platform)
      }
    }
    return Platform.best(for: platform, among: platforms).map { manifests[$0] }
  }

  private func entry(_ digest: Digest) throws(ImageStoreError) -> Descriptor? {
    var walk = IndexWalk(source)
    do throws(ImageStoreError) {
      return try walk.find(digest)
    } catch {
      // Also where an index on the way cannot be read: then nobody can know.
      if error.kind == .notFound || error.kind == .invalid { return nil }
      throw error
    }
  }
}
