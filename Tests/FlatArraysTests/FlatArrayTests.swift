// Views of immutable memory: what they show, where they end, and what is refused.

import FlatArrays
import Glibc
import Testing

struct FlatArrayTests {
  @Test func `an array shows the records that were put into it`() {
    let array = FlatArray([UInt32(1), 2, 0xFFFF_FFFF])
    #expect(Array(array) == [1, 2, 0xFFFF_FFFF])
    #expect(array.count == 3)
    #expect(array[2] == 0xFFFF_FFFF)
    #expect(array.reversed() == [0xFFFF_FFFF, 2, 1])
    #expect(Array(array[1...]) == [2, 0xFFFF_FFFF])
    #expect(array.index(2, offsetBy: -1) == 1)
    #expect(array.withUnsafeBytes { Array($0) } == [1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255])
    #expect(Array(FlatArray([UInt64]())) == [])
  }

  @Test func `a block gives arrays that lie in it and are aligned, and no others`() {
    let bytes = [UInt8](0..<32)
    let block = bytes.withUnsafeBytes { ByteBlock(copying: $0) }
    #expect(block.byteCount == 32)
    #expect(
      block.array(of: UInt32.self, at: 4, count: 2).map(Array.init) == [0x0706_0504, 0x0B0A_0908]
    )
    #expect(block.array(of: UInt8.self, at: 32, count: 0)?.count == 0)
    #expect(block.array(of: UInt64.self, at: 0, count: 4)?.count == 4)
    for (offset, count) in [
      (0, 5), (8, 4), (4, 1), (40, 0), (-8, 1), (0, -1), (8, .max), (.max, 1), (0, .max / 8 + 1),
    ] {
      #expect(block.array(of: UInt64.self, at: offset, count: count) == nil, "\(offset), \(count)")
    }
  }

  @Test func `a mapped file shows its bytes after it was closed and unlinked`() throws {
    var path = Array("/tmp/flat-array-XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    unlink(path)
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    let block = try #require(ByteBlock(mapping: descriptor, byteCount: bytes.count))
    #expect(block.array(of: UInt8.self, at: 0, count: 5000).map(Array.init) == bytes)
    #expect(ByteBlock(mapping: descriptor, byteCount: 0) == nil)
    #expect(ByteBlock(mapping: -1, byteCount: 10) == nil)
    #expect(errno == EBADF)
  }

  @Test func `a view keeps its block alive`() {
    weak var block: ByteBlock?
    do {
      let slice: ByteSlice
      do {
        let owner = [UInt8(1), 2, 3].withUnsafeBytes { ByteBlock(copying: $0) }
        block = owner
        let array = owner.array(of: UInt8.self, at: 0, count: 3)
        slice = array?.slice(at: 1, count: 2) ?? ByteSlice([])
      }
      #expect(block != nil)
      #expect(slice.array == [2, 3])
    }
    #expect(block == nil)
  }
}

struct ByteSliceTests {
  private func slice(_ text: String) -> ByteSlice { ByteSlice(Array(text.utf8)) }

  @Test func `slices sort as bytes, a prefix first`() {
    let sorted: [[UInt8]] = [
      [], [0], [0, 0], [0x2E], [0x2F], [0x61], [0x61, 0x00], [0x61, 0x62], [0x80], [0xFF],
    ]
    for (left, first) in sorted.enumerated() {
      for (right, second) in sorted.enumerated() {
        #expect((ByteSlice(first) < ByteSlice(second)) == (left < right))
        #expect((ByteSlice(first) == ByteSlice(second)) == (left == right))
        let order = second.withUnsafeBytes { ByteSlice(first).compare(to: $0) }
        #expect(order.signum() == (left - right).signum())
      }
    }
  }

  @Test func `equal bytes are equal wherever they lie`() {
    let whole = slice("abcabc")
    let first = whole.slice(at: 0, count: 3)
    let second = whole.slice(at: 3, count: 3)
    #expect(first == second)
    #expect(first.hashValue == second.hashValue)
    #expect(first.tableHash(seed: 1) == second.tableHash(seed: 1))
    #expect(first.tableHash(seed: 1) != first.tableHash(seed: 2))
    #expect(Set([first, second, slice("abd")]).count == 2)
  }

  @Test func `slices of slices show the bytes in between`() {
    let whole = slice("directory")
    #expect(whole.slice(at: 2, count: 4) == "rect")
    #expect(whole.slice(at: 2, count: 4).slice(at: 1, count: 2) == "ec")
    #expect(whole.slice(at: 9, count: 0).isEmpty)
    #expect(whole[8] == UInt8(ascii: "y"))
    #expect(whole.slice(at: 3, count: 3).array == Array("ect".utf8))
    var array = Array("in".utf8)
    whole.slice(at: 0, count: 6).append(to: &array)
    #expect(array == Array("indirect".utf8))
  }

  @Test func `composed and decomposed letters differ`() {
    #expect(slice("\u{E9}") != slice("e\u{301}"))
  }

  @Test(arguments: [("", true), ("a", true), ("abc", true), ("abcd", false), ("b", false)])
  func `prefixes are compared as bytes`(prefix: String, isPrefix: Bool) {
    let prefixes: [String: StaticString] = [
      "": "", "a": "a", "abc": "abc", "abcd": "abcd", "b": "b",
    ]
    #expect(prefixes[prefix].map { slice("abc").hasPrefix($0) } == isPrefix)
    #expect(prefixes[prefix].map { slice("abc") == $0 } == (prefix == "abc"))
  }

  @Test func `as many bytes are copied as there is room for`() {
    var buffer = [UInt8](repeating: 9, count: 5)
    #expect(buffer.withUnsafeMutableBytes { slice("abc").copy(to: $0) } == 3)
    #expect(buffer == Array("abc".utf8) + [9, 9])
    #expect(buffer.withUnsafeMutableBytes { slice("defghijk").copy(to: $0) } == 5)
    #expect(buffer == Array("defgh".utf8))
    #expect(slice("abc").copy(to: UnsafeMutableRawBufferPointer(start: nil, count: 0)) == 0)
  }
}
