// Hashing by either digest algorithm, in pieces. The only file that knows the hash library.

import struct Crypto.SHA256
import struct Crypto.SHA512
package import OCISpec

/// A running digest of bytes that arrive in pieces.
package struct DigestHasher: Sendable {
  private var state: State

  private enum State: Sendable {
    case sha256(SHA256)
    case sha512(SHA512)
  }

  package init(_ algorithm: Digest.Algorithm) {
    switch algorithm {
    case .sha256: state = .sha256(SHA256())
    case .sha512: state = .sha512(SHA512())
    }
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch state {
    case .sha256(var hash):
      hash.update(bufferPointer: bytes)
      state = .sha256(hash)
    case .sha512(var hash):
      hash.update(bufferPointer: bytes)
      state = .sha512(hash)
    }
  }

  /// The digest of everything so far.
  package func finalize() -> Digest {
    switch state {
    case .sha256(let hash): Digest(algorithm: .sha256, bytes: Array(hash.finalize()))
    case .sha512(let hash): Digest(algorithm: .sha512, bytes: Array(hash.finalize()))
    }
  }

  /// The digest of `bytes`.
  package static func digest(of bytes: [UInt8], _ algorithm: Digest.Algorithm) -> Digest {
    var hasher = DigestHasher(algorithm)
    bytes.withUnsafeBytes { hasher.update($0) }
    return hasher.finalize()
  }
}
