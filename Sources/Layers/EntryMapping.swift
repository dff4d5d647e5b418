// From a member of a tar stream to an entry of a layer: paths brought into normal form, whiteouts
// recognised by their names, attributes sorted out. Source: OCI image-spec, layer.md.

import FileTree
import Offsets
import TarFormat

struct EntryMapping {
  var table = LayerTableBuilder()
  private(set) var counter = WarningCounter()

  mutating func add(_ member: borrowing TarMember) throws(TreeError) {
    let header = member.header
    let path = try normalize(member.path, at: header)
    switch Whiteout.meaning(of: EntryPath.split(path).name) {
    case .malformedWhiteout:
      throw .malformedWhiteout(path: member.path, member: header)
    case .whiteout(let hidden):
      let directory = EntryPath.split(path).directory
      let target = directory.isEmpty ? Array(hidden) : directory + [slash] + hidden
      try append(.whiteout, at: target, member)
    case .opaque:
      try append(.opaque, at: Array(EntryPath.split(path).directory), member)
    case .ordinary, .unionBookkeeping:
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

  private func content(of member: borrowing TarMember) throws(TreeError) -> EntryContent {
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
    case .hardLink:
      .hardLink(target: try normalize(member.linkTarget, at: member.header, aboveRoot: .clamp))
    case .characterDevice:
      .characterDevice(major: member.deviceMajor, minor: member.deviceMinor)
    case .blockDevice: .blockDevice(major: member.deviceMajor, minor: member.deviceMinor)
    case .fifo: .fifo
    }
  }

  /// The attributes that the tree keeps; the others are counted.
  private mutating func extendedAttributes(
    of member: borrowing TarMember,
    as kind: EntryKind
  ) -> [ExtendedAttribute] {
    if member.attributes.isEmpty || kind == .hardLink || kind == .whiteout || kind == .opaque {
      return []
    }
    var kept: [ExtendedAttribute] = []
    for range in member.attributes {
      let attribute = ExtendedAttribute(
        name: Array(member.attributeBytes[range.name]),
        value: Array(member.attributeBytes[range.value])
      )
      if let refusal = attribute.refusal(on: kind) {
        counter.note(refusal.warningText, at: member.header)
      } else {
        kept.append(attribute)
      }
    }
    return kept
  }
}
