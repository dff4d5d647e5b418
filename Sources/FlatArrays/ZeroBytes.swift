// Whether bytes are all zero, as fast as memory is read.

import Glibc

extension Span where Element == UInt8 {
  /// Whether every byte is zero; true for no bytes.
  ///
  /// Stops at the first that is not.
  package var isAllZero: Bool {
    withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress, !bytes.isEmpty else { return true }
      // All are what the first one is where each is what the next one is.
      return bytes[0] == 0 && memcmp(first, first + 1, bytes.count - 1) == 0
    }
  }
}
