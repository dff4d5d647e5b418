// Collects the entries of one layer into flat arrays, in the order in which they come.

import FlatArrays
package import Offsets

/// What an entry is, beside its attributes.
package enum EntryContent: Hashable, Sendable {
  case directory
  /// `segments` is empty unless the file is sparse.
  case regular(byteCount: UInt64, data: TarOffset, segments: [DataSegment])
  case symbolicLink(target: [UInt8])
  /// `target` is a path in normal form.
  case hardLink(target: [UInt8])
  case characterDevice(major: UInt32, minor: UInt32)
  case blockDevice(major: UInt32, minor: UInt32)
  case fifo
  case whiteout
  case opaque

  package var kind: EntryKind {
    switch self {
    case .directory: .directory
    case .regular: .regular
    case .symbolicLink: .symbolicLink
    case .hardLink: .hardLink
    case .characterDevice: .characterDevice
    case .blockDevice: .blockDevice
    case .fifo: .fifo
    case .whiteout: .whiteout
    case .opaque: .opaque
    }
  }
}

/// Builds a `LayerTable`.
package struct LayerTableBuilder: Sendable {
  private var entries: [LayerEntry] = []
  private var segments: [DataSegment] = []
  private var bytes: [UInt8] = []
  /// Directories already in the pool: the members of one share its path.
  private var directories: [[UInt8]: PoolRange] = [:]
  private var lastDirectory: (path: [UInt8], range: PoolRange) = ([], .none)

  private let limits: TreeLimits

  package init(limits: TreeLimits = TreeLimits()) {
    self.limits = limits
  }

  /// Adds an entry about `path`, which is in normal form (see `EntryPath`).
  ///
  /// For a whiteout `path` is the path it hides; for an opaque mark, the directory it is about.
  /// A file's data blocks are counted as if no stored byte were zero, until `setDataBlocks` says more.
  ///
  /// - Throws: `.tooManyEntries`, `.tooManyTableBytes`, `.tableTooLarge`; `.emptySymbolicLink` and `.invalidPath` for
  ///   targets of symbolic links that no Linux file system can hold.
  package mutating func append(
    _ content: EntryContent,
    at path: [UInt8],
    attributes: EntryAttributes,
    extendedAttributes: [ExtendedAttribute] = [],
    member: TarOffset
  ) throws(TreeError) {
    let (directory, name) =
      content == .opaque ? (path[...], [][...]) : EntryPath.split(path)
    var entry = LayerEntry(
      header: member,
      data: .zero,
      size: 0,
      seconds: attributes.seconds,
      nanoseconds: attributes.nanoseconds,
      uid: attributes.uid,
      gid: attributes.gid,
      directory: try range(ofDirectory: directory),
      name: try intern(name),
      payload: .none,
      extendedAttributes: try intern(extendedAttributes),
      dataBlocks: 0,
      dataRuns: 0,
      mode: attributes.mode,
      kindCode: content.kind.rawValue,
      reserved: 0
    )
    try setContent(content, of: &entry, at: path)
    if entries.count >= limits.entryCount {
      throw .tooManyEntries(limit: limits.entryCount, member: member)
    }
    entries.append(entry)
    if byteCount > limits.tableByteCount {
      throw .tooManyTableBytes(limit: limits.tableByteCount, member: member)
    }
  }

  /// The bytes of the table so far.
  private var byteCount: Int {
    entries.count * MemoryLayout<LayerEntry>.stride
      + segments.count * MemoryLayout<DataSegment>.stride + bytes.count
  }

  private mutating func setContent(
    _ content: EntryContent,
    of entry: inout LayerEntry,
    at path: [UInt8]
  ) throws(TreeError) {
    switch content {
    case .directory, .fifo, .whiteout, .opaque:
      break
    case .regular(let byteCount, let data, let runs):
      entry.size = byteCount
      entry.data = data
      if !runs.isEmpty { entry.payload = try intern(runs) }
      let bound = DataBlockCounter.bound(byteCount: byteCount, segments: runs)
      (entry.dataBlocks, entry.dataRuns) = (bound.blocks, bound.runs)
    case .symbolicLink(let target):
      if target.isEmpty { throw .emptySymbolicLink(path: path, member: entry.header) }
      if target.count > EntryPath.linkTargetLimit {
        throw .invalidPath(.linkTargetTooLong, path: path, member: entry.header)
      }
      entry.payload = try intern(target[...])
    case .hardLink(let target):
      entry.payload = try intern(target[...])
    case .characterDevice(let major, let minor), .blockDevice(let major, let minor):
      entry.size = UInt64(major) << 32 | UInt64(minor)
    }
  }

  private mutating func range(
    ofDirectory path: ArraySlice<UInt8>
  ) throws(TreeError) -> PoolRange {
    if path.elementsEqual(lastDirectory.path) { return lastDirectory.range }
    let key = Array(path)
    let range: PoolRange
    if let known = directories[key] {
      range = known
    } else {
      range = try intern(path)
      directories[key] = range
    }
    lastDirectory = (key, range)
    return range
  }

  private mutating func intern(_ run: ArraySlice<UInt8>) throws(TreeError) -> PoolRange {
    let start = bytes.count
    bytes += run
    return try range(from: start, to: bytes.count)
  }

  private mutating func intern(_ runs: [DataSegment]) throws(TreeError) -> PoolRange {
    let start = segments.count
    segments += runs
    return try range(from: start, to: segments.count)
  }

  private mutating func intern(_ attributes: [ExtendedAttribute]) throws(TreeError) -> PoolRange {
    if attributes.isEmpty { return .none }
    let start = bytes.count
    ExtendedAttributes.pack(attributes, into: &bytes)
    return try range(from: start, to: bytes.count)
  }

  private func range(from start: Int, to end: Int) throws(TreeError) -> PoolRange {
    guard let end32 = UInt32(exactly: end) else { throw .tableTooLarge }
    return start == end
      ? .none : PoolRange(start: UInt32(start), count: end32 - UInt32(start))
  }

  package var entryCount: Int { entries.count }

  /// The stored run of that number of a regular file, from 0; `nil` behind the last one.
  ///
  /// A file that is not sparse is one run; an empty one has none. So has whatever is no file.
  package func segment(_ number: Int, ofEntry index: Int) -> DataSegment? {
    let entry = entries[index]
    guard entry.kind == .regular else { return nil }
    if number < Int(entry.payload.count) { return segments[Int(entry.payload.start) + number] }
    guard entry.payload.count == 0, number == 0, entry.size > 0 else { return nil }
    return DataSegment(file: .zero, byteCount: entry.size, tar: entry.data)
  }

  /// Sets what was counted of a regular file's bytes: see `DataBlockCounter`.
  package mutating func setDataBlocks(_ blocks: UInt32, runs: UInt32, ofEntry index: Int) {
    precondition(entries[index].kind == .regular, "only regular files have data blocks")
    entries[index].dataBlocks = blocks
    entries[index].dataRuns = runs
  }

  /// The table of everything added so far, which the builder then no longer has.
  ///
  /// Hands over one pool after another, as a layer of millions of files must not be held twice.
  package mutating func table() throws(TreeError) -> LayerTable {
    directories = [:]
    lastDirectory = ([], .none)
    return try LayerTable(
      entries: Self.take(&entries),
      segments: Self.take(&segments),
      bytes: Self.take(&bytes)
    )
  }

  private static func take<Element: BitwiseCopyable>(
    _ elements: inout [Element]
  ) -> FlatArray<Element> {
    let array = FlatArray(elements)
    elements = []
    return array
  }
}
