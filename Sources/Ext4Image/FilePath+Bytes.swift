// Paths of the host as the bytes that they are.

import SystemPackage

extension FilePath {
  /// The path's bytes, without an end mark.
  var rawBytes: [UInt8] {
    withPlatformString { start in
      var bytes: [UInt8] = []
      var position = start
      while position.pointee != 0 {
        bytes.append(UInt8(bitPattern: position.pointee))
        position += 1
      }
      return bytes
    }
  }

  init(rawBytes bytes: [UInt8]) {
    let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
    self = terminated.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
    }
  }
}
