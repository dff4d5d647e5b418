// A reference to an image in a registry, as Docker reads it: `NAME[:TAG][@DIGEST]`.
// Source: distribution/reference, "Grammar"; OCI distribution-spec 1.1, "Pulling manifests".

/// A name as a user writes it, which may leave out the registry, the tag and `library/`.
package struct RegistryReference: Hashable, Sendable {
  /// The reference as it was written.
  package let text: String
  /// The registry `HOST[:PORT]`; `nil` where the text names none, as in `debian` and `team/app`.
  package let domain: String?
  /// The repository, without the registry.
  package let path: String
  package let tag: String?
  package let digest: Digest?

  /// Longest name, registry included, in bytes.
  ///
  /// Source: distribution/reference, `NameTotalLengthMax`.
  private static let nameByteCount = 255
  /// Longest tag in bytes.
  ///
  /// Source: OCI distribution-spec 1.1, "Pulling manifests".
  private static let tagByteCount = 128

  init(_ text: String, name bytes: ArraySlice<UInt8>) throws(SpecError) {
    let (named, digest) = try Self.cutDigest(bytes, of: text)
    let (name, tag) = Self.cutTag(named)
    let (domain, path) = Self.splitDomain(name)
    self.text = text
    self.digest = digest
    self.domain = domain.map { String(decoding: $0, as: UTF8.self) }
    self.path = String(decoding: path, as: UTF8.self)
    self.tag = tag.map { String(decoding: $0, as: UTF8.self) }
    // The completed name counts: it is what the image is called from now on.
    let byteCount = dockerName.repositoryText.utf8.count
    if let fault = Self.fault(domain, path, tag, nameByteCount: byteCount) {
      throw .badImageName(printable(text), fault)
    }
  }

  /// The image's full name in a registry that the reference may have left out.
  package func name(in domain: String) -> ImageName {
    ImageName(domain: domain, path: path, tag: tag, digest: digest)
  }

  /// The image's full name as Docker completes it.
  package var dockerName: ImageName { name(in: domain ?? ImageName.dockerHub) }

  private static func cutDigest(
    _ bytes: ArraySlice<UInt8>,
    of text: String
  ) throws(SpecError) -> (ArraySlice<UInt8>, Digest?) {
    guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else { return (bytes, nil) }
    return (bytes[..<at], try Digest(String(decoding: bytes[(at + 1)...], as: UTF8.self)))
  }

  /// A colon behind the last slash begins a tag; one before it belongs to a port.
  private static func cutTag(
    _ bytes: ArraySlice<UInt8>
  ) -> (name: ArraySlice<UInt8>, tag: ArraySlice<UInt8>?) {
    let last = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? bytes.startIndex
    guard let colon = bytes[last...].lastIndex(of: UInt8(ascii: ":")) else { return (bytes, nil) }
    return (bytes[..<colon], bytes[(colon + 1)...])
  }

  /// The first component is a registry where no repository could be called so.
  private static func splitDomain(
    _ name: ArraySlice<UInt8>
  ) -> (domain: ArraySlice<UInt8>?, path: ArraySlice<UInt8>) {
    guard let slash = name.firstIndex(of: UInt8(ascii: "/")) else { return (nil, name) }
    let first = name[..<slash]
    return namesRegistry(first) ? (first, name[(slash + 1)...]) : (nil, name)
  }

  /// Whether the first of several components is read as a registry.
  static func namesRegistry(_ component: some Sequence<UInt8>) -> Bool {
    component.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || isUppercase($0) }
      || component.elementsEqual("localhost".utf8)
  }

  private static func fault(
    _ domain: ArraySlice<UInt8>?,
    _ path: ArraySlice<UInt8>,
    _ tag: ArraySlice<UInt8>?,
    nameByteCount: Int
  ) -> ImageNameFault? {
    if let domain, !isDomain(domain) { return .registry }
    if path.contains(where: isUppercase) { return .uppercase }
    if !path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .allSatisfy(isPathComponent)
    {
      return .repository
    }
    if nameByteCount > Self.nameByteCount { return .tooLong(limit: Self.nameByteCount) }
    // Docker takes such a name for the identifier of a local image.
    if domain == nil, path.count == 64, path.allSatisfy(isHexadecimal) { return .identifier }
    if let tag, !isTag(tag) { return .tag }
    return nil
  }

  /// Letters and digits, joined by `.`, `_`, `__` or any number of `-`.
  private static func isPathComponent(_ component: ArraySlice<UInt8>) -> Bool {
    ReferenceText.isJoined(
      component,
      isWord: { isDigit($0) || isLowercase($0) },
      separators: "._-",
      isJoint: { joint in
        joint.count == 1 || joint == Array("__".utf8)
          || joint.allSatisfy { $0 == UInt8(ascii: "-") }
      }
    )
  }

  private static func isTag(_ tag: ArraySlice<UInt8>) -> Bool {
    guard let first = tag.first, tag.count <= tagByteCount, first != UInt8(ascii: "."),
      first != UInt8(ascii: "-")
    else { return false }
    return tag.allSatisfy {
      isDigit($0) || isLowercase($0) || isUppercase($0) || "_.-".utf8.contains($0)
    }
  }

  /// A host name or an IPv4 address, or an IPv6 address in brackets; then maybe a port.
  private static func isDomain(_ domain: ArraySlice<UInt8>) -> Bool {
    var host = domain
    let bracket = domain.lastIndex(of: UInt8(ascii: "]"))
    let portSearch = domain[(bracket ?? domain.startIndex)...]
    if let colon = portSearch.lastIndex(of: UInt8(ascii: ":")) {
      let port = domain[(colon + 1)...]
      guard port.allSatisfy(isDigit), let number = Int(String(decoding: port, as: UTF8.self)),
        (1...65_535).contains(number)
      else { return false }
      host = domain[..<colon]
    }
    if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
      let address = host.dropFirst().dropLast()
      return address.count >= 2
        && address.allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") }
    }
    return host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy(isHostLabel)
  }

  /// Source: RFC 1123, section 2.1.
  private static func isHostLabel(_ label: ArraySlice<UInt8>) -> Bool {
    guard let first = label.first, let last = label.last, first != UInt8(ascii: "-"),
      last != UInt8(ascii: "-")
    else { return false }
    return label.allSatisfy {
      isDigit($0) || isLowercase($0) || isUppercase($0) || $0 == UInt8(ascii: "-")
    }
  }
}

/// What is wrong with the name of an image.
package enum ImageNameFault: Hashable, Sendable {
  case registry
  case repository
  case uppercase
  case tooLong(limit: Int)
  case identifier
  case tag
  case digestInArchive
}

extension ImageNameFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .registry: "the registry is not HOST[:PORT]"
    case .repository: "the repository is not lower case letters and digits, joined by . _ __ - or /"
    case .uppercase: "the repository has upper case letters"
    case .tooLong(let limit): "longer than \(limit) bytes"
    case .identifier: "the identifier of an image is not a name; put sha256: and a name before it"
    case .tag: "the tag is not 1 to 128 letters, digits, _ . or -"
    case .digestInArchive: "a Docker archive has no digests"
    }
  }
}
