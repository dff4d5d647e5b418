// Changing the `index.json` of a layout that others write too: entries go and come, and whatever we do
// not know about the others stays as it was written.
// Source: OCI image-spec 1.1, image-layout.md "index.json file".

/// The `index.json` of a layout while it is changed.
package struct LayoutIndexEditor: Sendable {
  /// The entries, in order.
  package private(set) var entries: [Descriptor]
  /// One for each entry, as it stands in the document.
  private var values: [JSONValue]
  private var document: JSONValue

  /// An index without images.
  package static let empty = Array(
    """
    {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}
    """.utf8
  )

  /// Reads the document, by the same rules as whoever reads it for its images.
  package init(parsing bytes: [UInt8]) throws(SpecError) {
    entries = try ImageIndex(parsingLayoutIndex: bytes).manifests
    document = try JSONValue(parsing: bytes)
    // `null` is an empty list there, as with many writers.
    values = document["manifests"]?.elements ?? []
    guard values.count == entries.count else { throw .badField("manifests", reason: "not a list") }
  }

  /// Takes out the entries that `isUnwanted`, and returns how many that were.
  @discardableResult
  package mutating func remove(where isUnwanted: (Descriptor) -> Bool) -> Int {
    let kept = entries.indices.filter { !isUnwanted(entries[$0]) }
    let removed = entries.count - kept.count
    entries = kept.map { entries[$0] }
    values = kept.map { values[$0] }
    return removed
  }

  /// Puts entries in front of the first that `isSuccessor`, or else at the end, and takes out those
  /// that they replace.
  package mutating func insert(
    _ new: [Descriptor],
    before isSuccessor: (Descriptor) -> Bool,
    replacing isReplaced: (Descriptor) -> Bool
  ) {
    let successor = entries.firstIndex(where: isSuccessor) ?? entries.count
    let position = successor - entries[..<successor].count(where: isReplaced)
    remove(where: isReplaced)
    entries.insert(contentsOf: new, at: position)
    values.insert(contentsOf: new.map(\.value), at: position)
  }

  /// The document to be written.
  ///
  /// - Throws: `.documentTooLarge` where nobody would read it any more.
  package func bytes() throws(SpecError) -> [UInt8] {
    var changed = document
    changed["manifests"] = .array(values)
    let bytes = changed.bytes
    let limit = SpecLimits().documentByteCount
    guard UInt64(bytes.count) <= limit else {
      throw .documentTooLarge(byteCount: UInt64(bytes.count), limit: limit)
    }
    return bytes
  }
}

extension Descriptor {
  /// The descriptor as it stands in a document.
  fileprivate var value: JSONValue {
    var value = JSONValue([
      ("mediaType", JSONValue(mediaType.rawValue)), ("digest", JSONValue(digest.description)),
      ("size", JSONValue(byteCount)),
    ])
    if let platform {
      var members = [
        ("architecture", JSONValue(platform.architecture)), ("os", JSONValue(platform.os)),
      ]
      if let variant = platform.variant { members.append(("variant", JSONValue(variant))) }
      value["platform"] = JSONValue(members.map { (name: $0.0, value: $0.1) })
    }
    if !annotations.isEmpty {
      value["annotations"] = JSONValue(
        annotations.sorted { $0.key < $1.key }.map { (name: $0.key, value: JSONValue($0.value)) }
      )
    }
    return value
  }
}
