// Extended attributes: packed, damaged, and which of them a tree keeps.

import FileTree
import FlatArrays
import Testing

struct ExtendedAttributesTests {
  private func attribute(_ name: String, _ value: [UInt8]) -> ExtendedAttribute {
    ExtendedAttribute(name: bytes(name), value: value)
  }

  private func pack(_ attributes: [ExtendedAttribute]) -> [UInt8] {
    var pool: [UInt8] = []
    ExtendedAttributes.pack(attributes, into: &pool)
    return pool
  }

  private func unpack(_ packed: [UInt8]) -> [ExtendedAttribute] {
    ExtendedAttributes(packed: ByteSlice(packed)).map {
      ExtendedAttribute(name: $0.name.array, value: $0.value.array)
    }
  }

  @Test func `the packed form is length, length, name, value, sorted by name`() {
    let packed = pack([attribute("user.b", [0, 0xFF]), attribute("user.a", [])])
    let first: [UInt8] = [
      6,  // name length
      0, 0, 0, 0,  // value length, little-endian
    ]
    let second: [UInt8] = [6, 2, 0, 0, 0]
    #expect(packed == first + bytes("user.a") + second + bytes("user.b") + [0, 0xFF])
    #expect(unpack(packed) == [attribute("user.a", []), attribute("user.b", [0, 0xFF])])
  }

  @Test func `of equal names the last one stays, and a pool is appended to`() {
    var pool = bytes("before")
    ExtendedAttributes.pack([attribute("user.a", [1]), attribute("user.a", [2])], into: &pool)
    #expect(pool.starts(with: bytes("before")))
    #expect(unpack(Array(pool.dropFirst(6))) == [attribute("user.a", [2])])
  }

  @Test func `the longest name and value survive`() {
    let longest = [
      ExtendedAttribute(
        name: [UInt8](repeating: 0x61, count: 255),
        value: [UInt8](repeating: 0x62, count: 65_536)
      )
    ]
    #expect(unpack(pack(longest)) == longest)
  }

  @Test func `a value is found by its name`() {
    let packed = pack([attribute("user.a", [1]), attribute("user.ab", [2])])
    let attributes = ExtendedAttributes(packed: ByteSlice(packed))
    #expect(attributes.value(of: bytes("user.ab"))?.array == [2])
    #expect(attributes.value(of: bytes("user.")) == nil)
    #expect(attributes.value(of: []) == nil)
    #expect(!attributes.isEmpty)
    #expect(ExtendedAttributes(packed: ByteSlice([])).isEmpty)
  }

  @Test func `a pool cut short gives the attributes that are whole`() {
    let all = [attribute("user.a", [1, 2, 3]), attribute("user.b", [4])]
    let packed = pack(all)
    let firstEnd = 5 + 6 + 3
    for end in 0...packed.count {
      let whole = end == packed.count ? 2 : end >= firstEnd ? 1 : 0
      #expect(unpack(Array(packed[..<end])) == Array(all.prefix(whole)), "\(end) bytes")
    }
  }

  @Test func `lengths beyond the pool end the iteration`() {
    var packed = pack([attribute("user.a", [1]), attribute("user.b", [2])])
    for (position, byte) in [(0, UInt8(200)), (1, 200), (4, 0xFF), (4, 0x80)] {
      let sound = packed[position]
      packed[position] = byte
      #expect(unpack(packed) == [], "byte \(position) is \(byte)")
      packed[position] = sound
    }
  }
}

struct ExtendedAttributePolicyTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var value: [UInt8] = [1]
    var kind = EntryKind.regular
    var refusal: ExtendedAttributeRefusal?

    var testDescription: String { "\(name) \(value.prefix(30)) on \(kind)" }
  }

  @Test(arguments: namespaces + capabilities + accessControlLists)
  func `an attribute is kept, or refused with a reason`(row: Row) {
    let attribute = ExtendedAttribute(name: bytes(row.name), value: row.value)
    #expect(attribute.refusal(on: row.kind) == row.refusal)
  }

  static let namespaces: [Row] = [
    Row(name: "user.a"),
    Row(name: "user.a", value: []),
    Row(name: "user.a", kind: .directory),
    Row(name: "user.a", kind: .symbolicLink, refusal: .notAllowedOnThisType),
    Row(name: "user.a", kind: .characterDevice, refusal: .notAllowedOnThisType),
    Row(name: "user.a", kind: .blockDevice, refusal: .notAllowedOnThisType),
    Row(name: "user.a", kind: .fifo, refusal: .notAllowedOnThisType),
    Row(name: "trusted.a", kind: .symbolicLink),
    Row(name: "security.ima", kind: .symbolicLink),
    Row(name: "security.selinux", refusal: .notPartOfTheImage),
    Row(name: "security.selinux2"),
    Row(name: "user.overlay.opaque", kind: .directory, refusal: .notPartOfTheImage),
    Row(name: "trusted.overlay.redirect", kind: .directory, refusal: .notPartOfTheImage),
    Row(name: "user.overlays"),
    Row(name: "user.", refusal: .unknownNamespace),
    Row(name: "trusted.", refusal: .unknownNamespace),
    Row(name: "", refusal: .unknownNamespace),
    Row(name: "User.a", refusal: .unknownNamespace),
    Row(name: "system.nfs4_acl", refusal: .unknownNamespace),
    Row(name: "com.apple.quarantine", refusal: .unknownNamespace),
    Row(name: "user." + String(repeating: "a", count: 250)),
    Row(name: "user.a", value: [UInt8](repeating: 0, count: 65_536)),
  ]

  private static func capability(_ word: [UInt8], _ rest: Int) -> [UInt8] {
    word + [UInt8](repeating: 0, count: rest)
  }

  private static func capabilityRow(
    _ value: [UInt8],
    _ refusal: ExtendedAttributeRefusal? = .malformed
  ) -> Row {
    Row(name: "security.capability", value: value, refusal: refusal)
  }

  /// The word is little-endian: flags first, the revision last.
  static let capabilities: [Row] = [
    capabilityRow(capability([1, 0, 0, 2], 16), nil),
    capabilityRow(capability([0, 0, 0, 2], 16), nil),
    capabilityRow(capability([1, 0, 0, 3], 20), nil),
    capabilityRow([]),
    capabilityRow([1, 0, 0]),
    // Revision 1, of 12 bytes, is read no longer.
    capabilityRow(capability([1, 0, 0, 1], 8)),
    capabilityRow(capability([1, 0, 0, 4], 16)),
    // Sizes of the other revision, and sizes of neither.
    capabilityRow(capability([1, 0, 0, 2], 20)),
    capabilityRow(capability([1, 0, 0, 3], 16)),
    capabilityRow(capability([1, 0, 0, 2], 15)),
    capabilityRow(capability([1, 0, 0, 2], 17)),
    // Flags that do not exist.
    capabilityRow(capability([2, 0, 0, 2], 16)),
    capabilityRow(capability([1, 1, 0, 2], 16)),
    capabilityRow(capability([1, 0, 1, 3], 20)),
  ]

  private static let version: [UInt8] = [2, 0, 0, 0]

  /// Tag, permissions, id: little-endian, 2 + 2 + 4 bytes.
  private static func entry(_ tag: UInt8, _ permissions: UInt8, id: UInt8 = 0xFF) -> [UInt8] {
    [tag, 0, permissions, 0] + (id == 0xFF ? [0xFF, 0xFF, 0xFF, 0xFF] : [id, 0, 0, 0])
  }

  private static let minimal = version + entry(0x01, 6) + entry(0x04, 4) + entry(0x20, 0)
  private static let extended =
    version + entry(0x01, 7) + entry(0x02, 5, id: 10) + entry(0x04, 5)
    + entry(0x08, 4, id: 20) + entry(0x10, 7) + entry(0x20, 0)

  private static func listRow(
    _ value: [UInt8],
    _ refusal: ExtendedAttributeRefusal? = .malformed
  ) -> Row {
    Row(name: "system.posix_acl_access", value: value, refusal: refusal)
  }

  static let accessControlLists: [Row] = [
    listRow(minimal, nil),
    listRow(extended, nil),
    Row(name: "system.posix_acl_access", value: minimal, kind: .directory),
    Row(name: "system.posix_acl_access", value: minimal, kind: .fifo),
    Row(name: "system.posix_acl_default", value: extended, kind: .directory),
    Row(
      name: "system.posix_acl_default",
      value: extended,
      kind: .regular,
      refusal: .notAllowedOnThisType
    ),
    Row(
      name: "system.posix_acl_access",
      value: minimal,
      kind: .symbolicLink,
      refusal: .notAllowedOnThisType
    ),
    listRow([]),
    listRow([2, 0, 0]),
    // No entries: the kernel says that there is no list.
    listRow(version),
    // Another version.
    listRow([1, 0, 0, 0] + minimal.dropFirst(4)),
    listRow([2, 0, 0, 1] + minimal.dropFirst(4)),
    // Half an entry.
    listRow(minimal + [0x20, 0, 0, 0]),
    // Tags that do not exist.
    listRow(minimal + entry(0x03, 0)),
    listRow(minimal + entry(0x40, 0)),
    listRow(minimal + [0x10, 1, 7, 0, 0, 0, 0, 0]),
    // A user and a group of no id.
    listRow(minimal + entry(0x02, 7)),
    listRow(minimal + entry(0x08, 7)),
  ]
}
