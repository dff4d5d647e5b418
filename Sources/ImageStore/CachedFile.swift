// A file of the cache, open for reading: what it takes to map it, or to read it whole where it is small.

package import SystemPackage

/// What the cache keeps for each layer blob.
package enum CacheKind: String, Sendable, CaseIterable {
  /// The layer's index.
  case index
  /// The layer in a form that can be entered everywhere.
  case copies
  /// Which file was last found to be what its digest says.
  case verified
}

/// An open file of the cache; closed when its owner lets go of it.
package struct CachedFile: ~Copyable {
  package let descriptor: FileDescriptor
  package let byteCount: Int
  private let path: FilePath

  init(_ descriptor: FileDescriptor, byteCount: Int, path: FilePath) {
    self.descriptor = descriptor
    self.byteCount = byteCount
    self.path = path
  }

  deinit {
    descriptor.closeIgnoringErrors()
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
