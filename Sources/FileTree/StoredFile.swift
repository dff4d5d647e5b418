// What an entry or a node says of a regular file's bytes, as it is checked when it comes from a file.

import FlatArrays
import Offsets

/// A regular file's size and where its bytes are, as claimed.
struct StoredFile {
  var size: UInt64
  var data: TarOffset
  var payload: PoolRange
  var dataBlocks: UInt32
  var dataRuns: UInt32

  init(_ entry: LayerEntry) {
    size = entry.size
    data = entry.data
    payload = entry.payload
    dataBlocks = entry.dataBlocks
    dataRuns = entry.dataRuns
  }

  init(_ node: Node) {
    size = node.size
    data = node.data
    payload = node.payload
    dataBlocks = node.dataBlocks
    dataRuns = node.dataRuns
  }

  func isSound(in segments: FlatArray<DataSegment>) -> Bool {
    payload.fits(in: segments.count) && hasSoundData(in: segments) && hasSoundBlocks
  }

  /// A file has no more blocks that are not zero than blocks, and no more runs than of those.
  private var hasSoundBlocks: Bool {
    UInt64(dataBlocks) <= DataBlockCounter.blockCount(of: size)
      && dataRuns <= dataBlocks && (dataRuns > 0) == (dataBlocks > 0)
  }

  /// A file's bytes lie in the tar stream without wrapping around, and its segments in the file, one
  /// behind the other.
  private func hasSoundData(in segments: FlatArray<DataSegment>) -> Bool {
    if payload.count == 0 { return data.advanced(by: size) != nil }
    var end = FileOffset.zero
    for place in 0..<Int(payload.count) {
      let segment = segments[Int(payload.start) + place]
      guard segment.file >= end, segment.tar.advanced(by: segment.byteCount) != nil,
        let next = segment.file.advanced(by: segment.byteCount), next.bytes <= size
      else { return false }
      end = next
    }
    return true
  }
}

extension PoolRange {
  /// Whether the run lies in a pool of `poolCount` elements.
  func fits(in poolCount: Int) -> Bool { Int(start) + Int(count) <= poolCount }
}
