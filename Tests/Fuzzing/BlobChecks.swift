// Arbitrary bytes as a compressed blob. What is promised: the pass ends within its bounds, says the
// same however the blob is cut, names places inside it, and decoding from any seek point gives the
// bytes that the first pass gave.

import Glibc
import Offsets
import SeekableCompression

enum BlobChecks {
  /// Decoded bytes of one input: enough for several seek points, few enough for thousands of runs a
  /// second.
  private static let decodedLimit: UInt64 = 384 << 10

  static func check(_ input: [UInt8], codec: Codec, _ faults: inout Faults) {
    // Whatever else it begins as is another target's, or plain.
    let blob = withMagic(of: codec, input)
    checkBlob(blob, &faults)
    if codec == .gzip, let mended = GzipMending.withRightTrailers(blob) {
      checkBlob(mended, &faults)
    }
  }

  private static func withMagic(of codec: Codec, _ input: [UInt8]) -> [UInt8] {
    if case .known(codec) = Codec.sniff(input.prefix(16)) { return input }
    switch codec {
    case .gzip: return [0x1f, 0x8b] + input.dropFirst(2)
    case .zstd: return [0x28, 0xb5, 0x2f, 0xfd] + input.dropFirst(4)
    case .identity: return input
    }
  }

  private static func checkBlob(_ blob: [UInt8], _ faults: inout Faults) {
    let whole = BlobPass(blob)
    var numbers = InputNumbers(of: blob)
    let size = 1 + numbers.next(below: blob.count < 200 ? 8 : 4096)
    let cut = BlobPass(blob, pieceSize: size)
    faults.require(
      cut.outcome.agrees(with: whole.outcome),
      "pieces of \(size) bytes give \(cut.outcome), not \(whole.outcome)"
    )
    if let error = whole.error {
      faults.requirePositions(in: "\(error)", of: "blob byte", upTo: blob.count)
      faults.requirePositions(in: "\(error)", of: "tar byte", upTo: whole.bytes.count)
    }
    checkPoints(of: whole, blob, by: .standard, &faults)
    for library in InflateLibrary.allCases where library != .standard {
      checkLibrary(library, whole, blob, &faults)
    }
  }

  /// Another library gives the same, and each reads the other's seek points.
  private static func checkLibrary(
    _ library: InflateLibrary,
    _ whole: BlobPass,
    _ blob: [UInt8],
    _ faults: inout Faults
  ) {
    let other = BlobPass(blob, library: library)
    let (reference, tested) = library == .zlib ? (other, whole) : (whole, other)
    faults.require(
      LibraryChecks.agree(tested, reference: reference, blob),
      "\(reference.outcome) by zlib, \(tested.outcome) by another library"
    )
    // What one of them refuses it does not read either.
    guard whole.table != nil, other.table != nil else { return }
    checkPoints(of: other, blob, by: .standard, &faults)
    checkPoints(of: whole, blob, by: library, &faults)
  }

  private static func checkPoints(
    of pass: BlobPass,
    _ blob: [UInt8],
    by library: InflateLibrary,
    _ faults: inout Faults
  ) {
    guard let table = pass.table else { return }
    checkTable(table, of: pass, blob, &faults)
    for place in table.points.indices {
      checkResuming(at: place, table, of: pass, blob, by: library, &faults)
    }
  }

  private static func checkTable(
    _ table: SeekTable,
    of pass: BlobPass,
    _ blob: [UInt8],
    _ faults: inout Faults
  ) {
    faults.require(table.decodedByteCount == UInt64(pass.bytes.count), "decoded byte count")
    faults.require(table.blobByteCount == UInt64(blob.count), "blob byte count")
    faults.require(table.points.first?.tarOffset == .zero, "first seek point")
    for (first, second) in zip(table.points, table.points.dropFirst()) {
      let rises = first.tarOffset < second.tarOffset && first.blobOffset < second.blobOffset
      faults.require(rises, "seek points do not rise at \(second.tarOffset)")
    }
    for point in table.points {
      faults.require(point.blobOffset.bytes <= UInt64(blob.count), "seek point behind the blob")
      faults.require(
        point.tarOffset.bytes <= table.decodedByteCount,
        "seek point behind the stream"
      )
      let window = table.window(of: point)
      faults.require(window.count == Int(point.windowByteCount), "window outside the pool")
    }
    for warning in table.warnings {
      faults.requirePositions(in: "\(warning)", of: "blob byte", upTo: blob.count)
    }
  }

  /// Decodes from one point to the end.
  private static func checkResuming(
    at place: Int,
    _ table: SeekTable,
    of pass: BlobPass,
    _ blob: [UInt8],
    by library: InflateLibrary,
    _ faults: inout Faults
  ) {
    let point = table.points[place]
    let expected = pass.bytes[Int(point.tarOffset.bytes)...]
    do throws(CompressionError) {
      let rest = try decoded(from: point, table, blob, by: library, room: expected.count + 1)
      faults.require(
        ComparedBytes(rest) == ComparedBytes(Array(expected)),
        "other bytes from the seek point at \(point.tarOffset)"
      )
    } catch {
      faults.require(false, "seek point at \(point.tarOffset): \(error)")
    }
  }

