// The spans a layer is decoded in: the stretches between its seek points, cut where they are too
// long to be kept whole. Pure.

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

  /// The spans between `points`, which must be sound for a tar stream of `tarByteCount` bytes.
  init(points: FlatArray<SeekPoint>, tarByteCount: UInt64) {
    self.points = points
    self.tarByteCount = tarByteCount
    var firstSpans = [0]
    for place in points.indices {
      let length = SpanTable.end(of: place, points, tarByteCount) - points[place].tarOffset.bytes
      // Rounded up without a sum: a damaged index may claim a stream of any length.
      let (whole, rest) = length.quotientAndRemainder(dividingBy: SpanTable.longestSpan)
      firstSpans.append((firstSpans.last ?? 0) + Int(whole) + (rest == 0 ? 0 : 1))
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
    let length = SpanTable.end(of: place, points, tarByteCount) - start
    let byteCount = Int(min(length, SpanTable.longestSpan))
    return LayerSpan(start: TarOffset(start), byteCount: byteCount, point: point)
  }

  /// The seek point that span `number` belongs to: the last one whose first span is not behind it
  /// and that has any.
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

extension FlatArray<SeekPoint> {
  /// Whether the points begin where the tar stream does, rise, and lie in streams of these sizes,
  /// with their windows in a pool of that size.
  ///
  /// Whoever takes points from a file asks this first: nothing behind it checks again.
  func areSound(blobByteCount: UInt64, tarByteCount: UInt64, windowByteCount: Int) -> Bool {
    var last = SeekPoint(blobOffset: .zero, tarOffset: .zero)
    for point in self {
      let (end, overflow) = point.windowOffset.addingReportingOverflow(
        UInt64(point.windowByteCount)
      )
      guard point.tarOffset >= last.tarOffset, point.blobOffset >= last.blobOffset, !overflow,
        end <= UInt64(windowByteCount)
      else { return false }
      last = point
    }
    return first?.tarOffset == .zero && last.tarOffset.bytes <= tarByteCount
      && last.blobOffset.bytes <= blobByteCount
  }
}
