// A layer made from files of this machine: entries in a table, contents in the scratch file, and one
// digest of all that decides what the tree becomes.

import FileTree
import FlatArrays
import Glibc
import ImageStore
import OCISpec
import Offsets
import SystemPackage

/// A layer that is laid over an image.
struct AddedLayer: Sendable {
  let table: LayerTable
  let role: LayerRole
  /// Of everything in it that the tree may show.
  let digest: Digest
  let bytes: LayerBytes
  let warnings: [AdditionWarning]
  /// The option with its value; one for each entry, or one for all.
  let names: [String]
  /// Whether the entries are members of an archive, which have positions.
  let isArchive: Bool

  /// What asked for the entry at `member`.
  func name(at member: TarOffset?) -> String {
    if names.count == table.entries.count, let member, let index = Int(exactly: member.bytes),
      names.indices.contains(index)
    {
      return names[index]
    }
    return names.first ?? ""
  }
}

/// Collects entries.
struct HostLayerBuilder {
  private var table: LayerTableBuilder
  /// Of the files' contents, by entry.
  private var contents: [Int: Digest] = [:]
  private(set) var count = 0

  init(limits: LayerLimits) {
    table = LayerTableBuilder(limits: limits.tree)
  }

  /// Adds an entry; its position is its number.
  mutating func append(
    _ content: EntryContent,
    at path: [UInt8],
    attributes: EntryAttributes,
    extendedAttributes: [ExtendedAttribute] = []
  ) throws(AdditionFault) {
    do throws(TreeError) {
      try table.append(
        content,
        at: path,
        attributes: attributes,
        extendedAttributes: extendedAttributes,
        member: TarOffset(UInt64(count))
      )
    } catch {
      throw .entries(error)
    }
    count += 1
  }

  mutating func append(
    _ content: SnapshotContent,
    at path: [UInt8],
    attributes: EntryAttributes,
    extendedAttributes: [ExtendedAttribute] = []
  ) throws(AdditionFault) {
    contents[count] = content.digest
    let entry = count
    try append(
      .regular(byteCount: content.byteCount, data: content.data, segments: content.segments),
      at: path,
      attributes: attributes,
      extendedAttributes: extendedAttributes
    )
    table.setDataBlocks(content.counter.blocks, runs: content.counter.runs, ofEntry: entry)
  }

  /// The layer of all entries so far, which the builder then no longer has.
  mutating func layer(
    as role: LayerRole,
    in scratch: ScratchFile,
    names: [String],
    warnings: [AdditionWarning] = []
  ) throws(AdditionFault) -> AddedLayer {
    let table: LayerTable
    do throws(TreeError) { table = try self.table.table() } catch { throw .entries(error) }
    return AddedLayer(
      table: table,
      role: role,
      digest: digest(of: table),
      bytes: .scratch(scratch),
      warnings: warnings,
      names: names,
      isArchive: false
    )
  }

  /// Of every entry, in order; where contents are kept is left out.
  private func digest(of table: LayerTable) -> Digest {
    var hasher = DigestHasher(.sha256)
    for index in table.entries.indices {
      let entry = table.entries[index]
      var fields = ByteEncoder()
      fields.append(entry.kindCode)
      fields.append(table.path(of: entry))
      fields.append(entry.mode)
      fields.append(entry.uid)
      fields.append(entry.gid)
      fields.append(entry.seconds)
      fields.append(entry.nanoseconds)
      fields.append(table.slice(entry.extendedAttributes).array)
      fields.append(entry.size)
      let isFile = entry.kind == .regular
      fields.append(isFile ? contents[index]?.bytes ?? [] : table.slice(entry.payload).array)
      fields.bytes.withUnsafeBytes { hasher.update($0) }
    }
    return hasher.finalize()
  }
}

extension EntryAttributes {
  init(_ status: stat, mode: UInt16, uid: UInt32, gid: UInt32) {
    self.init(
      mode: mode,
      uid: uid,
      gid: gid,
      seconds: Int64(status.st_mtim.tv_sec),
      nanoseconds: status.modificationNanoseconds
    )
  }
}

// MARK: - Single files and links

