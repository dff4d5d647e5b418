// A language for layers in tests: members as values, readable where they are written, and the tables
// and tar names made from them. Knows nothing of merging; a member says what an archive would say.

package import FileTree
package import Offsets

/// Bytes of a path, a name or a target, written as text where they are text.
package struct PathBytes: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
  package var bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }
  package init(stringLiteral text: String) { self.init(text) }
  package init(arrayLiteral bytes: UInt8...) { self.bytes = bytes }
}

/// A member of a layer: what `RandomLayers` makes, and what tables and tar streams are made from.
package struct LayerMember: Hashable, Sendable {
  /// For a whiteout the path it hides; for an opaque mark the directory it is about.
  ///
  /// In normal form.
  package var path: [UInt8]
  package var what: What
  package var attributes: EntryAttributes
  package var extendedAttributes: [ExtendedAttribute] = []

  package enum What: Hashable, Sendable {
    case directory
    case file(byteCount: Int)
    case symbolicLink(target: [UInt8])
    case hardLink(target: [UInt8])
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
    case fifo
    case whiteout
    case opaque
  }

  package init(path: [UInt8], what: What, attributes: EntryAttributes) {
    self.path = path
    self.what = what
    self.attributes = attributes
  }
}

extension LayerMember {
  package static func directory(_ path: PathBytes, mode: UInt16 = 0o755) -> LayerMember {
    LayerMember(path: path.bytes, what: .directory, attributes: .init(mode: mode))
  }

  package static func file(
    _ path: PathBytes,
    bytes byteCount: Int = 0,
    mode: UInt16 = 0o644
  ) -> LayerMember {
    let what = What.file(byteCount: byteCount)
    return LayerMember(path: path.bytes, what: what, attributes: .init(mode: mode))
  }

  package static func symlink(_ path: PathBytes, to target: PathBytes) -> LayerMember {
    let what = What.symbolicLink(target: target.bytes)
    return LayerMember(path: path.bytes, what: what, attributes: .init(mode: 0o777))
  }

  package static func hardLink(
    _ path: PathBytes,
    to target: PathBytes,
    mode: UInt16 = 0o644
  ) -> LayerMember {
    let what = What.hardLink(target: target.bytes)
    return LayerMember(path: path.bytes, what: what, attributes: .init(mode: mode))
  }

  package static func characterDevice(
    _ path: PathBytes,
    _ major: UInt32,
    _ minor: UInt32
  ) -> LayerMember {
    let what = What.characterDevice(major: major, minor: minor)
    return LayerMember(path: path.bytes, what: what, attributes: .init(mode: 0o644))
  }

  package static func blockDevice(
    _ path: PathBytes,
    _ major: UInt32,
    _ minor: UInt32
  ) -> LayerMember {
    let what = What.blockDevice(major: major, minor: minor)
    return LayerMember(path: path.bytes, what: what, attributes: .init(mode: 0o644))
  }

  package static func fifo(_ path: PathBytes) -> LayerMember {
    LayerMember(path: path.bytes, what: .fifo, attributes: .init(mode: 0o644))
  }

  package static func whiteout(_ path: PathBytes) -> LayerMember {
    LayerMember(path: path.bytes, what: .whiteout, attributes: .init(mode: 0))
  }

  package static func opaque(_ directory: PathBytes) -> LayerMember {
    LayerMember(path: directory.bytes, what: .opaque, attributes: .init(mode: 0))
  }

  package func owned(by uid: UInt32, _ gid: UInt32) -> LayerMember {
    var copy = self
    copy.attributes.uid = uid
    copy.attributes.gid = gid
    return copy
  }

  package func modified(at seconds: Int64, _ nanoseconds: UInt32 = 0) -> LayerMember {
    var copy = self
    copy.attributes.seconds = seconds
    copy.attributes.nanoseconds = nanoseconds
    return copy
  }

  package func with(_ name: String, _ value: PathBytes) -> LayerMember {
    var copy = self
    copy.extendedAttributes.append(
      ExtendedAttribute(name: Array(name.utf8), value: value.bytes)
    )
    return copy
  }
}

// MARK: - Tables and tar names

extension LayerMember {
  /// The name that an archive would give the member.
  package var archiveName: [UInt8] {
    let slash = UInt8(ascii: "/")
    let (directory, name) = EntryPath.split(path)
    switch what {
    case .whiteout:
      return directory + (directory.isEmpty ? [] : [slash]) + Array(".wh.".utf8) + name
    case .opaque:
      return path + (path.isEmpty ? [] : [slash]) + Array(".wh..wh..opq".utf8)
    case .directory:
      return path.isEmpty ? Array("./".utf8) : path + [slash]
    default:
      return path
    }
  }

