// The tar stream as it arrives: pieces of any size go in, members come out. Knows where the stream
// stands and cuts it into blocks; what blocks mean is MemberAssembler's. Does no I/O and looks at no
// file's data.

package import Offsets

/// Reads the members of a tar stream that is handed to it piece by piece.
///
/// ```
/// while try scanner.nextMember(in: piece, from: &position) { use(scanner.member) }
/// ```
///
/// for each piece from position 0, then `finish()`. Pieces may be cut anywhere. Data is skipped
/// without being looked at, so a piece inside a large file costs nothing; memory is bounded by
/// `TarLimits`. After an error the scanner is of no more use.
package struct TarScanner {
  /// How much of the stream was taken.
  package private(set) var offset = TarOffset.zero
  private var assembler: MemberAssembler
  /// The bytes so far of a block, or of an extension header's data, that ends in a later piece.
  private var partial: [UInt8] = []

  package init(limits: TarLimits = TarLimits()) {
    assembler = MemberAssembler(limits: limits)
    partial.reserveCapacity(HeaderLayout.byteCount)
  }

  /// The member that `nextMember` found last.
  ///
  /// Read it in place: a copy that is kept makes a later call allocate.
  package private(set) var member = TarMember()

  /// The path of the member that the stream is in, as archived: whose data is skipped, or whose
  /// headers were read so far as to say it.
  ///
  /// After an error, that of the member it is about, where it is about one.
  package var pathUnderWay: [UInt8]? { assembler.pathUnderWay(complete: member) }

  /// The oddities tolerated so far, one element per kind.
  package var warnings: [TarWarning] { assembler.warnings.warnings }

  /// Whether the end-of-archive marker was met; bytes behind it are taken and ignored.
  package var isEnded: Bool {
    if case .ended = assembler.phase { true } else { false }
  }

  /// How many of the bytes from `offset` on are data and padding that nobody looks at.
  ///
  /// Behind a member's headers: its stored data, then padding.
  package var skippableByteCount: UInt64 {
    if case .skipping(let count) = assembler.phase { count } else { 0 }
  }

  /// Passes over `count` bytes that are not handed in, at most `skippableByteCount`.
  ///
  /// For streams that can be read at any position.
  package mutating func skip(_ count: UInt64) {
    let rest = skippableByteCount
    precondition(count <= rest, "more than data and padding is skipped")
    guard count > 0 else { return }
    offset = TarOffset(offset.bytes + count)
    assembler.phase = count == rest ? .header : .skipping(rest - count)
  }

  /// Takes bytes from `position` on, which moves behind them, up to and including a member's
  /// headers.
  ///
  /// - Returns: whether `member` is a new member. Its data is still ahead in the stream and later
  ///   calls skip it. If false, `bytes` is used up and the next piece is wanted.
  package mutating func nextMember(
    in bytes: Span<UInt8>,
    from position: inout Int
  ) throws(TarError) -> Bool {
    precondition((0...bytes.count).contains(position), "position lies outside the piece")
    while position < bytes.count {
      switch assembler.phase {
      case .header, .oldSparseMap, .sparseText:
        if try takeBlock(of: bytes, from: &position) {
          assembler.warnings.attribute(toMemberAt: assembler.member.header)
          // The assembler goes on with the storage of the member before.
          swap(&member, &assembler.member)
          return true
        }
      case .special(let special):
        try takeSpecial(special, of: bytes, from: &position)
      case .skipping(let count):
        let step = min(count, UInt64(bytes.count - position))
        advance(&position, by: Int(step))
        assembler.phase = step == count ? .header : .skipping(count - step)
      case .ended:
        assembler.warnings.noteTrailer(bytes.extracting(position..<bytes.count), at: offset)
        advance(&position, by: bytes.count - position)
      }
    }
    return false
  }

  /// Takes the end of the stream.
  ///
  /// An archive may lack its end marker, and the last member's padding, but must not end within a
  /// header or data.
  package mutating func finish() throws(TarError) {
    guard partial.isEmpty else { throw .truncated(at: offset) }
    try assembler.finish(at: offset)
  }

  private mutating func advance(_ position: inout Int, by count: Int) {
    position += count
    offset = offset.moved(by: count)
  }

  /// Takes a block, in place if the piece has all of it.
  private mutating func takeBlock(
    of bytes: Span<UInt8>,
    from position: inout Int
  ) throws(TarError) -> Bool {
    let start = position
    let count = min(HeaderLayout.byteCount - partial.count, bytes.count - start)
    advance(&position, by: count)
    let piece = bytes.extracting(start..<position)
    if count == HeaderLayout.byteCount {
      return try assembler.take(block: piece, at: startOfBlock)
    }
    partial.append(copying: piece)
    guard partial.count == HeaderLayout.byteCount else { return false }
    let block = takePartial()
    let isComplete = try assembler.take(block: block.span, at: startOfBlock)
    reuse(block)
    return isComplete
  }

  /// Where the block that ends here began.
  private var startOfBlock: TarOffset {
    TarOffset(offset.bytes - UInt64(HeaderLayout.byteCount))
  }

  /// Takes data of an extension header, in place if the piece has all of it.
  private mutating func takeSpecial(
    _ special: SpecialHeader,
    of bytes: Span<UInt8>,
    from position: inout Int
  ) throws(TarError) {
    let start = position
    let count = min(special.byteCount - partial.count, bytes.count - start)
    advance(&position, by: count)
    let piece = bytes.extracting(start..<position)
    if count == special.byteCount {
      return try assembler.take(special: special, data: piece)
    }
    partial.append(copying: piece)
    guard partial.count == special.byteCount else { return }
    let data = takePartial()
    try assembler.take(special: special, data: data.span)
    reuse(data)
  }

  /// Moves the gathered bytes out, so that a span of them does not borrow the whole scanner.
  private mutating func takePartial() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &partial)
    return bytes
  }

  /// Takes the storage back, emptied.
  private mutating func reuse(_ bytes: consuming [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    partial = bytes
  }
}
