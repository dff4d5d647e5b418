// Which files of a tree have the same bytes without being one file. Files are told apart by what is known
// without reading them first, and only those that are alike in all of that are read: in the tree's order,
// in which decoding is cheap.

package import FileTree
import FlatArrays
import ImageStore
import OCISpec
import Offsets

/// Files with one and the same content.
package struct DuplicateFiles: Hashable, Sendable {
  /// Of each of them.
  package let byteCount: UInt64
  /// Two or more, in the tree's order.
  package let nodes: [NodeID]

  /// What one file in place of all would save.
  package var savedByteCount: UInt64 {
    let (product, overflow) = byteCount.multipliedReportingOverflow(by: UInt64(nodes.count - 1))
    return overflow ? .max : product
  }
}

package struct DuplicateContents: Sendable {
  /// Those that would save most first; among equals in the tree's order.
  package let groups: [DuplicateFiles]

  package var savedByteCount: UInt64 {
    groups.reduce(0) { sum, group in
      let (next, overflow) = sum.addingReportingOverflow(group.savedByteCount)
      return overflow ? .max : next
    }
  }

  /// Looks for them below a directory.
  ///
  /// Empty files are left out. `progress` is told of bytes read, and `total` before the first of them
  /// how many there are to read, at most.
  ///
  /// - Throws: what reading throws.
  package init(
    in files: ImageFiles,
    below start: NodeID = .root,
    total: (UInt64) -> Void = { _ in },
    progress: (UInt64) -> Void = { _ in }
  ) throws(LayersError) {
    let candidates = Self.candidates(in: files.tree, below: start)
    total(Self.byteCount(of: candidates, in: files.tree))
    var reader = ContentReader(files)
    var contents: [Content] = []
    contents.reserveCapacity(candidates.count)
    for node in candidates {
      contents.append(Content(try reader.digest(of: node, progress: progress), node))
    }
    contents.sort()
    groups = Self.groups(of: contents, in: files.tree)
  }

  /// The files that are like another one in all that is known without reading, in the tree's order.
  private static func candidates(in tree: Tree, below start: NodeID) -> [NodeID] {
    var looks = regularFiles(in: tree, below: start).map { Look(tree[$0], $0) }
    looks.sort()
    var alike: [NodeID] = []
    var first = 0
    while first < looks.count {
      var end = first + 1
      while end < looks.count, looks[end].isLike(looks[first]) { end += 1 }
      if end - first > 1 { alike += looks[first..<end].map(\.node) }
      first = end
    }
    return alike.sorted()
  }

  /// Each once, without the empty ones.
  private static func regularFiles(in tree: Tree, below start: NodeID) -> [NodeID] {
    var files: [NodeID] = []
    var pending = [start]
    while let id = pending.popLast() {
      let node = tree[id]
      if node.kind == .regular, node.size > 0 { files.append(id) }
      for child in tree.children(of: node) { pending.append(child.node) }
    }
    files.sort()
    var last: NodeID?
    return files.filter { id in
      defer { last = id }
      return id != last
    }
  }

  /// Blocks of zeros need not be read.
  private static func byteCount(of nodes: [NodeID], in tree: Tree) -> UInt64 {
    nodes.reduce(0) { $0 + UInt64(tree[$1].dataBlocks) * ContentReader.blockByteCount }
  }

  private static func groups(of contents: [Content], in tree: Tree) -> [DuplicateFiles] {
    var groups: [DuplicateFiles] = []
    var first = 0
    while first < contents.count {
      var end = first + 1
      while end < contents.count, contents[end].digest == contents[first].digest { end += 1 }
      if end - first > 1 {
        let nodes = contents[first..<end].map(\.node)
        groups.append(DuplicateFiles(byteCount: tree[nodes[0]].size, nodes: nodes))
      }
      first = end
    }
    return groups.sorted { left, right in
      (right.savedByteCount, left.nodes[0]) < (left.savedByteCount, right.nodes[0])
    }
  }
}

/// What is known of a file's content without reading it.
private struct Look: Comparable {
  let size: UInt64
  let dataBlocks: UInt32
  let dataRuns: UInt32
  let node: NodeID

  init(_ file: Node, _ node: NodeID) {
    size = file.size
    dataBlocks = file.dataBlocks
    dataRuns = file.dataRuns
    self.node = node
  }

  func isLike(_ other: Look) -> Bool {
    (size, dataBlocks, dataRuns) == (other.size, other.dataBlocks, other.dataRuns)
  }

