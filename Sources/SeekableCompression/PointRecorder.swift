// Chooses which of the places where decoding could begin become seek points, and stores their
// windows. Does not find the places: see BlobStream.

import Offsets

/// The seek points of one blob, as they are found.
struct PointRecorder: ~Copyable, Sendable {
  /// Deflate's level for windows: 6.
  ///
  /// Measured on 315 windows: level 9 saves 3 % of their bytes and costs a third of the speed of the
  /// whole pass, level 1 costs 15 % more bytes and saves no time.
  private static let windowLevel: Int32 = 6

  private let spacing: UInt64
  private var deflater: DeflateContext
  /// Deflate's worst case for 32 KiB is five bytes per 16 KiB and a few; 1 KiB is ample.
  private let packed: HeapBytes
  private(set) var points: [SeekPoint] = []
  private(set) var windows: [UInt8] = []

  init(spacing: UInt64) throws(CompressionError) {
    let deflater = try DeflateContext(level: PointRecorder.windowLevel)
    self.spacing = max(spacing, SeekTable.smallestSpacing)
    self.deflater = deflater
    packed = HeapBytes(byteCount: InflateEngine.windowByteCount + 1024)
  }

  /// How many more bytes are to be decoded before a point that needs a window is worth it; below zero
  /// where it was so many bytes ago.
  func distanceToWish(at offset: TarOffset) -> Int {
    Int(clamping: spacing) - Int(clamping: offset.distance(from: lastOffset) ?? 0)
  }

  /// Makes sure that there is a point at the beginning.
  mutating func takeFirst(_ point: SeekPoint) {
    if points.isEmpty { points.append(point) }
  }

  /// Takes a place that needs no window; it becomes a point half the spacing after the last one.
  ///
  /// At half, because such a point is cheap, and makes a later, dear one unnecessary.
  mutating func takeRestart(_ point: SeekPoint) {
    let distance = point.tarOffset.distance(from: lastOffset) ?? 0
    if points.isEmpty || distance >= spacing / 2 { points.append(point) }
  }

  /// Takes a place that needs a window, which follows through `storeWindow`.
  mutating func takeBoundary(_ point: SeekPoint) {
    points.append(point)
  }

  /// Stores the window of the last point; none when it is empty.
  mutating func storeWindow(_ window: UnsafeRawBufferPointer) throws(CompressionError) {
    guard !window.isEmpty, !points.isEmpty else { return }
    guard let count = deflater.deflate(window, into: packed.bytes) else { throw .outOfMemory }
    let stored = UnsafeRawBufferPointer(packed.slice(0..<count))
    let last = points.count - 1
    points[last].windowOffset = UInt64(windows.count)
    points[last].windowByteCount = UInt32(count)
    points[last].windowChecksum = CRC32.of(stored)
    windows.append(contentsOf: stored)
  }

  private var lastOffset: TarOffset { points.last?.tarOffset ?? .zero }
}
