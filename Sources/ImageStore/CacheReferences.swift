// What each image of the cache needs: the graph from index.json through indexes and manifests to
// configurations and layers. Knows nothing of platforms, and follows what is no image of ours as well:
// whatever a tool has put there is kept whole.

import OCISpec

/// The graph of one state of the cache, as far as it was asked for.
struct CacheReferences {
  private let source: CacheSnapshot
  /// Documents that were read already.
  private var children: [Digest: [Descriptor]] = [:]

  init(_ source: CacheSnapshot) {
    self.source = source
  }

  /// Everything that must be kept for an entry, itself included, each digest once.
  ///
  /// Ends at documents that are missing or damaged.
  mutating func closure(of entry: Descriptor) throws(ImageStoreError) -> [Descriptor] {
    var found: [Descriptor] = []
    var seen: Set<Digest> = []
    var pending = [entry]
    while let next = pending.popLast() {
      guard seen.insert(next.digest).inserted else { continue }
      found.append(next)
      pending += try descriptors(in: next)
    }
    return found
  }

  /// The descriptors in a document; none for what is no document.
  mutating func descriptors(in entry: Descriptor) throws(ImageStoreError) -> [Descriptor] {
    guard entry.mediaType.kind == .index || entry.mediaType.kind == .manifest else { return [] }
    if let known = children[entry.digest] { return known }
    var found: [Descriptor] = []
    do throws(ImageStoreError) {
      let bytes = try source.document(entry)
      found = try parsing(.blob(entry.digest)) { () throws(SpecError) in
        try DescriptorSearch.descriptors(in: bytes, limits: source.limits)
      }
    } catch {
      // A disk that fails must not make everything look unneeded.
      guard error.kind == .invalid else { throw error }
    }
    children[entry.digest] = found
    return found
  }

  /// The layers of a manifest.
  mutating func layers(of manifest: Descriptor) throws(ImageStoreError) -> [Descriptor] {
    try descriptors(in: manifest).filter {
      if case .layer = $0.mediaType.kind { true } else { false }
    }
  }
}
