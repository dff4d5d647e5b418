// Which files of a compressed archive belong to its images, be they in a layout or as Docker lists them;
// some archives are both. What an archive holds beside them is nobody's, and not kept.

import OCISpec

/// The files of an archive that its documents lead to, each made a blob of the cache.
struct ArchiveParts {
  private let contents: ArchiveContents
  /// What was found.
  private(set) var digests: Set<Digest> = []
  /// Whether no document was passed over because it is beyond a bound that can be moved.
  private(set) var isComplete = true

  /// - Throws: the machine's refusals; what is wrong with the archive is for who opens an image of it.
  init(of contents: ArchiveContents) throws(ImageStoreError) {
    self.contents = contents
    try tolerating { (parts) throws(ImageStoreError) in try parts.findLayout() }
    try tolerating { (parts) throws(ImageStoreError) in try parts.findDocker() }
  }

  private mutating func findLayout() throws(ImageStoreError) {
    try keep(Array("oci-layout".utf8))
    try keep(Array("index.json".utf8))
    let layout = try ArchivedLayout(contents)
    var seen: Set<Digest> = []
    var pending = layout.index.manifests.filter(IndexWalk.isImage)
    while let next = pending.popLast() {
      guard seen.insert(next.digest).inserted else { continue }
      try tolerating { (parts) throws(ImageStoreError) in
        pending += try parts.findParts(of: next, in: layout)
      }
    }
  }

  /// Keeps a manifest with its parts, or an index, of which the entries are returned.
  private mutating func findParts(
    of entry: Descriptor,
    in layout: ArchivedLayout
  ) throws(ImageStoreError) -> [Descriptor] {
    try keep(ArchivedLayout.name(of: entry.digest))
    let bytes = try layout.document(entry)
    let limits = contents.limits
    if entry.mediaType.kind == .index {
      return try parsing(.blob(entry.digest)) { () throws(SpecError) in
        try ImageIndex(parsing: bytes, as: entry.mediaType, limits: limits).manifests
      }.filter(IndexWalk.isImage)
    }
    let manifest = try parsing(.blob(entry.digest)) { () throws(SpecError) in
      try ImageManifest(parsing: bytes, as: entry.mediaType, limits: limits)
    }
    for part in [manifest.configuration] + manifest.layers {
      try keep(ArchivedLayout.name(of: part.digest))
    }
    return []
  }

  private mutating func findDocker() throws(ImageStoreError) {
    try keep(DockerArchive.manifestName)
    for image in try DockerArchive.images(in: contents) {
      for name in [image.configuration] + image.layers { try keep(name) }
    }
  }

  /// Makes the file called `name` a blob, if there is one.
  private mutating func keep(_ name: [UInt8]) throws(ImageStoreError) {
    try tolerating { (parts) throws(ImageStoreError) in
      guard let member = try parts.contents.member(name), case .cache(let digest) = member.place,
        parts.digests.insert(digest).inserted
      else { return }
      _ = try parts.contents.cache.openBlob(digest, byteCount: member.byteCount)
    }
  }

  private mutating func tolerating(
    _ body: (inout ArchiveParts) throws(ImageStoreError) -> Void
  ) throws(ImageStoreError) {
    do throws(ImageStoreError) {
      try body(&self)
    } catch {
      guard error.kind == .invalid || error.kind == .notFound else { throw error }
      if error.isOfMovableBound { isComplete = false }
    }
  }
}

extension ImageStoreError {
  /// Whether another run may be told to let the document pass.
  fileprivate var isOfMovableBound: Bool {
    switch self {
    case .invalidDocument(_, .documentTooLarge), .invalidDocument(_, .tooManyLayers),
      .badArchive(_, .invalidDocument(_, .documentTooLarge)),
      .badArchive(_, .invalidDocument(_, .tooManyLayers)):
      true
    default: false
    }
  }
}
