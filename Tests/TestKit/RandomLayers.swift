// Seeded stacks of nasty layers: few names, so that files, links, whiteouts and directories meet. The
// members are neutral values, for tables and for tar streams alike.

package import FileTree
import Offsets

package struct RandomLayers {
  private var generator: SeededGenerator
  /// Paths of members so far, in all layers, and of those that a hard link can name.
  private var known: [[UInt8]] = []
  private var knownFiles: [[UInt8]] = []
  /// Symbolic links, which later members go through and later links lead to.
  private var knownLinks: [[UInt8]] = []
  private var serial = 0

  /// `layerCount` layers, base first, with up to `memberCount` members each.
  ///
  /// Some cannot be merged: hard links to nowhere or to directories, links in a loop.
  package static func stack(
    seed: UInt64,
    layerCount: Int = 4,
    memberCount: Int = 14
  ) -> [[LayerMember]] {
    var random = RandomLayers(generator: SeededGenerator(seed: seed))
    return (0..<layerCount).map { _ in
      (0..<random.number(memberCount + 1)).map { _ in random.member() }
    }
  }

  /// The same, without the members that make the merge fail.
  package static func mergeableStack(
    seed: UInt64,
    layerCount: Int = 4,
    memberCount: Int = 14,
    lowerLinks: LowerLinkPolicy = .replace
  ) -> [[LayerMember]] {
    var layers = stack(seed: seed, layerCount: layerCount, memberCount: memberCount)
    while true {
      do {
        _ = try ReferenceMerge.rows(of: layers, lowerLinks: lowerLinks)
        return layers
      } catch {
        guard let (layer, member) = error.culprit else { return [] }
        layers[layer].remove(at: member)
      }
    }
  }

  private init(generator: SeededGenerator) { self.generator = generator }

  private mutating func number(_ limit: Int) -> Int {
    Int.random(in: 0..<limit, using: &generator)
  }

  private mutating func chance(_ percent: Int) -> Bool { number(100) < percent }

  private mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[number(elements.count)]
  }

  private mutating func member() -> LayerMember {
    serial += 1
    var member = LayerMember(path: path(), what: what(), attributes: attributes())
    switch member.what {
    case .opaque:
      // Mostly directories that exist, the root at times.
      member.path = chance(10) ? [] : Array(EntryPath.split(knownPath()).directory)
    case .whiteout, .hardLink:
      if chance(60) { member.path = knownPath() }
    case .directory:
      if chance(4) { member.path = [] }
    default:
      break
    }
    if member.what == .whiteout, member.path.isEmpty { member.path = Self.names[0] }
    if member.what == .directory || isFile(member), chance(20) {
      let name = Array("user.\(number(3))".utf8)
      member.extendedAttributes = [ExtendedAttribute(name: name, value: Array("\(serial)".utf8))]
    }
    known.append(member.path)
    switch member.what {
    case .directory, .whiteout, .opaque: break
    case .symbolicLink:
      knownFiles.append(member.path)
      knownLinks.append(member.path)
    default: knownFiles.append(member.path)
    }
    return member
  }

  private func isFile(_ member: LayerMember) -> Bool {
    if case .file = member.what { return true }
    return false
  }

  private mutating func what() -> LayerMember.What {
    switch number(100) {
    case ..<25: .file(byteCount: fileSize())
    case ..<45: .directory
    case ..<58: .symbolicLink(target: target())
    case ..<80: .hardLink(target: hardLinkTarget())
    case ..<91: .whiteout
    case ..<94: .opaque
    case ..<96: .characterDevice(major: UInt32(number(2)), minor: UInt32(number(3)))
    case ..<98: .blockDevice(major: 7, minor: UInt32(number(300)))
    default: .fifo
    }
  }

  /// Mostly small; at times with room for holes (see `fileContents`).
  private mutating func fileSize() -> Int {
    switch number(10) {
    case 0: 0
    case 1: LayerMember.firstSizeWithHoles + number(60_000)
    default: serial
    }
  }

  private mutating func attributes() -> EntryAttributes {
    EntryAttributes(
      mode: pick([0o755, 0o644, 0o700, 0o4755, 0o2750, 0o1777, 0o600]),
      uid: UInt32(pick([0, 0, 1000, 100_000])),
      gid: UInt32(pick([0, 0, 1000, 65_534])),
      seconds: Int64(1_000_000_000 + serial),
      nanoseconds: UInt32(pick([0, 0, 1, 999_999_999]))
    )
  }

  /// Bytes that sort around `/`, two spellings of é, and one that is not UTF-8.
  private static let names: [[UInt8]] =
    ["a", "b", "c", "d", "a.", "a b", "é", "e\u{301}"]
    .map { Array($0.utf8) } + [[0xFF]]

  private mutating func path() -> [UInt8] {
    let slash = [UInt8(ascii: "/")]
    switch number(25) {
    // Below a symbolic link, which may lead through others.
    case 0..<3 where !knownLinks.isEmpty: return pick(knownLinks) + slash + pick(Self.names)
    // What AUFS keeps of files with several names.
    case 3: return Array(".wh..wh.plnk/\(number(3))".utf8)
    default: break
    }
    let depth = pick([1, 1, 2, 2, 2, 3, 3, 4])
    let names = (0..<depth).map { _ in chance(80) ? Self.names[number(4)] : pick(Self.names) }
    return Array(names.joined(separator: [UInt8(ascii: "/")]))
  }

  private mutating func knownPath() -> [UInt8] {
    let path = known.isEmpty || chance(10) ? path() : pick(known)
    return path.isEmpty ? self.path() : path
  }

  /// Mostly a file; at times a directory, something taken away, or nothing that ever was.
  private mutating func hardLinkTarget() -> [UInt8] {
    knownFiles.isEmpty || chance(6) ? knownPath() : pick(knownFiles)
  }

  /// A symbolic link's target: relative or absolute, at times through `..`, at times nonsense.
  private mutating func target() -> [UInt8] {
    let path =
      chance(30) && !knownLinks.isEmpty ? pick(knownLinks) : chance(70) ? knownPath() : path()
    switch number(10) {
    case ..<3: return path
    case ..<5: return [UInt8(ascii: "/")] + path
    case ..<7: return Array("../".utf8) + path
    case ..<8: return path + Array("/..".utf8)
    case ..<9: return pick(Self.names)
    default: return Array(pick([".", "..", "/", "../../../..", "./a/./b//"]).utf8)
    }
  }
}

extension TreeError {
  /// The layer and member that a merge stumbled over.
  fileprivate var culprit: (layer: Int, member: Int)? {
    switch self {
    case .hardLinkTargetMissing(_, _, let layer, let member),
      .hardLinkToDirectory(_, _, let layer, let member),
      .hardLinkLoop(_, _, let layer, let member),
      .symbolicLinkLoop(_, let layer, let member), .rootIsNotADirectory(let layer, let member):
      (layer, Int(member.bytes / memberOffset(1).bytes))
    default: nil
    }
  }
}
