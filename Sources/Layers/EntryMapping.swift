// From a member of a tar stream to an entry of a layer: paths brought into normal form, whiteouts
// recognised by their names, attributes sorted out. Source: OCI image-spec, layer.md.

import FileTree
import Offsets
import TarFormat

struct EntryMapping {
  var table: LayerTableBuilder
  private(set) var counter = WarningCounter()

  /// 1901 to 2310: what e2fsprogs reads back of an inode's 34 bits of seconds.
  ///
  /// Source: Linux
  /// Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps".
  private static let ext4Seconds = -(Int64(1) << 31)..<((Int64(2) << 32) + (Int64(1) << 31))

  init(limits: TreeLimits = TreeLimits()) {
    table = LayerTableBuilder(limits: limits)
  }

  mutating func add(_ member: borrowing TarMember) throws(TreeError) {
    let header = member.header
    let path = try normalize(member.path, at: header)
    noteOddPath(of: member, normal: path)
    switch Whiteout.meaning(of: EntryPath.split(path).name) {
    case .malformedWhiteout:
      throw .malformedWhiteout(path: member.path, member: header)
    case .whiteout(let hidden):
      noteOddWhiteout(member)
      let directory = EntryPath.split(path).directory
      let target = directory.isEmpty ? Array(hidden) : directory + [slash] + hidden
      try append(.whiteout, at: target, member)
    case .opaque:
      noteOddWhiteout(member)
      try append(.opaque, at: Array(EntryPath.split(path).directory), member)
    case .ordinary:
      if !Self.ext4Seconds.contains(member.modificationSeconds) { note(.timeOutOfRange, member) }
      try append(try content(of: member), at: path, member)
    case .unionBookkeeping:
      note(.unionBookkeeping, member)
      try append(try content(of: member), at: path, member)
    }
  }

  private var slash: UInt8 { UInt8(ascii: "/") }

  private mutating func append(
    _ content: EntryContent,
    at path: [UInt8],
    _ member: borrowing TarMember
  ) throws(TreeError) {
    let attributes = EntryAttributes(
      mode: member.mode,
      uid: member.userID,
      gid: member.groupID,
      seconds: member.modificationSeconds,
      nanoseconds: member.modificationNanoseconds
    )
    try table.append(
      content,
      at: path,
      attributes: attributes,
      extendedAttributes: extendedAttributes(of: member, as: content.kind),
      member: member.header
    )
  }

  private func normalize(
    _ raw: [UInt8],
    at header: TarOffset,
    aboveRoot: EntryPath.AboveRoot = .refuse
  ) throws(TreeError) -> [UInt8] {
    do {
      return try EntryPath.normalize(raw, aboveRoot: aboveRoot)
    } catch {
      throw .invalidPath(error.problem, path: raw, member: header)
    }
  }

  private mutating func content(
    of member: borrowing TarMember
  ) throws(TreeError) -> EntryContent {
    switch member.kind {
    case .directory: .directory
    case .regular:
      .regular(
        byteCount: member.size,
        data: member.data,
        segments: member.segments.map {
          DataSegment(file: FileOffset($0.fileOffset), byteCount: $0.byteCount, tar: $0.data)
        }
      )
    case .symbolicLink: .symbolicLink(target: member.linkTarget)
    case .hardLink: .hardLink(target: try hardLinkTarget(of: member))
    case .characterDevice:
      .characterDevice(major: member.deviceMajor, minor: member.deviceMinor)
    case .blockDevice: .blockDevice(major: member.deviceMajor, minor: member.deviceMinor)
    case .fifo: .fifo
    }
  }

  private mutating func hardLinkTarget(
    of member: borrowing TarMember
  ) throws(TreeError) -> [UInt8] {
    let target = try normalize(member.linkTarget, at: member.header, aboveRoot: .clamp)
    if member.linkTarget.first == slash { note(.absoluteLinkTarget, member) }
    guard hasParent(member.linkTarget) else { return target }
    note(.parentInLinkTarget, member)
    do {
      _ = try EntryPath.normalize(member.linkTarget)
    } catch {
      note(.linkTargetAboveRoot, member)
    }
    return target
  }

  /// The attributes that the tree keeps; the others are counted.
  ///
  /// Those of a hard link only say whether it agrees with its target, whose are counted.
  private mutating func extendedAttributes(
    of member: borrowing TarMember,
    as kind: EntryKind
  ) -> [ExtendedAttribute] {
    if member.attributes.isEmpty || kind == .whiteout || kind == .opaque { return [] }
    var kept: [ExtendedAttribute] = []
    for range in member.attributes {
      let attribute = ExtendedAttribute(
        name: Array(member.attributeBytes[range.name]),
        value: Array(member.attributeBytes[range.value])
      )
      if let refusal = attribute.refusal(on: kind == .hardLink ? .regular : kind) {
        if kind != .hardLink { counter.note(.attribute(refusal), at: member.header) }
      } else {
        kept.append(attribute)
      }
    }
    return kept
  }
}

// MARK: - Oddities

extension EntryMapping {
  private mutating func note(_ kind: EntryWarning, _ member: borrowing TarMember) {
    counter.note(.entry(kind), at: member.header)
  }

  private mutating func noteOddPath(of member: borrowing TarMember, normal: [UInt8]) {
    if member.path.first == slash { note(.absolutePath, member) }
    let endsInSlash = member.path.last == slash
    if endsInSlash, member.kind == .regular { note(.slashAfterFileName, member) }
    // Nearly all paths are in normal form, up to `./` before and a slash behind: nothing to look for.
    let dot = UInt8(ascii: ".")
    let beginsHere = member.path.count > 1 && member.path[0] == dot && member.path[1] == slash
    let extra = (endsInSlash ? 1 : 0) + (beginsHere ? 2 : 0)
    if member.path.count != normal.count + extra, hasParent(member.path) {
      note(.parentInPath, member)
    }
  }

  private mutating func noteOddWhiteout(_ member: borrowing TarMember) {
    if member.kind != .regular || member.size > 0 { note(.oddWhiteout, member) }
  }

  /// Whether a component of the path is `..`.
  private func hasParent(_ path: [UInt8]) -> Bool {
    var dotCount = 0
    var isDots = true
    for byte in path {
      if byte == slash {
        if isDots, dotCount == 2 { return true }
        (dotCount, isDots) = (0, true)
      } else if byte == UInt8(ascii: ".") {
        dotCount += 1
      } else {
        isDots = false
      }
    }
    return isDots && dotCount == 2
  }
}
