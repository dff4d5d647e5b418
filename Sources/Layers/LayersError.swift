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
  /// `path` is that of the member it is about, as archived, where that is known.
  case tar(layer: Digest, path: [UInt8]?, TarError)
  case entries(layer: Digest, TreeError)
  /// The layers were read, but do not make a tree.
  case merge(TreeError)
  /// A blob, a lock or a file of the cache.
  case store(layer: Digest, ImageStoreError)
  /// 64 KiB of the blob from here on are not what they were when its digest was checked.
  case blobChanged(layer: Digest, at: BlobOffset)
  /// The blob ends before bytes that its index says it has.
  case endsEarly(layer: Digest, at: TarOffset)
  /// What is laid over the image; the text is the option that asked for it, with its value.
  case addition(String, AdditionFault)
  /// The file in which contents of what is added are kept.
  case scratch(ImageStoreError)
  case scratchEndsEarly(at: TarOffset)
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
    layer.map { "layer \($0): \(problem)" } ?? problem
  }

  /// The error without the layer's digest, for layers that are known by another name.
  package var problem: String {
    switch self {
    case .digestMismatch(_, let actual): "content is \(actual)"
    case .diffIDMismatch(_, let expected, let actual):
      "the diffID is \(actual), the image's configuration says \(expected)"
    case .compression(_, let error): "\(error)"
    case .tar(_, let path, let error):
      path.map { "\(EscapedBytes.path($0)): \(error)" } ?? "\(error)"
    case .entries(_, let error): "\(error)"
    case .merge(let error): "\(error)"
    case .store(let layer, let error): error.said(of: layer)
    case .blobChanged(_, let offset):
      "the blob has changed since it was verified, at or after blob byte \(offset)"
    case .endsEarly(_, let offset): "the tar stream ends early, at tar byte \(offset)"
    case .addition(let name, let fault): name.isEmpty ? "\(fault)" : "\(name): \(fault)"
    case .scratch(let error): "\(error)"
    case .scratchEndsEarly(let offset):
      "the copy of what was added ends early, at byte \(offset)"
    }
  }

  /// The layer of an image that it is about.
  private var layer: Digest? {
    switch self {
    case .digestMismatch(let layer, _), .diffIDMismatch(let layer, _, _),
      .compression(let layer, _), .tar(let layer, _, _), .entries(let layer, _),
      .store(let layer, _), .blobChanged(let layer, _), .endsEarly(let layer, _):
      layer
    case .merge, .addition, .scratch, .scratchEndsEarly: nil
    }
  }
}
