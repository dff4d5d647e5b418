// Bytes as hexadecimal digits, and back: digests, and names in files of ours.

/// Bytes as lower case hexadecimal, two digits each.
package func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 0xF)])
  }
  return String(decoding: text, as: UTF8.self)
}

/// The bytes that lower case digits stand for, two for each; `nil` for anything else.
package func bytesOfHexadecimal(_ text: some Sequence<UInt8>) -> [UInt8]? {
  var bytes: [UInt8] = []
  var high: UInt8?
  for character in text {
    guard let nibble = lowercaseNibble(character) else { return nil }
    if let first = high {
      bytes.append(first << 4 | nibble)
      high = nil
    } else {
      high = nibble
    }
  }
  return high == nil ? bytes : nil
}

private func lowercaseNibble(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}