extension HostSnapshot {
  func layer(of files: [AddedFile], option: String) throws(LayersError) -> AddedLayer {
    var builder = HostLayerBuilder(limits: limits)
    let names = files.map { additionName(option, $0.host.rawBytes + Array(":".utf8) + $0.guest) }
    for (file, name) in zip(files, names) {
      try named(name) { () throws(AdditionFault) in try add(file, to: &builder) }
    }
    return try named(option) { () throws(AdditionFault) in
      try builder.layer(as: .files, in: scratch, names: names)
    }
  }

  private func add(
    _ file: AddedFile,
    to builder: inout HostLayerBuilder
  ) throws(AdditionFault) {
    let path = file.host.rawBytes
    let guest = try place(of: file)
    let handle = try openFile(file.host)
    let (status, content) = try take(handle, at: path)
    // Whoever wants a program to run as its owner, who is another one now, must say so.
    let ownMode = UInt16(status.st_mode & 0o1777)
    let attributes = EntryAttributes(
      status,
      mode: file.mode ?? ownMode,
      uid: file.uid,
      gid: file.gid
    )
    try builder.append(content, at: guest, attributes: attributes)
  }

  /// Looks before it opens: opening a device can have effects.
  private func openFile(_ host: FilePath) throws(AdditionFault) -> HostFile {
    let path = host.rawBytes
    let type = try opening(path) { () throws(Errno) in
      try HostFile.open(host, hostPathOnly).status().type
    }
    if type == S_IFDIR { throw .host(path, .isADirectory) }
    if type != S_IFREG { throw .host(path, .notARegularFile) }
    return try opening(path) { () throws(Errno) in
      try HostFile.open(host, O_RDONLY | O_NONBLOCK)
    }
  }

  /// The file's path in the tree, in normal form.
  private func place(of file: AddedFile) throws(AdditionFault) -> [UInt8] {
    var typed = file.guest
    if typed.last == UInt8(ascii: "/") {
      typed += EntryPath.split(file.host.rawBytes).name
    }
    return try guestPath(typed, as: file.guest)
  }

  func layer(of links: [AddedLink], option: String) throws(LayersError) -> AddedLayer {
    var builder = HostLayerBuilder(limits: limits)
    let names = links.map { additionName(option, $0.path) }
    for (link, name) in zip(links, names) {
      try named(name) { () throws(AdditionFault) in
        try builder.append(
          .symbolicLink(target: link.target),
          at: try guestPath(link.path, as: link.path),
          attributes: EntryAttributes(mode: 0o777)
        )
      }
    }
    return try named(option) { () throws(AdditionFault) in
      try builder.layer(as: .files, in: scratch, names: names)
    }
  }
}

func opening<Result>(
  _ path: [UInt8],
  _ body: () throws(Errno) -> Result
) throws(AdditionFault) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw .host(path, .system(operation: "be opened", error))
  }
}

/// `O_PATH`: to look at a file without opening it.
///
/// The kernel's generic value, which Glibc's module hides. Source: open(2).
let hostPathOnly: CInt = 0o10_000_000

/// A path that may be a file's, in normal form.
private func guestPath(
  _ path: [UInt8],
  as typed: [UInt8]
) throws(AdditionFault) -> [UInt8] {
  let normal: [UInt8]
  do {
    normal = try EntryPath.normalize(path)
  } catch {
    throw .guest(typed, .path(error.problem))
  }
  if normal.isEmpty { throw .guest(typed, .isRoot) }
  let isReserved = normal.split(separator: UInt8(ascii: "/")).contains {
    $0.starts(with: ".wh.".utf8)
  }
  if isReserved { throw .guest(typed, .reservedName) }
  return normal
}

func additionName(_ option: String, _ value: [UInt8]) -> String {
  (option.isEmpty ? "" : option + " ") + EscapedBytes.string(value)
}

/// Puts the name of what was asked for in front of what is wrong with it.
func named<Result>(
  _ name: String,
  _ body: () throws(AdditionFault) -> Result
) throws(LayersError) -> Result {
  do throws(AdditionFault) { return try body() } catch { throw .addition(name, error) }
}
