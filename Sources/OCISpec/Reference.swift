// What a user writes to name an image: a transport, a place and a choice within it. Knows the
// grammar only; nothing here looks at a file.
// Source: containers-transports(5) for the spelling; OCI image-spec 1.1, annotations.md
// "org.opencontainers.image.ref.name" for image names.

/// An image in an image layout on disk: `oci:DIR[:NAME][@DIGEST]`.
///
/// As with skopeo, the first colon ends the directory, so a directory whose name has a colon cannot
/// be named. `@DIGEST` is an addition of ours; where both are given the digest decides.
package struct Reference: Hashable, Sendable {
  /// The reference as it was written.
  package let text: String
  /// The layout directory, as bytes for the kernel; never empty and without NUL.
  package let directory: [UInt8]
  /// The image's name in the layout, most often a tag.
  package let tag: String?
  package let digest: Digest?

  /// The accepted form, for messages.
  package static let grammar = "oci:DIR[:TAG][@DIGEST]"

  /// Reads a reference.
  ///
  /// - Throws: `.unsupportedTransport` and `.registryReference` for what other tools accept and we
  ///   do not; else what is wrong with the text.
  package init(_ text: String) throws(SpecError) {
    guard !text.isEmpty else { throw .emptyReference }
    let bytes = Array(text.utf8)
    guard bytes.starts(with: "oci:".utf8) else { throw Self.refusal(of: text, bytes) }
    let (place, digest) = try Self.splitDigest(bytes.dropFirst("oci:".utf8.count))
    let colon = place.firstIndex(of: UInt8(ascii: ":"))
    let directory = place[..<(colon ?? place.endIndex)]
    guard !directory.isEmpty else { throw .emptyDirectory }
    guard !directory.contains(0) else { throw .nulInDirectory }
    self.text = text
    self.directory = Array(directory)
    self.digest = digest
    tag = try colon.map { (colon) throws(SpecError) in try Self.imageName(place[(colon + 1)...]) }
  }

  private static func imageName(_ bytes: ArraySlice<UInt8>) throws(SpecError) -> String {
    let name = String(decoding: bytes, as: UTF8.self)
    guard isImageName(bytes) else { throw .badTag(printable(name)) }
    return name
  }

  /// Cuts a trailing `@DIGEST` off; an `@` not followed by an algorithm we know is left in place.
  private static func splitDigest(
    _ bytes: ArraySlice<UInt8>
  ) throws(SpecError) -> (place: ArraySlice<UInt8>, digest: Digest?) {
    guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return (bytes, nil) }
    let suffix = bytes[(at + 1)...]
    let isDigest = Digest.Algorithm.allCases.contains { suffix.starts(with: "\($0):".utf8) }
    guard isDigest else { return (bytes, nil) }
    return (bytes[..<at], try Digest(String(decoding: suffix, as: UTF8.self)))
  }

  private static let otherTransports: Set<String> = [
    "atomic", "containers-storage", "dir", "docker", "docker-archive", "docker-daemon",
    "oci-archive", "ostree", "sif", "tarball",
  ]

  private static func refusal(of text: String, _ bytes: [UInt8]) -> SpecError {
    let prefix = bytes.prefix { $0 != UInt8(ascii: ":") }
    let name = String(decoding: prefix, as: UTF8.self)
    let isTransport = prefix.count < bytes.count && otherTransports.contains(name)
    return isTransport ? .unsupportedTransport(name) : .registryReference(printable(text))
  }

  /// Whether `name` is components joined by `/`, each of letters and digits joined by one of
  /// `-._:@+` or by `--`.
  private static func isImageName(_ name: ArraySlice<UInt8>) -> Bool {
    name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .allSatisfy(isComponent)
  }

  private static func isComponent(_ component: ArraySlice<UInt8>) -> Bool {
    var separators: [UInt8] = []
    var hasStarted = false
    for byte in component {
      if isDigit(byte) || isLowercase(byte) || isUppercase(byte) {
        guard separators.count <= 1 || separators == Array("--".utf8) else { return false }
        separators = []
        hasStarted = true
      } else if hasStarted, "-._:@+".utf8.contains(byte) {
        separators.append(byte)
      } else {
        return false
      }
    }
    return hasStarted && separators.isEmpty
  }
}

extension Reference: CustomStringConvertible {
  package var description: String { printable(text) }
}
