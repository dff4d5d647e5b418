// Which entries of `index.json` a name means. The specification has one annotation for it, and the
// tools in use fill it in three ways: umoci, skopeo and buildah write what the user typed, mostly
// a tag; podman writes a whole image name; containerd, Docker and BuildKit write the bare tag there
// and the whole name in an annotation of their own.
// Source: OCI image-spec 1.1, annotations.md; containerd, "io.containerd.image.name".

import OCISpec

/// The named entries at the top of a source.
struct ImageNames {
  private let source: any ImageSource
  private let entries: [Descriptor]

  init(_ source: any ImageSource) {
    self.source = source
    entries = source.index.manifests.filter(IndexWalk.isImage)
  }

  /// The entries called `name`, or without one the only image there is.
  ///
  /// Several entries are returned only where they carry one name and different platforms: then they
  /// are one image.
  func entries(named name: String?) throws(ImageStoreError) -> [Descriptor] {
    guard !entries.isEmpty else { throw .noImages(source.path) }
    guard let name else { return try sameImage(withoutArtifacts) }
    for matches in Self.readings {
      let found = entries.filter { matches($0, name) }
      if !found.isEmpty { return try sameImage(found) }
    }
    throw .noSuchName(name, available: entries.map { Self.label(of: $0) })
  }

  /// What a listing calls an entry: its name, or its digest where it has none.
  static func label(of entry: Descriptor) -> String {
    guard let name = entry.containerdName ?? entry.referenceName else {
      return entry.digest.description
    }
    return printable(name)
  }

  /// The ways a name is compared, the first that finds anything counts: the annotation as it is,
  /// containerd's annotation, and the last part of a whole name: `x:tag` or `tag` for
  /// `example.com/x:tag`.
  private static let readings: [@Sendable (Descriptor, String) -> Bool] = [
    { entry, name in entry.referenceName.map { isEqual($0.utf8, name.utf8) } ?? false },
    { entry, name in entry.containerdName.map { isEqual($0.utf8, name.utf8) } ?? false },
    { entry, name in entry.referenceName.map { isEnding(name, of: $0) } ?? false },
  ]

  /// Bytes are compared, because `String` equates different spellings of one character.
  private static func isEqual(_ left: some Sequence<UInt8>, _ right: String.UTF8View) -> Bool {
    left.elementsEqual(right)
  }

  private static func isEnding(_ name: String, of whole: String) -> Bool {
    let bytes = Array(whole.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
      return tag(of: bytes[...]).map { isEqual($0, name.utf8) } ?? false
    }
    let last = bytes[(slash + 1)...]
    return isEqual(last, name.utf8) || tag(of: last).map { isEqual($0, name.utf8) } ?? false
  }

  private static func tag(of component: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    component.lastIndex(of: UInt8(ascii: ":")).map { component[($0 + 1)...] }
  }

  /// Signatures and the like stand unnamed beside the image they belong to.
  private var withoutArtifacts: [Descriptor] {
    let images = entries.filter { $0.artifactType == nil }
    return images.isEmpty ? entries : images
  }

  private func sameImage(_ found: [Descriptor]) throws(ImageStoreError) -> [Descriptor] {
    guard Set(found.map(\.digest)).count > 1 else { return Array(found.prefix(1)) }
    let names = Set(found.map { Array((($0.containerdName ?? $0.referenceName) ?? "").utf8) })
    let platforms = Set(found.compactMap(\.platform))
    guard names.count == 1, platforms.count == found.count else {
      throw .severalImages(names: found.map { Self.label(of: $0) })
    }
    return found
  }
}
