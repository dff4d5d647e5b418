// Bytes as numbers and as digits: fixed-width little-endian numbers, hexadecimal text.

extension Array where Element == UInt8 {
  /// The number at `offset`.
  ///
  /// The caller has checked that it lies inside: record sizes are constants,
  /// and offsets that come from the file are checked where they are read.
  func little<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number {
    precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count, "record too short")
    return withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
  }
}

extension Collection where Element == UInt8 {
  /// Two lower case digits for each byte.
  var hexadecimal: String {
    map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }
}
