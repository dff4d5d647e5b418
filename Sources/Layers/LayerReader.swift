// Random access into one layer's tar stream: from a position to its span, from the span to bytes.

import FlatArrays
import OCISpec
import Offsets
import SeekableCompression

/// Whether a read may decode.
package enum Decoding: Sendable {
  case asNeeded
  /// Only what is decoded already, and without waiting.
  case never
}

/// The bytes of one layer's tar stream.
///
/// Usable from any thread; a read may block.
struct LayerReader: Sendable {
  private let layer: Digest
  private let source: any ByteSource
  private let isPlain: Bool
  private let tarByteCount: UInt64
  /// Through the blob as it is.
  private let route: Route
  /// Through the seekable copy, where there is one: tried first.
  private let copyRoute: Route?
  private let copy: SeekableCopy?
  private let cache: SpanCache

  /// One way to the stream's bytes.
  private struct Route {
    /// The layer's place in its image.
    let layer: Int
    let isCopy: Bool
    let spans: SpanTable
    let pool: DecoderPool

    func key(_ span: Int) -> SpanCache.Key {
      SpanCache.Key(layer: layer, isCopy: isCopy, span: span)
    }
  }

  /// Reads the blob that `index` is about from `source`, or its seekable copy where there is one.
  ///
  /// `number` is the layer's place in its image.
  init(
    _ index: LayerIndex,
    number: Int,
    source: any ByteSource,
    copy: SeekableCopy?,
    cache: SpanCache
  ) {
    layer = index.blobDigest
    isPlain = index.codec == .identity
    tarByteCount = index.tarByteCount
    self.cache = cache
    self.copy = copy
    self.source = CheckedSource(source, checksums: index.blockChecksums)
    route = Route(
      layer: number,
      isCopy: false,
      spans: SpanTable(points: index.points, tarByteCount: index.tarByteCount),
      pool: DecoderPool(
        layer: index.blobDigest,
        codec: index.codec,
        points: index.points,
        windows: index.windows,
        source: self.source,
        damage: index.damage,
        idle: cache.idleDecoders
      )
    )
    copyRoute = copy.map { copy in
      Route(
        layer: number,
        isCopy: true,
        spans: SpanTable(points: copy.points, tarByteCount: index.tarByteCount),
        pool: DecoderPool(
          layer: index.blobDigest,
          codec: .zstd,
          points: copy.points,
          windows: FlatArray([]),
          source: copy.source,
          damage: nil,
          idle: cache.idleDecoders
        )
      )
    }
  }

  /// Fills `buffer` with the stream's bytes from `offset` on.
  ///
  /// - Returns: `false` when that would take decoding that was not allowed.
  func read(
    at offset: TarOffset,
    into buffer: UnsafeMutableRawBufferPointer,
    decoding: Decoding
  ) throws(LayersError) -> Bool {
    guard offset.bytes <= tarByteCount, UInt64(buffer.count) <= tarByteCount - offset.bytes else {
      throw .endsEarly(layer: layer, at: TarOffset(tarByteCount))
    }
    if isPlain { return try readPlain(at: offset, into: buffer) }
    var done = 0
    while done < buffer.count {
      let position = TarOffset(offset.bytes + UInt64(done))
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = try readSome(at: position, into: rest, decoding: decoding)
      if count == 0 { return false }
      done += count
    }
    return true
  }

  /// The number of the span that holds `offset`, which must lie in the stream.
  func stretch(at offset: TarOffset) -> Int { (copyRoute ?? route).spans.number(at: offset) }

  /// Reads through the copy, and where that is damaged, through the blob: slow, but right.
  private func readSome(
    at offset: TarOffset,
    into buffer: UnsafeMutableRawBufferPointer,
    decoding: Decoding
  ) throws(LayersError) -> Int {
    if let copyRoute {
      do throws(LayersError) {
        return try readFromSpan(of: copyRoute, at: offset, into: buffer, decoding: decoding)
      } catch {
        if !error.mayPass { copy?.reportDamage() }
      }
    }
    return try readFromSpan(of: route, at: offset, into: buffer, decoding: decoding)
  }

  /// Reads up to the span's end; 0 when it would have to decode.
  private func readFromSpan(
    of route: Route,
    at offset: TarOffset,
    into buffer: UnsafeMutableRawBufferPointer,
    decoding: Decoding
  ) throws(LayersError) -> Int {
    let number = route.spans.number(at: offset)
    let key = route.key(number)
    guard decoding == .asNeeded else {
      guard let span = cache.span(key) else { return 0 }
      let part = part(of: buffer, from: offset, in: span.span)
      return span.copyIfDecoded(from: part.start, to: part.buffer) ? part.buffer.count : 0
    }
    let span = cache.span(key) { route.spans[number] }
    let part = part(of: buffer, from: offset, in: span.span)
    try span.copy(from: part.start, to: part.buffer, using: route.pool)
    return part.buffer.count
  }

  private func part(
    of buffer: UnsafeMutableRawBufferPointer,
    from offset: TarOffset,
    in span: LayerSpan
  ) -> (start: Int, buffer: UnsafeMutableRawBufferPointer) {
    let start = Int(offset.bytes - span.start.bytes)
    let count = min(buffer.count, span.byteCount - start)
    return (start, UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
  }

  /// A plain blob is its own tar stream.
  private func readPlain(
    at offset: TarOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(LayersError) -> Bool {
    do throws(ByteSourceError) {
      let count = try source.read(at: BlobOffset(offset.bytes), into: buffer)
      if count == buffer.count { return true }
    } catch {
      if case .changed(let position) = error { throw .blobChanged(layer: layer, at: position) }
      throw .compression(layer: layer, .source(error))
    }
    throw .endsEarly(layer: layer, at: offset)
  }
}
