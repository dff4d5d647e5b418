// Walking the indexes of a layout, nested ones too, within bounds: no index is read twice and none
// deeper than the limit, so a hostile layout costs at most one reading of its blobs.

import OCISpec

/// One walk through the indexes of a layout, in document order.
struct IndexWalk {
  private let source: any ImageSource
  private var visited: Set<Digest> = []

  init(_ source: any ImageSource) {
    self.source = source
  }

  /// Whether an entry may lead to an image: unknown media types and attestations do not.
  static func isImage(_ entry: Descriptor) -> Bool {
    guard !entry.isAttestation else { return false }
    switch entry.mediaType.kind {
    // Schema 1 is let through so that it is refused by name once it is chosen.
    case .index, .manifest, .schema1Manifest: return true
    case .configuration, .layer, .encryptedLayer, .empty, .other: return false
    }
  }

  /// Every image manifest that `entries` are or lead to, each digest once.
  mutating func images(below entries: [Descriptor]) throws(ImageStoreError) -> [Descriptor] {
    visited = []
    var images: [Descriptor] = []
    try collect(entries, depth: 0, into: &images)
    return images
  }

  private mutating func collect(
    _ entries: [Descriptor],
    depth: Int,
    into images: inout [Descriptor]
  ) throws(ImageStoreError) {
    for entry in entries where Self.isImage(entry) && visited.insert(entry.digest).inserted {
      if entry.mediaType.kind == .index {
        try collect(try children(of: entry, depth: depth), depth: depth + 1, into: &images)
      } else {
        images.append(entry)
      }
    }
  }

  /// The entry with a digest, wherever it stands; the entries of one level before those below.
  mutating func find(_ digest: Digest) throws(ImageStoreError) -> Descriptor {
    visited = []
    var level = source.index.manifests
    var depth = 0
    while !level.isEmpty {
      let entries = level.filter(Self.isImage)
      if let found = entries.first(where: { $0.digest == digest }) { return found }
      level = []
      for entry in entries where entry.mediaType.kind == .index {
        guard visited.insert(entry.digest).inserted else { continue }
        level += try children(of: entry, depth: depth)
      }
      depth += 1
    }
    throw .noSuchDigest(digest)
  }

  private func children(
    of entry: Descriptor,
    depth: Int
  ) throws(ImageStoreError) -> [Descriptor] {
    guard depth < SpecLimits.indexDepth else {
      throw .indexTooDeep(entry.digest, limit: SpecLimits.indexDepth)
    }
    let bytes = try source.document(entry)
    return try parsing(.blob(entry.digest)) { () throws(SpecError) in
      try ImageIndex(parsing: bytes, as: entry.mediaType, limits: source.limits).manifests
    }
  }
}
