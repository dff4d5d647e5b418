// How much of a document we are willing to read. Every number bounds something an attacker chooses.

/// The largest documents, lists and nestings accepted, each with its reason.
package struct SpecLimits: Equatable, Sendable {
  /// Largest index, manifest or configuration, in bytes: 4 MiB.
  ///
  /// Registries are asked to accept manifests of at least 4 MiB, and the common clients cap both
  /// manifests and configurations there.
  /// Source: OCI distribution-spec 1.1, "Pushing Manifests".
  package var documentByteCount: UInt64 = 4 << 20

  /// Most layers in one image: 1,000.
  ///
  /// Container engines stop near 128 (one overlay mount option string); the rest is headroom for
  /// images made by generators. Each layer costs an open file and an index.
  package var layerCount = 1_000

  /// Deepest chain of indexes below `index.json`: 4.
  ///
  /// The tools in use write one or two (tag, then platform).
  package static let indexDepth = 4

  /// Deepest nesting of JSON objects and arrays: 32.
  ///
  /// The documents of the specification need 5 (index, `manifests`, descriptor, `platform`,
  /// `os.features`); 32 leaves room for extensions and keeps any recursive decoder off the end of
  /// its stack.
  package static let jsonDepth = 32

  package init() {}

  /// What the bounds may be raised to.
  ///
  /// Also what holds for documents that are in the cache: whoever brought them has let them pass, and
  /// who cleans up there must understand whatever others may use. 64 MiB of a document are held in
  /// memory, some ten times over while they are read; a tree numbers its layers in 16 bits, of which
  /// some are left for what is laid over an image.
  package static var highest: SpecLimits {
    var limits = SpecLimits()
    limits.documentByteCount = 64 << 20
    limits.layerCount = 65_000
    return limits
  }
}
