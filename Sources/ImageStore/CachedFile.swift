// A file of the cache, open for reading: what it takes to map it, or to read it whole where it is small.

import Glibc
package import OCISpec
package import SystemPackage

/// What the cache keeps for each layer blob.
package enum CacheKind: String, Sendable, CaseIterable {
  /// The layer's index.
  case index
  /// The layer in a form that can be entered everywhere.
  case copies
  /// Merged trees of images whose last layer it is.
  case trees
  /// Which file was last found to be what its digest says.
  case verified
  /// Which index, and which tree, was last found sound from beginning to end.
  case checked
}

/// A file that the cache keeps for a layer blob.
///
/// Of some kinds there are several for one blob, told apart by a digest of what else decides them.
package struct CacheFileName: Hashable, Sendable {
  package let kind: CacheKind
  package let blob: Digest
  /// `nil` where the kind has one file for each blob.
  package let variant: Digest?

  package init(_ kind: CacheKind, of blob: Digest, variant: Digest? = nil) {
    self.kind = kind
    self.blob = blob
    self.variant = variant
  }

  /// In the directory of the kind and the blob's algorithm: `HEX`, or `HEX-HEX` with the variant.
  var text: String { blob.hex + (variant.map { "\(Self.separator)\($0.hex)" } ?? "") }

  /// The name `text` in that directory; `nil` where it is none.
  init?(_ kind: CacheKind, _ algorithm: Digest.Algorithm, _ text: String) {
    let parts = text.split(separator: Self.separator, omittingEmptySubsequences: false)
    guard parts.count <= 2, let blob = Digest(algorithm: algorithm, hex: String(parts[0])) else {
      return nil
    }
    var variant: Digest?
    if parts.count == 2 {
      variant = Digest(algorithm: .sha256, hex: String(parts[1]))
      if variant == nil { return nil }
    }
    self.init(kind, of: blob, variant: variant)
  }

  /// What the names of all variants of a blob begin with.
  static func variantPrefix(_ blob: Digest) -> String { blob.hex + String(separator) }

  private static let separator: Character = "-"
}

/// An open file of the cache; closed when its owner lets go of it.
package struct CachedFile: ~Copyable {
  package let descriptor: FileDescriptor
  package let byteCount: Int
  /// Which file, and in which state, this was when it was opened.
  package let identity: BlobFile.Identity
  private let path: FilePath

  init(_ descriptor: FileDescriptor, _ status: stat, byteCount: Int, path: FilePath) {
    self.descriptor = descriptor
    self.byteCount = byteCount
    identity = BlobFile.Identity(foreign: status)
    self.path = path
  }

  deinit {
    descriptor.closeIgnoringErrors()
  }

  /// Whether the file is still as it was when it was opened.
  package var isUnchanged: Bool {
    get throws(ImageStoreError) {
      do {
        return BlobFile.Identity(foreign: try fileStatus(of: descriptor)) == identity
      } catch {
        throw .system("read the status", path, error)
      }
    }
  }

  /// All bytes, or the first `limit` of them.
  package func readAll(limit: Int) throws(ImageStoreError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(byteCount, limit))
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(Errno) in try descriptor.readFully(at: 0, into: buffer) }
    }
    do {
      bytes.removeLast(bytes.count - (try result.get()))
    } catch {
      throw .system("read", path, error)
    }
    return bytes
  }
}