  /// Files from this size on have blocks of zeros.
  package static let firstSizeWithHoles = 4096

  /// A file's bytes: the same for the same path, size and time, and others for others.
  ///
  /// Of a large one about half of the blocks of 512 bytes are zeros.
  package var fileContents: [UInt8] {
    guard case .file(let byteCount) = what else { return [] }
    let seed = path.reduce(UInt64(byteCount) &+ UInt64(bitPattern: attributes.seconds)) {
      $0 &* 31 &+ UInt64($1)
    }
    var generator = SeededGenerator(seed: seed)
    var bytes = (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    guard byteCount >= Self.firstSizeWithHoles else { return bytes }
    for start in stride(from: 0, to: byteCount, by: 512) where generator.next() & 1 == 0 {
      for place in start..<min(start + 512, byteCount) { bytes[place] = 0 }
    }
    return bytes
  }

  fileprivate func content(data: TarOffset) -> EntryContent {
    switch what {
    case .directory: .directory
    case .file(let count): .regular(byteCount: UInt64(count), data: data, segments: [])
    case .symbolicLink(let target): .symbolicLink(target: target)
    case .hardLink(let target): .hardLink(target: target)
    case .characterDevice(let major, let minor): .characterDevice(major: major, minor: minor)
    case .blockDevice(let major, let minor): .blockDevice(major: major, minor: minor)
    case .fifo: .fifo
    case .whiteout: .whiteout
    case .opaque: .opaque
    }
  }
}

/// Where the member of that index begins in the tables that `layer` makes: a page apart, so that
/// errors and warnings can be told to be about it.
package func memberOffset(_ index: Int) -> TarOffset {
  TarOffset(UInt64(index) * 4096)
}

/// Which member of a table that `layer` makes is there.
package func memberIndex(at offset: TarOffset) -> Int {
  Int(offset.bytes / memberOffset(1).bytes)
}

/// The table of a layer with these members.
package func layer(_ members: [LayerMember]) throws(TreeError) -> LayerTable {
  var builder = LayerTableBuilder()
  for (index, member) in members.enumerated() {
    try builder.append(
      member.content(data: TarOffset(UInt64(index) * 4096 + 512)),
      at: member.path,
      attributes: member.attributes,
      extendedAttributes: member.extendedAttributes,
      member: memberOffset(index)
    )
  }
  return try builder.table()
}

// MARK: - Short dumps

extension DumpRow {
  /// The row in the fewest words: `NAME/`, `NAME SIZE`, `NAME -> TARGET`, `NAME = FIRST NAME`,
  /// `NAME c1:3`, `NAME b1:3`, `NAME |`, and then whatever is not as it is by default.
  package var brief: String {
    let name = EscapedBytes.string(path, alsoEscaping: Array(" ".utf8))
    if let hardLinkTo { return name + " = " + EscapedBytes.string(hardLinkTo) }
    var words: [String]
    var usualMode: UInt32 = 0o644
    switch mode & 0o170000 {
    case 0o040000:
      words = [name + "/"]
      usualMode = 0o755
    case 0o120000:
      words = [name, "->", EscapedBytes.string(target ?? [])]
      usualMode = 0o777
    case 0o020000: words = [name, "c\(deviceMajor):\(deviceMinor)"]
    case 0o060000: words = [name, "b\(deviceMajor):\(deviceMinor)"]
    case 0o010000: words = [name, "|"]
    default: words = [name, "\(size)"]
    }
    if mode & 0o7777 != usualMode { words.append("mode=" + String(mode & 0o7777, radix: 8)) }
    if uid != 0 || gid != 0 { words.append("owner=\(uid):\(gid)") }
    if seconds != 0 || nanoseconds != 0 { words.append("time=\(seconds).\(nanoseconds)") }
    words += extendedAttributes.map {
      EscapedBytes.string($0.name) + "=" + EscapedBytes.string($0.value)
    }
    return words.joined(separator: " ")
  }

  /// The rows in the fewest words, separated by `, `; a root that is as by default left out.
  package static func brief(_ rows: [DumpRow]) -> String {
    rows.map(\.brief).filter { $0 != "/" }.joined(separator: ", ")
  }
}
