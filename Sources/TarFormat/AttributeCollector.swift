// Extended attributes as pax records carry them, collected for one member. Knows the two spellings
// and the kernel's limits; judges neither names nor values.
// Sources: star(5), SCHILY.xattr; libarchive's LIBARCHIVE.xattr (percent-encoded name, base64 value).

import Offsets

/// The attributes of the member that is being assembled; arrays keep their capacity.
struct AttributeCollector {
  private struct Entry {
    var attribute: TarAttribute
    var isPreferred: Bool
  }

  private(set) var bytes: [UInt8] = []
  private var entries: [Entry] = []

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  /// Adds a `SCHILY.xattr` record: name and value are the bytes themselves.
  ///
  /// An empty value is an attribute with an empty value, as the writers of such records mean it,
  /// and not the deletion that POSIX has for keys of its own.
  mutating func addSchily(
    name: Range<Int>,
    value: Range<Int>,
    of input: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let start = bytes.count
    bytes.append(copying: input.extracting(name))
    bytes.append(copying: input.extracting(value))
    try add(
      nameFrom: start,
      valueFrom: start + name.count,
      isPreferred: true,
      at: base.moved(by: name.lowerBound),
      limits: limits
    )
  }

  /// Adds a `LIBARCHIVE.xattr` record, which counts only where no `SCHILY.xattr` names the same.
  mutating func addLibarchive(
    name: Range<Int>,
    value: Range<Int>,
    of input: Span<UInt8>,
    base: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let start = bytes.count
    let position = base.moved(by: name.lowerBound)
    guard appendPercentDecoded(input, at: name) else { throw .badAttribute(at: position) }
    let valueStart = bytes.count
    guard appendBase64Decoded(input, at: value) else {
      throw .badAttribute(at: base.moved(by: value.lowerBound))
    }
    try add(
      nameFrom: start,
      valueFrom: valueStart,
      isPreferred: false,
      at: position,
      limits: limits
    )
  }

  private mutating func add(
    nameFrom start: Int,
    valueFrom valueStart: Int,
    isPreferred: Bool,
    at position: TarOffset,
    limits: TarLimits
  ) throws(TarError) {
    let attribute = TarAttribute(name: start..<valueStart, value: valueStart..<bytes.count)
    guard !attribute.name.isEmpty, !bytes[attribute.name].contains(0) else {
      throw .badAttribute(at: position)
    }
    if attribute.name.count > limits.attributeName {
      throw .exceedsLimit(.attributeName, limit: UInt64(limits.attributeName), at: position)
    }
    if attribute.value.count > limits.attributeValue {
      throw .exceedsLimit(.attributeValue, limit: UInt64(limits.attributeValue), at: position)
    }
    entries.append(Entry(attribute: attribute, isPreferred: isPreferred))
  }

  /// Hands the attributes to `member`, whose own are empty: one per name, by ascending name.
  ///
  /// Of several records with one name the last preferred one counts, else the last; that is noted if
  /// they disagree. Sorted rather than searched: a hostile header holds a hundred thousand records.
  mutating func finish(
    into member: inout TarMember,
    limits: TarLimits,
    warnings: inout WarningTally
  ) throws(TarError) {
    if entries.isEmpty { return }
    if entries.count > 1 { sort() }
    var listByteCount = 0
    for index in entries.indices {
      let attribute = entries[index].attribute
      if index + 1 < entries.count, haveSameName(attribute, entries[index + 1].attribute) {
        let next = entries[index + 1].attribute
        if bytes[attribute.value] != bytes[next.value] {
          warnings.note(.repeatedRecord, at: member.header)
        }
        continue
      }
      listByteCount += attribute.name.count + 1
      member.attributes.append(attribute)
    }
    if listByteCount > limits.attributeList {
      throw .exceedsLimit(
        .attributeList,
        limit: UInt64(limits.attributeList),
        at: member.header
      )
    }
    swap(&bytes, &member.attributeBytes)
  }

  private mutating func sort() {
    let bytes = self.bytes
    entries.sort { left, right in
      let names = (bytes[left.attribute.name], bytes[right.attribute.name])
      if names.0.lexicographicallyPrecedes(names.1) { return true }
      if names.1.lexicographicallyPrecedes(names.0) { return false }
      if left.isPreferred != right.isPreferred { return right.isPreferred }
      return left.attribute.name.lowerBound < right.attribute.name.lowerBound
    }
  }

  private func haveSameName(_ left: TarAttribute, _ right: TarAttribute) -> Bool {
    bytes[left.name] == bytes[right.name]
  }

  /// Appends text with `%XX` decoded; false if a percent sign begins something else.
  private mutating func appendPercentDecoded(_ input: Span<UInt8>, at range: Range<Int>) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound {
      if input[index] != Byte.percent {
        bytes.append(input[index])
        index += 1
        continue
      }
      guard range.upperBound - index > 2, let high = Self.hexadecimal(input[index + 1]),
        let low = Self.hexadecimal(input[index + 2])
      else { return false }
      bytes.append(high << 4 | low)
      index += 3
    }
    return true
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }

  /// Appends decoded base64, padded or not (libarchive writes none); false if it is malformed.
  private mutating func appendBase64Decoded(_ input: Span<UInt8>, at range: Range<Int>) -> Bool {
    var end = range.upperBound
    while end > range.lowerBound, range.upperBound - end < 2, input[end - 1] == Byte.equals {
      end -= 1
    }
    if end < range.upperBound, range.count % 4 != 0 { return false }
    var gathered: UInt32 = 0
    var bitCount = 0
    for index in range.lowerBound..<end {
      guard let digit = Self.base64Digit(input[index]) else { return false }
      gathered = (gathered << 6 | UInt32(digit)) & 0xffff
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: gathered >> UInt32(bitCount)))
      }
    }
    // One digit beyond a multiple of four would be six bits: no byte.
    return bitCount != 6
  }

  private static func base64Digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x41...0x5a: byte - 0x41
    case 0x61...0x7a: byte - 0x61 + 26
    case 0x30...0x39: byte - 0x30 + 52
    case 0x2b: 62
    case 0x2f: 63
    default: nil
    }
  }
}