  static func < (left: Look, right: Look) -> Bool {
    (left.size, left.dataBlocks, left.dataRuns, left.node)
      < (right.size, right.dataBlocks, right.dataRuns, right.node)
  }
}

/// A file by its content: 40 bytes, however many files there are.
private struct Content: Comparable {
  let digest: SIMD4<UInt64>
  let node: NodeID

  init(_ digest: SIMD4<UInt64>, _ node: NodeID) {
    self.digest = digest
    self.node = node
  }

  static func < (left: Content, right: Content) -> Bool {
    for place in 0..<4 where left.digest[place] != right.digest[place] {
      return left.digest[place] < right.digest[place]
    }
    return left.node < right.node
  }
}

/// Digests of contents, in which zeros count for nothing but their place: whether an archive stores them
/// or leaves them out, a file is the same, and the holes of a sparse file cost no time.
private struct ContentReader {
  static let blockByteCount: UInt64 = 4096
  /// A whole number of blocks; small, since a sparse file may have a byte in each.
  private static let pieceByteCount = 64 << 10

  private let files: ImageFiles
  private var buffer = [UInt8](repeating: 0, count: pieceByteCount)

  init(_ files: ImageFiles) {
    self.files = files
  }

  /// The same for the same size and bytes alone.
  mutating func digest(
    of id: NodeID,
    progress: (UInt64) -> Void
  ) throws(LayersError) -> SIMD4<UInt64> {
    let file = files.tree[id]
    var hasher = DigestHasher(.sha256)
    Self.update(&hasher, with: [file.size])
    if file.dataBlocks > 0 {
      var segments = files.tree.segments(of: file)
      let isSparse = !segments.isEmpty
      var offset: UInt64 = 0
      while offset < file.size {
        if isSparse {
          guard let next = Self.nextPiece(from: offset, in: &segments) else { break }
          offset = next
        }
        progress(try digestPiece(of: file, at: offset, into: &hasher))
        offset += UInt64(Self.pieceByteCount)
      }
    }
    return Self.words(of: hasher.finalize())
  }

  /// Where the first piece at or behind `offset` begins that has stored bytes.
  private static func nextPiece(
    from offset: UInt64,
    in segments: inout Slice<FlatArray<DataSegment>>
  ) -> UInt64? {
    while let segment = segments.first {
      if segment.byteCount > 0, segment.file.bytes + segment.byteCount > offset {
        let piece = UInt64(pieceByteCount)
        return max(offset, segment.file.bytes / piece * piece)
      }
      segments.removeFirst()
    }
    return nil
  }

  /// Takes in each run of blocks that are not all zero, with its place.
  ///
  /// - Returns: the bytes of those blocks.
  private mutating func digestPiece(
    of file: Node,
    at offset: UInt64,
    into hasher: inout DigestHasher
  ) throws(LayersError) -> UInt64 {
    let files = files
    let result = buffer.withUnsafeMutableBytes { bytes in
      Result { () throws(LayersError) in try files.read(file, at: offset, into: bytes) }
    }
    let end = try result.get()
    var done = 0
    var byteCount: UInt64 = 0
    while let run = dataRun(from: done, to: end) {
      Self.update(&hasher, with: [offset + UInt64(run.lowerBound), UInt64(run.count)])
      buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[run])) }
      byteCount += UInt64(run.count)
      done = run.upperBound
    }
    return byteCount
  }

  /// The next run of blocks in the buffer that are not all zero.
  private func dataRun(from start: Int, to end: Int) -> Range<Int>? {
    var first = start
    while first < end, isZero(blockAt: first, before: end) { first += Int(Self.blockByteCount) }
    var last = first
    while last < end, !isZero(blockAt: last, before: end) { last += Int(Self.blockByteCount) }
    return first < last ? first..<min(last, end) : nil
  }

  private func isZero(blockAt start: Int, before end: Int) -> Bool {
    buffer.span.extracting(start..<min(start + Int(Self.blockByteCount), end)).isAllZero
  }

  private static func update(_ hasher: inout DigestHasher, with numbers: [UInt64]) {
    numbers.map(\.littleEndian).withUnsafeBytes { hasher.update($0) }
  }

  private static func words(of digest: Digest) -> SIMD4<UInt64> {
    var words = SIMD4<UInt64>()
    for (place, byte) in digest.bytes.enumerated() {
      words[place / 8] = words[place / 8] << 8 | UInt64(byte)
    }
    return words
  }
}
