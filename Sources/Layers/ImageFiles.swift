// A flattened image whose files can be read: the tree, and the layers that its bytes come from.

package import FileTree
import FlatArrays
import Offsets
package import SeekableCompression

/// Bytes of a layer that are decoded as one: who wants several of them waits for one decoder.
package struct DecodedStretch: Hashable, Sendable {
  fileprivate let layer: Int
  fileprivate let number: Int
}

/// A tree with its files' bytes.
///
/// Usable from any thread.
package struct ImageFiles: Sendable {
  package let tree: Tree
  package let warnings: TreeWarnings
  private let layers: [LayerBytes]

  init(tree: Tree, warnings: TreeWarnings, layers: [LayerBytes]) {
    self.tree = tree
    self.warnings = warnings
    self.layers = layers
  }

  /// The files of a merge of `indexes`, base first, whose blobs are read from `sources`.
  package init(_ merged: MergedTree, of indexes: [LayerIndex], sources: [any ByteSource]) {
    let cache = SpanCache()
    self.init(
      tree: merged.tree,
      warnings: merged.warnings,
      layers: zip(indexes, sources).enumerated().map { number, layer in
        .blob(LayerReader(layer.0, number: number, source: layer.1, copy: nil, cache: cache))
      }
    )
  }

  /// Reads from a regular file: the whole buffer, or up to the file's end.
  ///
  /// - Returns: how many bytes there were.
  package func read(
    _ file: Node,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(LayersError) -> Int {
    try read(file, at: offset, into: buffer, decoding: .asNeeded) ?? 0
  }

  /// As above; `nil` when the read would take decoding that was not allowed.
  package func read(
    _ file: Node,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer,
    decoding: Decoding
  ) throws(LayersError) -> Int? {
    guard file.kind == .regular, offset < file.size else { return 0 }
    let count = Int(min(UInt64(buffer.count), file.size - offset))
    let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    let layer = layers[Int(file.layer)]
    if !tree.isSparse(file) {
      let start = TarOffset(file.data.bytes + offset)
      return try layer.read(at: start, into: wanted, decoding: decoding) ? count : nil
    }
    return try readSparse(file, at: offset, into: wanted, from: layer, decoding: decoding)
      ? count : nil
  }

  /// What is decoded together with the byte at `offset` of a regular file.
  package func stretch(of file: Node, at offset: UInt64) -> DecodedStretch {
    let layer = Int(file.layer)
    let start = TarOffset(file.data.bytes + offset)
    return DecodedStretch(layer: layer, number: layers[layer].stretch(at: start))
  }

  private func readSparse(
    _ file: Node,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer,
    from layer: LayerBytes,
    decoding: Decoding
  ) throws(LayersError) -> Bool {
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    let end = offset + UInt64(buffer.count)
    for segment in segments(of: file, behind: offset) {
      if segment.file.bytes >= end { break }
      let first = max(segment.file.bytes, offset)
      let last = min(segment.file.bytes + segment.byteCount, end)
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[Int(first - offset)..<Int(last - offset)]
      )
      let start = TarOffset(segment.tar.bytes + (first - segment.file.bytes))
      guard try layer.read(at: start, into: part, decoding: decoding) else { return false }
    }
    return true
  }

  /// The segments that do not end at or before `offset`.
  ///
  /// A file may have a million.
  private func segments(
    of file: Node,
    behind offset: UInt64
  ) -> Slice<FlatArray<DataSegment>> {
    let all = tree.segments(of: file)
    var (low, high) = (all.startIndex, all.endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      let segment = all[middle]
      if segment.file.bytes + segment.byteCount <= offset {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return all[low...]
  }
}
