// The seam behind which deflate is decoded: one raw deflate stream, started at its beginning or in
// its middle, by zlib or by ISA-L. Chooses between them; knows nothing of gzip members, blobs or
// seek points. Source: RFC 1951.

import Glibc

/// Which library decodes deflate.
///
/// Both read and write the same seek points; see docs/decisions/0011-isa-l.md.
package enum InflateLibrary: String, Sendable, CaseIterable {
  /// The reference, and what there is where ISA-L is not.
  case zlib
  #if HAS_ISAL
  case isal
  #endif

  /// What is used where nobody asks for one: the fastest there is.
  ///
  /// The environment can name another (BANGER_FS_INFLATE), for comparisons; what it does not know
  /// it ignores.
  package static let standard: InflateLibrary = {
    if let name = getenv("BANGER_FS_INFLATE"), let library = Self(rawValue: String(cString: name)) {
      return library
    }
    return allCases.last ?? .zlib
  }()
}

/// How far the next stretch of decoding may go.
enum DecodeGoal {
  /// Until input or room is used up.
  case bytes
  /// Also stop between two deflate blocks, once so many bytes more are decoded; below zero where that
  /// was so many bytes ago.
  ///
  /// zlib stops at the first such boundary; ISA-L at one soon after. Which one it is depends on the
  /// stream alone, not on how it is cut.
  case boundary(after: Int)
}

/// A place between two deflate blocks.
struct BlockBoundary: Equatable {
  /// How many bits of `previousByte` the next block begins with: 0 to 7, the high ones.
  var bitCount: UInt8
  var previousByte: UInt8
  /// Input that was taken already and comes after them.
  var following: [UInt8] = []
}

/// What stopped a stretch of decoding.
enum InflateOutcome: Equatable {
  /// All input is used, and nothing decoded is held back.
  case inputUsed
  case outputFull
  /// Only where the goal asks for it; nothing decoded is held back.
  case boundary(BlockBoundary)
  /// The stream's last block ended; the input stands at the first byte after it.
  ///
  /// Except that these bytes, eight at most, belong there too: they came with earlier input.
  case end(unused: [UInt8])
  /// What follows is no deflate data; what came before was decoded, but for the last 258 bytes,
  /// which ISA-L cannot tell from others.
  ///
  /// The input stands where this was found, or so many bytes behind it.
  case corrupt(unusedByteCount: Int)
  case outOfMemory
}

/// A decoder of one raw deflate stream at a time.
struct InflateEngine: ~Copyable, Sendable {
  /// The furthest that deflate refers back: 32 KiB.
  ///
  /// Source: RFC 1951 §2.
  static let windowByteCount = 32 << 10

  /// Not private: what other targets let go of holds one, and then the optimised build needs its name.
  enum Inflater: ~Copyable, Sendable {
    case zlib(ZlibInflater)
    #if HAS_ISAL
    case isal(IsalInflater)
    #endif
  }

  private let inflater: Inflater

  init(_ library: InflateLibrary) throws(CompressionError) {
    switch library {
    case .zlib: inflater = .zlib(try ZlibInflater())
    #if HAS_ISAL
    case .isal: inflater = .isal(IsalInflater())
    #endif
    }
  }

  /// What it takes of memory, to a few KiB.
  var byteCount: Int {
    switch inflater {
    case .zlib(let zlib): zlib.byteCount
    #if HAS_ISAL
    case .isal(let isal): isal.byteCount
    #endif
    }
  }

  /// Starts a stream at its first byte.
  mutating func begin() {
    switch inflater {
    case .zlib(let zlib): zlib.begin()
    #if HAS_ISAL
    case .isal(let isal): isal.begin()
    #endif
    }
  }

  /// Starts in the middle of a stream, at a block boundary.
  ///
  /// The block's first `bitCount` bits (0 to 7) are the high bits of `previousByte`; the rest
  /// follows in the input. `window` is what was decoded before, 32 KiB of it at most.
  ///
  /// - Returns: whether the library accepted it.
  mutating func resume(
    bitCount: UInt8,
    previousByte: UInt8,
    window: UnsafeRawBufferPointer
  ) -> Bool {
    guard bitCount < 8 else { return false }
    let bits = UInt8(truncatingIfNeeded: UInt16(previousByte) >> (8 - UInt16(bitCount)))
    switch inflater {
    case .zlib(let zlib): return zlib.resume(bits: bits, bitCount: bitCount, window: window)
    #if HAS_ISAL
    case .isal(let isal): return isal.resume(bits: bits, bitCount: bitCount, window: window)
    #endif
    }
  }

  /// Decodes as far as `goal`, input and room allow, and moves both past what was used.
  mutating func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) -> InflateOutcome {
    switch inflater {
    case .zlib(let zlib): return zlib.decode(&input, into: &output, until: goal)
    #if HAS_ISAL
    case .isal(let isal): return isal.decode(&input, into: &output, until: goal)
    #endif
    }
  }
}
