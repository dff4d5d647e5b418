// Finds out which bytes of a window the data after a seek point refers to, without looking inside
// deflate. The same data is decoded from two windows of markers; the pair of bytes that arrives at
// an output position tells which window position it was copied from.

/// Two decodes of the first 32 KiB after a seek point, in step with the real one.
///
/// Further on nothing can refer to the window: deflate reaches back 32 KiB at most.
struct WindowProbe: ~Copyable, Sendable {
  private static let size = InflateEngine.windowByteCount

  private var first: MarkedDecode
  private var second: MarkedDecode
  /// The real window, right-aligned in 32 KiB; what is not used becomes zero.
  private let window: HeapBytes
  private var windowByteCount = 0
  private(set) var isActive = false

  init(_ library: InflateLibrary) throws(CompressionError) {
    let first = try MarkedDecode(library, mixesHighByte: false)
    let second = try MarkedDecode(library, mixesHighByte: true)
    self.first = first
    self.second = second
    window = HeapBytes(byteCount: WindowProbe.size)
  }

  /// Begins at a point; `window` is what was decoded before it, 32 KiB at most.
  mutating func begin(at boundary: BlockBoundary, window real: UnsafeRawBufferPointer) {
    windowByteCount = real.count
    tail.copyMemory(from: real)
    first.begin(at: boundary)
    second.begin(at: boundary)
    isActive = true
  }

  /// Whether 32 KiB were decoded, so that nothing more can be found.
  var isFull: Bool { first.count == WindowProbe.size && second.count == WindowProbe.size }

  /// Takes the compressed bytes that the real decoder used.
  mutating func push(_ bytes: UnsafeRawBufferPointer) {
    first.push(bytes)
    second.push(bytes)
  }

  /// Ends, and returns the window with every byte zero that nothing refers to.
  ///
  /// Empty when nothing refers to any. Valid until the next `begin`. To be called when the probe is
  /// full or has seen the deflate stream to its end; else (`isComplete` false) the whole window is
  /// kept.
  mutating func end(isComplete: Bool) -> UnsafeRawBufferPointer {
    isActive = false
    guard isComplete, first.count == second.count else { return UnsafeRawBufferPointer(tail) }
    var isUsed = [Bool](repeating: false, count: WindowProbe.size)
    let (ones, others) = (first.output, second.output)
    for index in 0..<first.count where ones[index] != others[index] {
      let high = Int(ones[index] ^ others[index]) - 1
      // More than 127 cannot arrive; the mask keeps it an index all the same.
      isUsed[(high << 8 | Int(ones[index])) & (WindowProbe.size - 1)] = true
    }
    guard let lowest = isUsed.firstIndex(of: true) else {
      return UnsafeRawBufferPointer(window.slice(0..<0))
    }
    for index in 0..<WindowProbe.size where !isUsed[index] { window.bytes[index] = 0 }
    let start = max(lowest, WindowProbe.size - windowByteCount)
    return UnsafeRawBufferPointer(window.slice(start..<WindowProbe.size))
  }

  private var tail: UnsafeMutableRawBufferPointer {
    window.slice(WindowProbe.size - windowByteCount..<WindowProbe.size)
  }
}

/// A decode of up to 32 KiB from a window of markers.
private struct MarkedDecode: ~Copyable, Sendable {
  private var engine: InflateEngine
  /// What stands for position i: its low byte alone, or mixed with its high byte plus one.
  ///
  /// The high byte is below 128, so the two markers of a position always differ, and a pair of
  /// equal bytes is a literal.
  private let markers: HeapBytes
  private let mixesHighByte: Bool
  /// Most layers are too small to have a point inside: the markers wait for the first.
  private var isMarked = false
  private let decoded: HeapBytes
  private(set) var count = 0
  private var isRunning = false

  init(_ library: InflateLibrary, mixesHighByte: Bool) throws(CompressionError) {
    let engine = try InflateEngine(library)
    self.engine = engine
    self.mixesHighByte = mixesHighByte
    markers = HeapBytes(byteCount: InflateEngine.windowByteCount)
    decoded = HeapBytes(byteCount: InflateEngine.windowByteCount)
  }

  var output: UnsafeRawBufferPointer { UnsafeRawBufferPointer(decoded.slice(0..<count)) }

  mutating func begin(at boundary: BlockBoundary) {
    if !isMarked { mark() }
    count = 0
    isRunning = engine.resume(
      bitCount: boundary.bitCount,
      previousByte: boundary.previousByte,
      window: UnsafeRawBufferPointer(markers.bytes)
    )
    boundary.following.withUnsafeBytes { push($0) }
  }

  private mutating func mark() {
    for index in 0..<markers.bytes.count {
      let high = UInt8(truncatingIfNeeded: (index >> 8) + 1)
      markers.bytes[index] = UInt8(truncatingIfNeeded: index) ^ (mixesHighByte ? high : 0)
    }
    isMarked = true
  }

  mutating func push(_ bytes: UnsafeRawBufferPointer) {
    guard isRunning else { return }
    var rest = bytes
    var room = decoded.slice(count..<decoded.bytes.count)
    let outcome = engine.decode(&rest, into: &room, until: .bytes)
    count = decoded.bytes.count - room.count
    isRunning = outcome == .inputUsed
  }
}
