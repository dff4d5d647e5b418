// Content digests: algorithm plus raw bytes. The only spelling of a digest in the program, so no
// text from a document can ever become part of a path.
// Source: OCI image-spec 1.1, descriptor.md "Digests".

/// The digest of some content, by one of the two registered algorithms.
package struct Digest: Hashable, Sendable {
  package enum Algorithm: String, Sendable, CaseIterable {
    case sha256
    case sha512

    /// Length of a digest in bytes.
    package var byteCount: Int {
      switch self {
      case .sha256: 256 / 8
      case .sha512: 512 / 8
      }
    }
  }

  package let algorithm: Algorithm
  /// The raw digest, `algorithm.byteCount` bytes.
  package let bytes: [UInt8]

  /// Takes what a hash function returned; `bytes` must have the algorithm's length.
  package init(algorithm: Algorithm, bytes: [UInt8]) {
    precondition(bytes.count == algorithm.byteCount, "a digest has its algorithm's length")
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// Reads `algorithm:encoded`, where `encoded` is exactly the digest in lower case hexadecimal.
  ///
  /// - Throws: `.badDigest`, or `.unsupportedDigestAlgorithm` for a well-formed digest of another
  ///   algorithm.
  package init(_ text: String) throws(SpecError) {
    let bytes = Array(text.utf8)
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      Self.isAlgorithm(bytes[..<colon]), Self.isEncoded(bytes[(colon + 1)...])
    else { throw .badDigest(printable(text)) }
    let name = String(decoding: bytes[..<colon], as: UTF8.self)
    guard let algorithm = Algorithm(rawValue: name) else {
      throw .unsupportedDigestAlgorithm(printable(name))
    }
    guard let raw = bytesOfHexadecimal(bytes[(colon + 1)...]),
      raw.count == algorithm.byteCount
    else { throw .badDigest(printable(text)) }
    self.algorithm = algorithm
    self.bytes = raw
  }

  /// The same for the text of a field of a document, which is named where it is at fault.
  init(_ text: String, field: @autoclosure () -> String) throws(SpecError) {
    do throws(SpecError) {
      try self.init(text)
    } catch {
      throw .badField(field(), reason: error.description)
    }
  }

  /// The digest in lower case hexadecimal, without the algorithm; safe as a file name.
  package var hex: String { hexadecimal(bytes) }

  /// `[a-z0-9]+` parts joined by single `+`, `.`, `_` or `-`.
  private static func isAlgorithm(_ text: ArraySlice<UInt8>) -> Bool {
    text.split(omittingEmptySubsequences: false) { [0x2B, 0x2E, 0x5F, 0x2D].contains($0) }
      .allSatisfy { part in
        !part.isEmpty && part.allSatisfy { isDigit($0) || isLowercase($0) }
      }
  }

  /// `[A-Za-z0-9=_-]+`.
  private static func isEncoded(_ text: ArraySlice<UInt8>) -> Bool {
    !text.isEmpty
      && text.allSatisfy {
        isDigit($0) || isLowercase($0) || isUppercase($0) || [0x3D, 0x5F, 0x2D].contains($0)
      }
  }
}

extension Digest: CustomStringConvertible {
  package var description: String { "\(algorithm.rawValue):\(hex)" }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
func isLowercase(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
func isUppercase(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
func isHexadecimal(_ byte: UInt8) -> Bool {
  isDigit(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
}
