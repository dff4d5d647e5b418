// Looking up seek points, windows and spans in a table.

import Offsets
import SeekableCompression
import Testing

struct SeekTableTests {
  private func point(_ tar: UInt64) -> SeekPoint {
    SeekPoint(blobOffset: BlobOffset(tar / 2), tarOffset: TarOffset(tar))
  }

  @Test func `a point is 40 bytes without padding`() {
    #expect(MemoryLayout<SeekPoint>.size == 8 + 8 + 8 + 4 + 4 + 4 + 4)
    #expect(MemoryLayout<SeekPoint>.stride == 40)
  }

  @Test(arguments: [(0, 0), (9, 0), (10, 1), (11, 1), (29, 2), (30, 3), (1 << 60, 3)])
  func `the last point at or before an offset is found`(offset: UInt64, index: Int) {
    let points = [0, 10, 20, 30].map(point)
    #expect(points.index(atOrBefore: TarOffset(offset)) == index)
  }

  @Test func `no point lies before the first`() {
    #expect([point(5)].index(atOrBefore: TarOffset(4)) == nil)
    #expect([SeekPoint]().index(atOrBefore: .zero) == nil)
  }

  @Test func `the longest span may be the last`() {
    var table = SeekTable(codec: .gzip)
    #expect(table.longestSpan == 0)
    table.points = [0, 10, 30].map(point)
    table.decodedByteCount = 45
    #expect(table.longestSpan == 20)
    table.decodedByteCount = 90
    #expect(table.longestSpan == 60)
    table.codec = .identity
    #expect(table.longestSpan == 0)
  }

  @Test func `only a span that is too long asks for a seekable copy`() {
    var table = SeekTable(codec: .zstd)
    table.points = [point(0)]
    table.decodedByteCount = 16 << 20
    #expect(!table.needsSeekableCopy)
    table.decodedByteCount += 1
    #expect(table.needsSeekableCopy)
    table.codec = .identity
    #expect(!table.needsSeekableCopy)
  }

  @Test func `a window range outside the pool is no window`() {
    var table = SeekTable(codec: .gzip)
    table.windows = [1, 2, 3]
    var inside = point(0)
    inside.windowOffset = 1
    inside.windowByteCount = 2
    #expect(table.window(of: inside) == [2, 3])
    inside.windowByteCount = 3
    #expect(table.window(of: inside) == [])
    inside.windowOffset = .max
    #expect(table.window(of: inside) == [])
  }
}
