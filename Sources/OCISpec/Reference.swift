// What a user writes to name an image: where it is kept decides which of three forms is meant. Knows
// the grammar only; nothing here looks at a file or asks a registry.
// Source: containers-transports(5) for the spelling of transports.

/// An image in a layout, in an archive, or in a registry.
package enum Reference: Hashable, Sendable {
  case layout(LayoutReference)
  case archive(ArchiveReference)
  case registry(RegistryReference)

  /// The accepted forms, for messages.
  package static let grammar =
    "NAME[:TAG][@DIGEST], \(LayoutReference.grammar), oci-archive:FILE[:TAG] or "
    + "docker-archive:FILE[:NAME:TAG]"

  /// Reads a reference.
  ///
  /// A text without a transport is a name in a registry. `docker:24` is a name too, as Docker reads
  /// it; the transport is spelled `docker://`.
  ///
  /// - Throws: `.unsupportedTransport` for what other tools accept and we do not; else what is wrong
  ///   with the text.
  package init(_ text: String) throws(SpecError) {
    guard !text.isEmpty else { throw .emptyReference }
    let bytes = Array(text.utf8)
    if bytes.starts(with: "docker://".utf8) {
      self = .registry(try RegistryReference(text, name: bytes.dropFirst("docker://".utf8.count)))
      return
    }
    let transport = bytes.prefix { $0 != UInt8(ascii: ":") }
    let rest = bytes[transport.endIndex...].dropFirst()
    // Without a colon even "oci" is a name.
    let hasColon = transport.endIndex < bytes.endIndex
    switch hasColon ? String(decoding: transport, as: UTF8.self) : "" {
    case "oci": self = .layout(try LayoutReference(text, place: rest))
    case "oci-archive": self = .archive(try ArchiveReference(text, .oci, place: rest))
    case "docker-archive": self = .archive(try ArchiveReference(text, .docker, place: rest))
    case let other where Self.otherTransports.contains(other): throw .unsupportedTransport(other)
    default: self = .registry(try RegistryReference(text, name: bytes[...]))
    }
  }

  /// The reference as it was written.
  package var text: String {
    switch self {
    case .layout(let reference): reference.text
    case .archive(let reference): reference.text
    case .registry(let reference): reference.text
    }
  }

  private static let otherTransports: Set<String> = [
    "atomic", "containers-storage", "dir", "docker-daemon", "ostree", "sif", "tarball",
  ]
}

extension Reference: CustomStringConvertible {
  package var description: String { printable(text) }
}
