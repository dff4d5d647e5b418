// The spans a layer is decoded in: the stretches between its seek points, cut where they are too long
// to be kept whole. Pure.

import FlatArrays
import Offsets
import SeekableCompression

/// A stretch of a layer's tar stream that is decoded and cached as one.
struct LayerSpan: Equatable {
  var start: TarOffset
  var byteCount: Int
  /// The seek point from which decoding begins.
  ///
  /// It lies before `start` in a stretch that was cut.
  var point: SeekPoint
}

/// All spans of a layer, by number.
struct SpanTable: Sendable {
  /// Longer stretches between seek points are cut into spans of this: 4 MiB.
  ///
  /// Twice the usual distance of seek points, so that cutting is rare, and small against the cache.
  static let longestSpan: UInt64 = 4 << 20

  private let points: FlatArray<SeekPoint>
  /// The first span of each seek point, then the count of all.
  private let firstSpans: [Int]
  private let tarByteCount: UInt64

  init(points: FlatArray<SeekPoint>, tarByteCount: UInt64) {
    self.points = points
    self.tarByteCount = tarByteCount
    var firstSpans = [0]
    for place in points.indices {
      let length = SpanTable.end(of: place, points, tarByteCount) - points[place].tarOffset.bytes
      let count = (length + SpanTable.longestSpan - 1) / SpanTable.longestSpan
      firstSpans.append((firstSpans.last ?? 0) + Int(count))
    }
    self.firstSpans = firstSpans
  }

  /// The number of the span that holds `offset`, which must lie in the stream.
  func number(at offset: TarOffset) -> Int {
    let place = points.index(atOrBefore: offset) ?? 0
    let into = offset.bytes - min(offset.bytes, points[place].tarOffset.bytes)
    return firstSpans[place] + Int(into / SpanTable.longestSpan)
  }

  subscript(number: Int) -> LayerSpan {
    let place = self.place(of: number)
    let point = points[place]
    let start =
      point.tarOffset.bytes + UInt64(number - firstSpans[place]) * SpanTable.longestSpan
    let end = min(
      start + SpanTable.longestSpan,
      SpanTable.end(of: place, points, tarByteCount)
    )
    return LayerSpan(start: TarOffset(start), byteCount: Int(end - start), point: point)
  }

  /// The seek point that span `number` belongs to: the last one whose first span is not behind it and
  /// that has any.
  private func place(of number: Int) -> Int {
    var (low, high) = (0, points.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstSpans[middle] <= number { low = middle } else { high = middle }
    }
    return low
  }

  private static func end(
    of place: Int,
    _ points: FlatArray<SeekPoint>,
    _ tarByteCount: UInt64
  ) -> UInt64 {
    place + 1 < points.count ? points[place + 1].tarOffset.bytes : tarByteCount
  }
}
