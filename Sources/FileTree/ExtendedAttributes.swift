// A file's extended attributes in packed form, and which of them a Linux file system can carry.
// Sources: xattr(7), Linux include/uapi/linux/{xattr,capability,posix_acl_xattr}.h.

package import FlatArrays

/// One extended attribute: a name with its namespace, and a value.
package struct ExtendedAttribute: Hashable, Sendable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// A file's extended attributes, packed one behind the other and sorted by name.
///
/// Each is: name length (1 byte; the kernel's limit is 255), value length (4 bytes, little-endian),
/// name, value. Iterating stops at the first one that does not fit, so damage cannot trap.
package struct ExtendedAttributes: Sequence, Sendable {
  private let packed: ByteSlice

  package init(packed: ByteSlice) {
    self.packed = packed
  }

  package var isEmpty: Bool { packed.isEmpty }

  /// The value of the attribute `name`, or `nil` where there is none.
  package func value(of name: [UInt8]) -> ByteSlice? {
    let wanted = ByteSlice(name)
    return first { $0.name == wanted }?.value
  }

  package func makeIterator() -> Iterator {
    Iterator(packed: packed)
  }

  package struct Iterator: IteratorProtocol {
    private let packed: ByteSlice
    private var position = 0

    fileprivate init(packed: ByteSlice) {
      self.packed = packed
    }

    package mutating func next() -> (name: ByteSlice, value: ByteSlice)? {
      guard packed.count - position >= ExtendedAttributes.headerByteCount else { return nil }
      let nameCount = Int(packed[position])
      let valueCount = (0..<4).reduce(0) { $0 | Int(packed[position + 1 + $1]) << (8 * $1) }
      let start = position + ExtendedAttributes.headerByteCount
      guard nameCount + valueCount <= packed.count - start else { return nil }
      position = start + nameCount + valueCount
      return (
        packed.slice(at: start, count: nameCount),
        packed.slice(at: start + nameCount, count: valueCount)
      )
    }
  }

  /// Name length, 1 byte, and value length, 4 bytes.
  private static let headerByteCount = 1 + 4

  /// Appends `attributes` to `pool` in packed form.
  ///
  /// Of equal names the last one stays.
  package static func pack(_ attributes: [ExtendedAttribute], into pool: inout [UInt8]) {
    var values: [[UInt8]: [UInt8]] = [:]
    for attribute in attributes {
      values[attribute.name] = attribute.value
    }
    for (name, value) in values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      pool.append(UInt8(truncatingIfNeeded: name.count))
      for shift in [0, 8, 16, 24] {
        pool.append(UInt8(truncatingIfNeeded: value.count >> shift))
      }
      pool += name
      pool += value
    }
  }
}
