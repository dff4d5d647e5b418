// Everything that can go wrong between a layer's blob and its files' bytes. Each names the layer.

package import FileTree
package import ImageStore
package import OCISpec
package import Offsets
package import SeekableCompression
package import TarFormat

package enum LayersError: Error, Equatable, Sendable {
  /// The blob's bytes are not those its digest promises.
  case digestMismatch(layer: Digest, actual: Digest)
  /// The blob's tar stream is not the one that the image's configuration lists.
  case diffIDMismatch(layer: Digest, expected: Digest, actual: Digest)
  case compression(layer: Digest, CompressionError)
  case tar(layer: Digest, TarError)
  case entries(layer: Digest, TreeError)
  /// The layers were read, but do not make a tree.
  case merge(TreeError)
  /// A blob, a lock or a file of the cache.
  case store(layer: Digest, ImageStoreError)
  /// 64 KiB of the blob from here on are not what they were when its digest was checked.
  case blobChanged(layer: Digest, at: BlobOffset)
  /// The blob ends before bytes that its index says it has.
  case endsEarly(layer: Digest, at: TarOffset)
}

extension LayersError {
  /// What a decoder of a layer says, in which bytes that are no longer the verified ones stand out.
  init(_ error: CompressionError, layer: Digest) {
    if case .source(.changed(let offset)) = error {
      self = .blobChanged(layer: layer, at: offset)
    } else {
      self = .compression(layer: layer, error)
    }
  }
}

extension LayersError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .digestMismatch(let layer, let actual):
      "layer \(layer): the blob's digest is \(actual)"
    case .diffIDMismatch(let layer, let expected, let actual):
      "layer \(layer): the diffID is \(actual), the image's configuration says \(expected)"
    case .compression(let layer, let error): "layer \(layer): \(error)"
    case .tar(let layer, let error): "layer \(layer): \(error)"
    case .entries(let layer, let error): "layer \(layer): \(error)"
    case .merge(let error): "\(error)"
    case .store(let layer, let error): "layer \(layer): \(error)"
    case .blobChanged(let layer, let offset):
      "layer \(layer): the blob has changed since it was verified, at or after blob byte \(offset)"
    case .endsEarly(let layer, let offset):
      "layer \(layer): the tar stream ends early, at tar byte \(offset)"
    }
  }
}
