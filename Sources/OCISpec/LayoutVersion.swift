// The `oci-layout` file that marks a directory as an image layout.
// Source: OCI image-spec 1.1, image-layout.md "oci-layout file".

/// The version a layout declares; every 1.x is the same to us.
package struct LayoutVersion: Hashable, Sendable {
  package let text: String

  /// Reads the content of `oci-layout`.
  ///
  /// - Throws: `.unsupportedLayoutVersion` unless the version is 1.x or 1.x.y.
  package init(parsing bytes: [UInt8]) throws(SpecError) {
    let wire = try DocumentDecoder.decode(Wire.self, from: bytes, limits: SpecLimits())
    guard let version = wire.imageLayoutVersion else { throw .missingField("imageLayoutVersion") }
    guard version.utf8.starts(with: "1.".utf8) else {
      throw .unsupportedLayoutVersion(printable(version))
    }
    text = version
  }

  private struct Wire: Decodable {
    let imageLayoutVersion: String?
  }
}
