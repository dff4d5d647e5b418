// What a pull tells whoever watches it. Facts for progress lines; nothing depends on them.

package import OCISpec

/// One thing that happened during a pull; events of one blob come in order.
package enum PullEvent: Sendable, Equatable {
  /// The name was found to mean the image or index with `digest`, by the registry `from`.
  case resolved(ImageName, digest: Digest, from: String)
  /// The layers of the image, each digest once.
  case layers([Descriptor])
  /// A layer that is in the cache already.
  case present(Digest)
  /// A layer that another process fetches just now.
  case waiting(Digest)
  /// A layer is fetched; `from` bytes of it are kept from before.
  case started(Digest, from: UInt64)
  /// More bytes of a layer were written.
  case received(Digest, Int)
  /// All bytes of a layer were wrong and are fetched again.
  case restarted(Digest)
  /// Something failed and is tried again; with a digest, the fetching of that layer.
  case retrying(Digest?, reason: String, after: Duration)
  /// A layer is in the cache now.
  case finished(Digest)
}