  private static func decoded(
    from point: SeekPoint,
    _ table: SeekTable,
    _ blob: [UInt8],
    by library: InflateLibrary,
    room: Int
  ) throws(CompressionError) -> [UInt8] {
    let window = Array(table.window(of: point))
    var decoder = try window.withRawBytes { bytes throws(CompressionError) in
      try SpanDecoder(
        codec: table.codec,
        at: point,
        window: bytes,
        source: MemoryBlob(bytes: blob),
        library: library
      )
    }
    return try [UInt8].filled(room) { buffer throws(CompressionError) in
      try decoder.read(into: buffer)
    }
  }

  /// What one pass over a blob gives.
  struct BlobPass {
    private(set) var bytes: [UInt8] = []
    private(set) var table: SeekTable?
    private(set) var error: CompressionError?
    let library: InflateLibrary
    /// Bytes handed in, those of the piece that was refused included.
    private(set) var takenByteCount = 0

    init(_ blob: [UInt8], pieceSize: Int = .max, library: InflateLibrary = .standard) {
      self.library = library
      var limits = CompressionLimits()
      limits.decodedByteCount = BlobChecks.decodedLimit
      let room = GuardedBytes(byteCount: min(pieceSize, blob.count))
      do throws(CompressionError) {
        var indexer = try BlobIndexer(
          spacing: SeekTable.smallestSpacing,
          limits: limits,
          library: library
        )
        var start = 0
        while start < blob.count {
          let end = start + min(pieceSize, blob.count - start)
          takenByteCount = end
          let piece = room.last(end - start)
          piece.copyBytes(from: blob[start..<end])
          var rest = UnsafeRawBufferPointer(piece)
          while true {
            let decoded = try indexer.decode(&rest)
            if decoded.isEmpty { break }
            bytes.append(contentsOf: decoded)
          }
          start = end
        }
        table = try indexer.finish()
      } catch {
        self.error = error
      }
    }

    /// What must not depend on the pieces.
    ///
    /// Bytes decoded before an error do: pieces decide how far decoding is ahead of a checksum. So
    /// does how much of a damaged zstd frame, or of a damaged block's header, the library takes before
    /// it says so.
    var outcome: Outcome {
      switch error {
      case nil: .table(table, ComparedBytes(bytes))
      case .corruptFrame(let fault, _, let frame): .corruptFrame(fault, frame)
      case .corruptDeflate(_, let member): .corruptDeflate(member)
      case let error?: .error(error)
      }
    }

    enum Outcome: Equatable, CustomStringConvertible {
      case table(SeekTable?, ComparedBytes)
      case error(CompressionError)
      case corruptFrame(ZstdFault, BlobOffset)
      case corruptDeflate(BlobOffset)

      /// Whether two passes over one blob may end so.
      ///
      /// A bound is looked at when a piece is decoded: it may be met before an error or behind it.
      func agrees(with other: Outcome) -> Bool {
        if meetsBound || other.meetsBound { return isError && other.isError }
        return self == other
      }

      private var isError: Bool {
        if case .table = self { false } else { true }
      }

      private var meetsBound: Bool {
        if case .error(.tooLarge) = self { true } else { false }
      }

      var description: String {
        switch self {
        case .table(let table, let bytes):
          "\(bytes.bytes.count) bytes, \(table.map { "\($0.points), \($0.warnings)" } ?? "no table")"
        case .error(let error): "\(error)"
        case .corruptFrame(let fault, let frame): "\(fault) in the frame at \(frame)"
        case .corruptDeflate(let member): "corrupt deflate data in the member at \(member)"
        }
      }
    }
  }
}

/// Bytes that are compared by the C library: a loop of ours would be traced byte by byte.
struct ComparedBytes: Equatable {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func == (left: ComparedBytes, right: ComparedBytes) -> Bool {
    left.bytes.count == right.bytes.count
      && left.bytes.withUnsafeBytes { left in
        right.bytes.withUnsafeBytes { right in
          guard let first = left.baseAddress, let second = right.baseAddress else { return true }
          return memcmp(first, second, left.count) == 0
        }
      }
  }
}

/// A blob in memory.
struct MemoryBlob: ByteSource {
  let bytes: [UInt8]

  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    guard offset.bytes < byteCount else { return 0 }
    let start = Int(offset.bytes)
    let end = min(bytes.count, start + buffer.count)
    buffer.copyBytes(from: bytes[start..<end])
    return end - start
  }
}

extension [UInt8] {
  // The standard library's functions pass no typed errors through. Room of just the size lets a byte
  // too many be seen.

  func withRawBytes<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { copy.deallocate() }
    copy.copyBytes(from: self)
    return try body(UnsafeRawBufferPointer(copy))
  }

  /// What `body` fills of so many bytes, and says that it did.
  static func filled<Failure: Error>(
    _ count: Int,
    by body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> [UInt8] {
    let memory = GuardedBytes(byteCount: count)
    let room = memory.last(count)
    room.initializeMemory(as: UInt8.self, repeating: 0xee)
    return try withExtendedLifetime(memory) { () throws(Failure) in
      Array(room[..<(try body(room))])
    }
  }
}
