// What a mount tells beside the attributes that the image has: where a file comes from, and which reads
// failed. As extended attributes that no list names, so that nobody copies them along with a file.

package import FileTree
package import FuseServer

/// What is told of a file, each as the extended attribute `user.banger.NAME`.
package enum ProvenanceAttribute: String, CaseIterable, Sendable {
  /// The number of the layer, counted from the base.
  case layer
  /// The layer's digest.
  case digest
  /// The member's first byte in the layer's tar stream.
  case offset
  /// What made the layer, as the image's history has it.
  case history
  /// Of what was laid over the image: the option that did it.
  case option

  package var name: String { MountFacts.prefix + rawValue }
}

/// Where the values come from.
///
/// Asked on threads that answer requests: the closures answer from memory.
package struct MountFacts: Sendable {
  fileprivate static let prefix = "user.banger."
  /// Of the mount's root: its reads that failed.
  package static let failuresName = prefix + "failures"

  private let provenance: @Sendable (ProvenanceAttribute, Node) -> [UInt8]?
  private let failures: @Sendable (FuseCaller) -> [UInt8]?

  package init(
    provenance: @escaping @Sendable (ProvenanceAttribute, Node) -> [UInt8]?,
    failures: @escaping @Sendable (FuseCaller) -> [UInt8]?
  ) {
    self.provenance = provenance
    self.failures = failures
  }

  /// Whether a name is one of ours.
  static func has(_ name: UnsafeRawBufferPointer) -> Bool { name.starts(with: prefix.utf8) }

  /// Copies what `name` is of a node, as much as there is room for; `nil` where it is nothing.
  func copyProvenance(
    _ name: UnsafeRawBufferPointer,
    of node: Node,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let attribute = ProvenanceAttribute.allCases.first { name.elementsEqual($0.name.utf8) }
    return attribute.flatMap { copy(provenance($0, node), into: buffer) }
  }

  /// Copies the failed reads, if that is what `name` asks for.
  func copyFailures(
    _ name: UnsafeRawBufferPointer,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard name.elementsEqual(Self.failuresName.utf8) else { return nil }
    return copy(failures(caller), into: buffer)
  }

  private func copy(_ value: [UInt8]?, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let value else { return nil }
    let part = value.prefix(buffer.count)
    buffer.copyBytes(from: part)
    return part.count
  }
}
