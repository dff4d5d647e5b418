// A reference to an image in a layout directory: `oci:DIR[:NAME][@DIGEST]`.
// Source: containers-transports(5); OCI image-spec 1.1, annotations.md
// "org.opencontainers.image.ref.name" for image names.

/// An image in an image layout on disk.
///
/// As with skopeo, the first colon ends the directory, so a directory whose name has a colon cannot
/// be named. `@DIGEST` is an addition of ours; where both are given the digest decides.
package struct LayoutReference: Hashable, Sendable {
  /// The reference as it was written.
  package let text: String
  /// The layout directory, as bytes for the kernel; never empty and without NUL.
  package let directory: [UInt8]
  /// The image's name in the layout, most often a tag.
  package let name: String?
  package let digest: Digest?

  /// The accepted form, for messages.
  package static let grammar = "oci:DIR[:TAG][@DIGEST]"

  /// Reads a reference of this form.
  ///
  /// - Throws: `.unsupportedTransport` for a reference of another form.
  package init(_ text: String) throws(SpecError) {
    guard case .layout(let reference) = try Reference(text) else {
      throw .unsupportedTransport(printable(text))
    }
    self = reference
  }

  /// Reads what stands behind `oci:`.
  init(_ text: String, place: ArraySlice<UInt8>) throws(SpecError) {
    let (place, digest) = try ReferenceText.splitDigest(place)
    let colon = place.firstIndex(of: UInt8(ascii: ":"))
    self.text = text
    directory = try ReferenceText.path(place[..<(colon ?? place.endIndex)], or: .emptyDirectory)
    self.digest = digest
    name = try colon.map { (colon) throws(SpecError) in
      try ReferenceText.imageName(place[(colon + 1)...])
    }
  }
}
