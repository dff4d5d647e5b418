// A reference to an image in an archive: a layout in a tar file, or what `docker save` writes.
// Source: containers-transports(5), "oci-archive" and "docker-archive".

/// `oci-archive:FILE[:NAME][@DIGEST]`, or `docker-archive:FILE[:NAME:TAG | :@POSITION]`.
///
/// As with skopeo, the first colon ends the path of the file.
package struct ArchiveReference: Hashable, Sendable {
  package enum Format: Hashable, Sendable {
    case oci
    case docker
  }

  /// The reference as it was written.
  package let text: String
  package let format: Format
  /// The archive, as bytes for the kernel; never empty and without NUL.
  package let file: [UInt8]
  /// The image's name in the archive; of a Docker archive a whole one, `docker.io/library/debian:12`.
  package let name: String?
  /// The image's place in a Docker archive's manifest, from 0.
  package let position: Int?
  package let digest: Digest?

  /// Reads what stands behind the transport.
  init(_ text: String, _ format: Format, place: ArraySlice<UInt8>) throws(SpecError) {
    let (place, digest) =
      format == .oci ? try ReferenceText.splitDigest(place) : (place, nil)
    let colon = place.firstIndex(of: UInt8(ascii: ":"))
    let choice = colon.map { place[($0 + 1)...] }
    self.text = text
    self.format = format
    file = try ReferenceText.path(place[..<(colon ?? place.endIndex)], or: .emptyArchivePath)
    self.digest = digest
    switch (format, choice) {
    case (_, nil): (name, position) = (nil, nil)
    case (.oci, let choice?): (name, position) = (try ReferenceText.imageName(choice), nil)
    case (.docker, let choice?): (name, position) = try Self.dockerChoice(choice)
    }
  }

  /// A position `@N`, or the name of an image as Docker completes it.
  private static func dockerChoice(
    _ choice: ArraySlice<UInt8>
  ) throws(SpecError) -> (name: String?, position: Int?) {
    let text = String(decoding: choice, as: UTF8.self)
    guard choice.first == UInt8(ascii: "@") else {
      let name = try RegistryReference(text, name: choice).dockerName
      guard name.digest == nil else { throw .badImageName(printable(text), .digestInArchive) }
      return (name.text, nil)
    }
    let digits = choice.dropFirst()
    guard digits.allSatisfy(isDigit), let position = Int(text.dropFirst()) else {
      throw .badTag(printable(text))
    }
    return (nil, position)
  }
}
