// The parts that several forms of reference share: a trailing digest, a path, a name in a layout.
// Source: OCI image-spec 1.1, annotations.md "org.opencontainers.image.ref.name".

enum ReferenceText {
  /// Cuts a trailing `@DIGEST` off; an `@` not followed by an algorithm we know is left in place.
  static func splitDigest(
    _ bytes: ArraySlice<UInt8>
  ) throws(SpecError) -> (place: ArraySlice<UInt8>, digest: Digest?) {
    guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return (bytes, nil) }
    let suffix = bytes[(at + 1)...]
    let isDigest = Digest.Algorithm.allCases.contains { suffix.starts(with: "\($0):".utf8) }
    guard isDigest else { return (bytes, nil) }
    return (bytes[..<at], try Digest(String(decoding: suffix, as: UTF8.self)))
  }

  /// A path for the kernel.
  static func path(
    _ bytes: ArraySlice<UInt8>,
    or whenEmpty: SpecError
  ) throws(SpecError) -> [UInt8] {
    guard !bytes.isEmpty else { throw whenEmpty }
    guard !bytes.contains(0) else { throw .nulInPath }
    return Array(bytes)
  }

  /// The name of an image in a layout: components joined by `/`, each of letters and digits joined by
  /// one of `-._:@+` or by `--`.
  static func imageName(_ bytes: ArraySlice<UInt8>) throws(SpecError) -> String {
    let name = String(decoding: bytes, as: UTF8.self)
    let components = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard components.allSatisfy(isComponent) else { throw .badTag(printable(name)) }
    return name
  }

  private static func isComponent(_ component: ArraySlice<UInt8>) -> Bool {
    isJoined(
      component,
      isWord: { isDigit($0) || isLowercase($0) || isUppercase($0) },
      separators: "-._:@+",
      isJoint: { $0.count == 1 || $0 == Array("--".utf8) }
    )
  }

  /// Whether `component` is words, of bytes that `isWord` takes, with a joint of `separators` between
  /// each two.
  static func isJoined(
    _ component: ArraySlice<UInt8>,
    isWord: (UInt8) -> Bool,
    separators: String,
    isJoint: ([UInt8]) -> Bool
  ) -> Bool {
    var joint: [UInt8] = []
    var hasStarted = false
    for byte in component {
      if isWord(byte) {
        guard joint.isEmpty || isJoint(joint) else { return false }
        joint = []
        hasStarted = true
      } else if hasStarted, separators.utf8.contains(byte) {
        joint.append(byte)
      } else {
        return false
      }
    }
    return hasStarted && joint.isEmpty
  }
}
