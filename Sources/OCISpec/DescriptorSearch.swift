// Every descriptor that stands anywhere in a document: what must be kept as long as the document is.
// Knows no document types, so that artifacts, signatures and what is yet to be invented keep what they
// refer to.

package enum DescriptorSearch {
  /// The descriptors of a document, outermost first; objects without a digest of ours are none.
  package static func descriptors(
    in document: [UInt8],
    limits: SpecLimits = SpecLimits()
  ) throws(SpecError) -> [Descriptor] {
    var found: [Descriptor] = []
    collect(try JSONValue(parsing: document, limits: limits), into: &found)
    return found
  }

  private static func collect(_ value: JSONValue, into found: inout [Descriptor]) {
    switch value {
    case .scalar, .string: return
    case .array(let elements): for element in elements { collect(element, into: &found) }
    case .object(let members):
      if let descriptor = descriptor(value) { found.append(descriptor) }
      for member in members { collect(member.value, into: &found) }
    }
  }

  private static func descriptor(_ value: JSONValue) -> Descriptor? {
    guard let text = value["digest"]?.text, case .scalar(let size) = value["size"],
      let byteCount = UInt64(String(decoding: size, as: UTF8.self)),
      case .success(let digest) = Result(catching: { () throws(SpecError) in try Digest(text) })
    else { return nil }
    return Descriptor(
      mediaType: MediaType(value["mediaType"]?.text ?? ""),
      digest: digest,
      byteCount: byteCount
    )
  }
}
