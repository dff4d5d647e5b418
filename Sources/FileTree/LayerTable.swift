// All entries of one layer, in the order of its tar stream, as flat arrays: made in memory by
// LayerTableBuilder, or mapped from an index file.

package import FlatArrays
package import Offsets

/// The entries of one layer with the pools they point into.
package struct LayerTable: Sendable {
  package let entries: FlatArray<LayerEntry>
  package let segments: FlatArray<DataSegment>
  /// Names, paths, link targets and extended attributes.
  package let bytes: FlatArray<UInt8>

  /// Of a layer without entries.
  package static var empty: LayerTable { LayerTable() }

  init() {
    entries = FlatArray([])
    segments = FlatArray([])
    bytes = FlatArray([])
  }

  /// Takes arrays from anywhere, a file included, and checks every entry in them once.
  ///
  /// - Throws: `.malformedTable` naming the first entry that points outside its pool, or has a kind,
  ///   a mode, nanoseconds or data blocks that no entry can have.
  package init(
    entries: FlatArray<LayerEntry>,
    segments: FlatArray<DataSegment>,
    bytes: FlatArray<UInt8>
  ) throws(TreeError) {
    self.entries = entries
    self.segments = segments
    self.bytes = bytes
    for index in entries.indices where !isSound(entries[index]) {
      throw .malformedTable(entry: index)
    }
  }

  /// Takes arrays of a file that was found sound before, and looks at no entry.
  package init(
    foundSound entries: FlatArray<LayerEntry>,
    segments: FlatArray<DataSegment>,
    bytes: FlatArray<UInt8>
  ) {
    self.entries = entries
    self.segments = segments
    self.bytes = bytes
  }

  private func isSound(_ entry: LayerEntry) -> Bool {
    guard let kind = entry.kind, entry.directory.fits(in: bytes.count),
      entry.name.fits(in: bytes.count), entry.extendedAttributes.fits(in: bytes.count),
      entry.mode <= 0o7777, entry.nanoseconds < 1_000_000_000
    else { return false }
    if kind == .regular { return StoredFile(entry).isSound(in: segments) }
    return entry.payload.fits(in: bytes.count) && entry.dataBlocks == 0 && entry.dataRuns == 0
  }

  package func slice(_ range: PoolRange) -> ByteSlice {
    bytes.slice(at: Int(range.start), count: Int(range.count))
  }

  /// The entry's whole path from the root, without a leading slash.
  package func path(of entry: LayerEntry) -> [UInt8] {
    let directory = slice(entry.directory).array
    guard entry.name.count > 0 else { return directory }
    return directory.isEmpty
      ? slice(entry.name).array : directory + [UInt8(ascii: "/")] + slice(entry.name).array
  }

  /// The path of the member whose header is at `header`, with the name that the archive has for
  /// a whiteout or an opaque mark; `nil` where no member begins.
  ///
  /// Looks it up by halves: members are in the order of their stream.
  package func memberPath(at header: TarOffset) -> [UInt8]? {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = low + (high - low) / 2
      if entries[middle].header < header { low = middle + 1 } else { high = middle }
    }
    guard low < entries.count, entries[low].header == header else { return nil }
    let entry = entries[low]
    guard entry.isMark else { return path(of: entry) }
    let directory = slice(entry.directory).array
    let slash = directory.isEmpty ? [] : [UInt8(ascii: "/")]
    return directory + slash + markName(of: entry)
  }

  package func extendedAttributes(of entry: LayerEntry) -> ExtendedAttributes {
    ExtendedAttributes(packed: slice(entry.extendedAttributes))
  }
}
