// A constant tree in memory with one of everything a mount must get right. The tests spell out what
// they expect of it again, so nothing here is shared with them.

import FuseServer

/// What an inode of the fixture is.
enum FixtureContent: Sendable {
  /// Names and places in the node table, in the order they are listed.
  case directory([(name: [UInt8], node: Int)])
  /// A file whose bytes are answered at once.
  case ready([UInt8])
  /// A file whose bytes are told by their offsets and come from a worker.
  case pattern
  case link([UInt8])
  case special
  /// A file that fails until it is healed.
  case broken
  /// A file whose first read waits for the gate.
  case gated
  /// A file whose server stops halfway.
  case short
  /// A directory whose names are found only by two lookups at the same time.
  case meetingPlace([(name: [UInt8], node: Int)])
}

struct FixtureNode: Sendable {
  var attributes: FuseAttributes
  var content: FixtureContent
  var parent: Int
  var extendedAttributes: [(name: [UInt8], value: [UInt8])] = []
}

/// The nodes; the inode number of each is its place and one.
struct FixtureTree: Sendable {
  private(set) var nodes: [FixtureNode] = []

  init() {
    let root = addDirectory("", in: 0)
    addFiles(in: root)
    addLinks(in: root)
    addDevices(in: root)
    addOddNames(in: root)
    addFaults(in: root)
    addMany(in: root)
    addCounted(in: root)
    countLinks()
  }

