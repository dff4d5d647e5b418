// The decoders of one layer. Making one costs more than resetting one; and one that stands where the next
// read begins need not be reset at all. Those that nobody uses just now are in IdleDecoders.

import FlatArrays
import OCISpec
import Offsets
import SeekableCompression

/// A decoder that is held by one span, or by the pool, at a time.
final class PooledDecoder: @unchecked Sendable {
  // Sendable: the holder has it alone. A span uses it under its own lock; the pool only keeps it.
  fileprivate var decoder: SpanDecoder

  init(_ decoder: consuming SpanDecoder) {
    self.decoder = decoder
  }
}

final class DecoderPool: Sendable {
  /// Room for bytes that are decoded only to get past them.
  private static let scratchByteCount = 64 << 10

  private let layer: Digest
  private let codec: Codec
  private let points: FlatArray<SeekPoint>
  private let windows: FlatArray<UInt8>
  private let source: any ByteSource
  /// Told of windows that are not what was stored.
  private let damage: DamageReport?
  private let idle: IdleDecoders
  /// The layer's number among them.
  private let number: Int

  init(
    layer: Digest,
    codec: Codec,
    points: FlatArray<SeekPoint>,
    windows: FlatArray<UInt8>,
    source: any ByteSource,
    damage: DamageReport?,
    idle: IdleDecoders
  ) {
    self.layer = layer
    self.codec = codec
    self.points = points
    self.windows = windows
    self.source = source
    self.damage = damage
    self.idle = idle
    number = idle.addLayer()
  }

  /// A decoder that stands `decodedCount` bytes into `span`.
  func decoder(for span: LayerSpan, from decodedCount: Int) throws(LayersError) -> PooledDecoder {
    let wanted = TarOffset(span.start.bytes + UInt64(decodedCount))
    let decoder = try standing(atOrBefore: wanted, of: span)
    var isThere = false
    try inLayer { () throws(CompressionError) in
      isThere = try withTemporaryBytes(Self.scratchByteCount) {
        scratch throws(CompressionError) in
        try decoder.decoder.skip(to: wanted, using: scratch)
      }
    }
    if !isThere { throw .endsEarly(layer: layer, at: decoder.decoder.position) }
    return decoder
  }

  /// Fills `buffer` whole with what comes next.
  func fill(
    _ buffer: UnsafeMutableRawBufferPointer,
    from decoder: PooledDecoder
  ) throws(LayersError) {
    var count = 0
    try inLayer { () throws(CompressionError) in count = try decoder.decoder.read(into: buffer) }
    if count < buffer.count { throw .endsEarly(layer: layer, at: decoder.decoder.position) }
  }

  func takeBack(_ decoder: PooledDecoder) {
    idle.put(decoder, byteCount: decoder.decoder.byteCount, of: number)
  }

  /// An idle decoder that is on its way to `wanted`, or one put at the span's seek point.
  ///
  /// Where that point's window is damaged, at the nearest one before it whose window is not: a
  /// window only spares decoding what lies before it.
  private func standing(
    atOrBefore wanted: TarOffset,
    of span: LayerSpan
  ) throws(LayersError) -> PooledDecoder {
    if let decoder = takeIdle(between: span.point.tarOffset, and: wanted) { return decoder }
    var point = span.point
    while true {
      do throws(LayersError) {
        return try decoder(at: point)
      } catch {
        guard case .compression(_, .corruptWindow) = error, let earlier = self.point(before: point)
        else { throw error }
        damage?.report()
        point = earlier
      }
    }
  }

  private func point(before point: SeekPoint) -> SeekPoint? {
    guard point.tarOffset.bytes > 0,
      let place = points.index(atOrBefore: TarOffset(point.tarOffset.bytes - 1))
    else { return nil }
    return points[place]
  }

  private func decoder(at point: SeekPoint) throws(LayersError) -> PooledDecoder {
    let window = windows.slice(at: Int(point.windowOffset), count: Int(point.windowByteCount))
    // The one put back first: the others are more likely to be met again where they stand.
    if let decoder = idle.takeOldest(of: number) {
      try reset(decoder, to: point, window: window)
      return decoder
    }
    return try makeDecoder(at: point, window: window)
  }

  private func takeIdle(between first: TarOffset, and last: TarOffset) -> PooledDecoder? {
    // One that decoded up to a seek point goes on from there without the point's window. Of several the
    // nearest: in a layer of one long frame they may stand gigabytes apart.
    idle.takeBest(of: number) { pooled in
      let position = pooled.decoder.position
      return (first...last).contains(position) ? position : nil
    }
  }

  private func reset(
    _ decoder: PooledDecoder,
    to point: SeekPoint,
    window: ByteSlice
  ) throws(LayersError) {
    try inLayer { () throws(CompressionError) in
      try window.withUnsafeBytes { bytes throws(CompressionError) in
        try decoder.decoder.reset(codec: codec, at: point, window: bytes, source: source)
      }
    }
  }

  private func makeDecoder(
    at point: SeekPoint,
    window: ByteSlice
  ) throws(LayersError) -> PooledDecoder {
    do throws(CompressionError) {
      return try window.withUnsafeBytes { bytes throws(CompressionError) in
        PooledDecoder(try SpanDecoder(codec: codec, at: point, window: bytes, source: source))
      }
    } catch {
      throw LayersError(error, layer: layer)
    }
  }

  private func inLayer(
    _ body: () throws(CompressionError) -> Void
  ) throws(LayersError) {
    do throws(CompressionError) {
      try body()
    } catch {
      throw LayersError(error, layer: layer)
    }
  }
}
