// Little-endian numbers to bytes and back, for the heads of files and what is small in them. The way back is
// checked: whatever the bytes are, it ends in a value or in nil.

struct ByteEncoder {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// What `other` encoded, as it is.
  mutating func append(_ other: ByteEncoder) { bytes += other.bytes }

  mutating func append(_ run: [UInt8]) {
    append(UInt32(run.count))
    bytes += run
  }
}

struct ByteDecoder {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) {
    rest = bytes[...]
  }

  mutating func next<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
    let count = MemoryLayout<Value>.size
    guard rest.count >= count else { return nil }
    var value = Value.zero
    withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: rest.prefix(count)) }
    rest.removeFirst(count)
    return Value(littleEndian: value)
  }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func nextRun() -> [UInt8]? {
    guard let count = next(UInt32.self), Int(count) <= rest.count else { return nil }
    defer { rest.removeFirst(Int(count)) }
    return Array(rest.prefix(Int(count)))
  }
}
