// Layers as archives, every member in one of the forms in which tools have written it: names that lead
// there by detours, dialects, sparse files, attributes that no tree keeps. What the members mean is
// known, since the forms are made from it and not the other way round.

package import FileTree
import Foundation

package struct OddArchives {
  private var generator: SeededGenerator

  /// The tar streams of `stack`, base first.
  package static func tars(of stack: [[LayerMember]], seed: UInt64) -> [[UInt8]] {
    var archives = OddArchives(generator: SeededGenerator(seed: seed &+ 1_000_000))
    return stack.map { archives.tar(of: $0) }
  }

  private init(generator: SeededGenerator) { self.generator = generator }

  private mutating func number(_ limit: Int) -> Int {
    Int.random(in: 0..<limit, using: &generator)
  }

  private mutating func chance(_ percent: Int) -> Bool { number(100) < percent }

  private mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[number(elements.count)]
  }

  private mutating func tar(of members: [LayerMember]) -> [UInt8] {
    var entries: [TarEntry] = []
    for member in members {
      if chance(3) { entries.append(.paxHeader([("comment", "global")], type: "g")) }
      entries.append(entry(member))
    }
    let end: TarBytes.End = pick([.nothing, .oneZeroBlock, .twoZeroBlocks])
    let padding = end == .twoZeroBlocks && chance(30) ? 10_240 : 0
    return TarBytes.archive(entries, end: end) + TarBytes.zeros(padding)
  }

  private mutating func entry(_ member: LayerMember) -> TarEntry {
    let name = TarText(spelled(member.archiveName))
    var entry: TarEntry
    if case .file(let byteCount) = member.what, byteCount >= LayerMember.firstSizeWithHoles,
      chance(80)
    {
      let contents = member.fileContents
      // An old GNU header cannot say more than seconds.
      let formats: [TarSparseFormat] =
        isPlain(member) ? TarSparseFormat.allCases : [.pax00, .pax01, .pax10]
      entry = .sparse(
        name,
        size: Int64(byteCount),
        segments: segments(of: contents),
        format: pick(formats)
      )
      entry = described(entry, as: member)
    } else {
      entry = TarEntry(member)
      entry.path = name.bytes
      if case .hardLink(let target) = member.what { entry.linkTarget = spelledTarget(target) }
      if isPlain(member), chance(70) { entry = inOldDialect(entry, member) }
    }
    return entry.dialect == .pax ? withMoreAttributes(entry, member) : entry
  }

  /// Whether any dialect can say what the member is.
  private func isPlain(_ member: LayerMember) -> Bool {
    member.extendedAttributes.isEmpty && member.attributes.nanoseconds == 0
  }

  private func described(_ entry: TarEntry, as member: LayerMember) -> TarEntry {
    let attributes = member.attributes
    let entry = entry.mode(Int64(attributes.mode))
      .owner(Int64(attributes.uid), Int64(attributes.gid))
      .modified(attributes.seconds, nanoseconds: attributes.nanoseconds)
    return member.extendedAttributes.reduce(entry) {
      $0.attribute(TarText($1.name), TarText($1.value))
    }
  }

  /// The blocks of 512 bytes that are not all zeros, joined.
  private func segments(of contents: [UInt8]) -> [(offset: Int64, bytes: TarText)] {
    var segments: [(offset: Int64, bytes: TarText)] = []
    for start in stride(from: 0, to: contents.count, by: 512) {
      let block = contents[start..<min(start + 512, contents.count)]
      guard block.contains(where: { $0 != 0 }) else { continue }
      if let last = segments.last, Int(last.offset) + last.bytes.bytes.count == start {
        segments[segments.count - 1].bytes.bytes += block
      } else {
        segments.append((Int64(start), TarText(Array(block))))
      }
    }
    return segments
  }

  private mutating func inOldDialect(_ entry: TarEntry, _ member: LayerMember) -> TarEntry {
    let isShort = entry.path.count <= 100 && entry.linkTarget.count <= 100
    switch member.what {
    case .directory, .file, .symbolicLink, .hardLink, .whiteout, .opaque:
      if isShort, chance(30) { return entry.dialect(.v7) }
    case .characterDevice, .blockDevice, .fifo: break
    }
    if isShort, chance(40) { return entry.dialect(.ustar) }
    let gnu = entry.dialect(.gnu)
    return chance(40) ? gnu.base256() : gnu
  }

  // MARK: Names

  /// Another spelling of a name in normal form, which may end with a directory's slash.
  private mutating func spelled(_ name: [UInt8]) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    let isDirectory = name.last == slash
    var names = name.split(separator: slash).map(Array.init).filter { $0 != Array(".".utf8) }
    if names.isEmpty { return Array(pick(["./", "/", ".", "//", "a/.."]).utf8) }
    if chance(50) { return name }
    for place in names.indices.reversed() {
      switch number(6) {
      case 0: names.insert(Array(".".utf8), at: place)
      case 1: names.insert([], at: place)
      case 2: names.insert(contentsOf: [Array("b".utf8), Array("..".utf8)], at: place)
      default: break
      }
    }
    // Too long for a header, at times.
    if chance(10) { names.insert(contentsOf: Array(repeating: Array(".".utf8), count: 60), at: 0) }
    let end = isDirectory ? pick(["", "/", "//", "/."]) : ""
    return Array(pick(["", "./", "/", "//"]).utf8) + names.joined(separator: [slash])
      + Array(end.utf8)
  }

  /// As above; a hard link's target may also begin above the root, which is the root.
  private mutating func spelledTarget(_ target: [UInt8]) -> [UInt8] {
    (chance(20) ? Array("../".utf8) : []) + spelled(target)
  }

  // MARK: Attributes

  /// Adds attributes that no tree keeps, and writes those that it keeps in another way.
  private mutating func withMoreAttributes(_ entry: TarEntry, _ member: LayerMember) -> TarEntry {
    var entry = entry
    if chance(20) {
      entry.attributes = []
      for attribute in member.extendedAttributes {
        let name = "LIBARCHIVE.xattr." + String(decoding: attribute.name, as: UTF8.self)
        entry = entry.pax("\(name)", "\(Data(attribute.value).base64EncodedString())")
      }
    }
    if chance(10) { entry = entry.attribute("security.selinux", "system_u:object_r:bin_t:s0\0") }
    if chance(5) { entry = entry.attribute("user.overlay.opaque", "y") }
    if chance(5) { entry = entry.attribute("security.capability", "short") }
    if chance(5) { entry = entry.attribute("system.nfs4_acl", "x") }
    switch member.what {
    case .symbolicLink, .characterDevice, .blockDevice, .fifo:
      if chance(20) { entry = entry.attribute("user.unheard", "of") }
    case .directory, .file, .hardLink, .whiteout, .opaque: break
    }
    return entry
  }
}

extension ReferenceMerge {
  /// The dump of `layers` with the digests of files' contents.
  package static func dump(
    of layers: [[LayerMember]],
    lowerLinks: LowerLinkPolicy = .replace
  ) throws(TreeError) -> DumpText {
    let rows = try rows(of: layers, lowerLinks: lowerLinks).map { row in
      var copy = row
      copy.contentDigest = row.contentDigest.map { digest(ofMember: $0, in: layers) }
      return copy
    }
    return DumpText(rows)
  }

  /// `origin` is `LAYER.MEMBER`.
  private static func digest(ofMember origin: String, in layers: [[LayerMember]]) -> String {
    let numbers = origin.split(separator: ".").compactMap { Int($0) }
    guard numbers.count == 2 else { return origin }
    let contents = layers[numbers[0]][numbers[1]].fileContents
    return String(ImageFixture.sha256(contents).dropFirst("sha256:".count))
  }
}