  /// The byte of a pattern file at an offset: prime, so that no page is like the next.
  static func patternByte(at offset: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: offset % 251)
  }

  private mutating func add(
    _ name: [UInt8],
    in parent: Int,
    mode: UInt32,
    _ content: FixtureContent,
    byteCount: Int = 0
  ) -> Int {
    let node = nodes.count
    nodes.append(
      FixtureNode(
        attributes: FuseAttributes(
          inode: InodeNumber(rawValue: UInt64(node) + 1),
          mode: mode,
          linkCount: 0,
          byteCount: UInt64(byteCount),
          modified: FuseTime(seconds: 1_500_000_000, nanoseconds: 123_456_789)
        ),
        content: content,
        parent: parent
      )
    )
    if node != 0 { addName(name, of: node, in: parent) }
    return node
  }

  private mutating func addName(_ name: [UInt8], of node: Int, in parent: Int) {
    switch nodes[parent].content {
    case .directory(let names): nodes[parent].content = .directory(names + [(name, node)])
    case .meetingPlace(let names): nodes[parent].content = .meetingPlace(names + [(name, node)])
    default: preconditionFailure("names are in directories")
    }
  }

  private mutating func addDirectory(_ name: String, in parent: Int) -> Int {
    add(Array(name.utf8), in: parent, mode: 0o040755, .directory([]))
  }

  @discardableResult
  private mutating func addFile(
    _ name: String,
    in parent: Int,
    mode: UInt32 = 0o644,
    _ text: String
  ) -> Int {
    let bytes = Array(text.utf8)
    return add(
      Array(name.utf8),
      in: parent,
      mode: 0o100000 | mode,
      .ready(bytes),
      byteCount: bytes.count
    )
  }

  private mutating func addFiles(in root: Int) {
    let files = addDirectory("files", in: root)
    let hello = addFile("hello", in: files, "hello\n")
    nodes[hello].attributes.userID = 1000
    nodes[hello].attributes.groupID = 2000
    nodes[hello].extendedAttributes = [
      (Array("user.comment".utf8), Array("a comment".utf8)), (Array("user.empty".utf8), []),
    ]
    addFile("empty", in: files, "")
    addFile("setuid", in: files, mode: 0o4755, "#!\n")
    addFile("unreadable", in: files, mode: 0, "secret\n")
    let old = addFile("old", in: files, "1969\n")
    nodes[old].attributes.modified = FuseTime(seconds: -1, nanoseconds: 500_000_000)
    // 3 MiB and an odd rest: several read-ahead windows, and an end within a page.
    _ = add(
      Array("big".utf8),
      in: files,
      mode: 0o100644,
      .pattern,
      byteCount: (3 << 20) + 123
    )
    var directory = addDirectory("nested", in: root)
    for name in ["a", "b", "c"] { directory = addDirectory(name, in: directory) }
    addFile("leaf", in: directory, "leaf\n")
  }

  private mutating func addLinks(in root: Int) {
    let links = addDirectory("links", in: root)
    let targets: [(String, String)] = [
      ("near", "one"), ("up", "../files/hello"), ("absolute", "/etc/hostname"),
      ("long", String(repeating: "x/", count: 1000)),
    ]
    for (name, target) in targets {
      _ = add(
        Array(name.utf8),
        in: links,
        mode: 0o120777,
        .link(Array(target.utf8)),
        byteCount: target.utf8.count
      )
    }
    let shared = addFile("one", in: links, "shared\n")
    addName(Array("two".utf8), of: shared, in: links)
    addName(Array("three".utf8), of: shared, in: links)
  }

  private mutating func addDevices(in root: Int) {
    let devices = addDirectory("devices", in: root)
    // Device numbers as makedev(3) packs small ones: the major number above eight bits of minor.
    let special: [(String, UInt32, UInt64)] = [
      ("null", 0o020666, 1 << 8 | 3), ("disk", 0o060660, 8 << 8 | 1), ("pipe", 0o010644, 0),
      ("socket", 0o140755, 0),
    ]
    for (name, mode, device) in special {
      let node = add(Array(name.utf8), in: devices, mode: mode, .special)
      nodes[node].attributes.device = device
    }
  }

  private mutating func addOddNames(in root: Int) {
    let names = addDirectory("names", in: root)
    for name in [[0xff, 0xfe], [UInt8](repeating: 0x6e, count: 255), Array("a\nb".utf8)] {
      _ = add(name, in: names, mode: 0o100644, .ready([]))
    }
  }

  private mutating func addFaults(in root: Int) {
    let faults = addDirectory("faults", in: root)
    let kinds: [(String, FixtureContent)] = [
      ("broken", .broken), ("gated", .gated), ("short", .short),
    ]
    for (name, content) in kinds {
      _ = add(Array(name.utf8), in: faults, mode: 0o100644, content, byteCount: 10_000)
    }
    let meeting = add(Array("meeting".utf8), in: root, mode: 0o040755, .meetingPlace([]))
    addFile("left", in: meeting, "")
    addFile("right", in: meeting, "")
  }

  private mutating func addMany(in root: Int) {
    let many = addDirectory("many", in: root)
    for number in 10_000..<12_000 {
      addFile("entry-\(number)", in: many, "")
    }
  }

  /// Ten directories of 60 files, 5 links and 2 names of one file, to count requests on.
  private mutating func addCounted(in root: Int) {
    let counted = addDirectory("counted", in: root)
    let text = String(repeating: "0123456789", count: 1000)
    for number in 0..<10 {
      let directory = addDirectory("d\(number)", in: counted)
      for file in 10..<70 { addFile("f\(file)", in: directory, text) }
      for link in 0..<5 {
        _ = add(
          Array("l\(link)".utf8),
          in: directory,
          mode: 0o120777,
          .link(Array("f10".utf8)),
          byteCount: 3
        )
      }
      let shared = addFile("h0", in: directory, text)
      addName(Array("h1".utf8), of: shared, in: directory)
    }
  }

  private mutating func countLinks() {
    nodes[0].attributes.linkCount = 2
    for node in nodes.indices {
      guard case let names? = Self.names(of: nodes[node].content) else { continue }
      for (_, child) in names {
        if nodes[child].attributes.mode & 0o170000 == 0o040000 {
          nodes[child].attributes.linkCount = 2
          nodes[node].attributes.linkCount += 1
        } else {
          nodes[child].attributes.linkCount += 1
        }
      }
    }
  }

  static func names(of content: FixtureContent) -> [(name: [UInt8], node: Int)]? {
    switch content {
    case .directory(let names), .meetingPlace(let names): names
    default: nil
    }
  }
}
