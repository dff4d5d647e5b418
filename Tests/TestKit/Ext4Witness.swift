// What an ext4 file holds, in the words of debugfs: the rows of the dump, read without mounting and
// without any code of the program under test. Files are addressed by inode number, names are taken
// as bytes.

package import FileTree
package import Foundation

/// Reads the tree of an ext4 image through debugfs.
package struct Ext4Witness {
  private let image: URL
  private let directory: URL
  /// By inode number.
  private var facts: [UInt32: InodeFacts] = [:]
  private var entries: [UInt32: [Entry]] = [:]

  private struct Entry {
    var name: [UInt8]
    var inode: UInt32
    var mode: UInt32
  }

  private struct InodeFacts {
    var mode: UInt32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var size: UInt64 = 0
    var linkCount: UInt32 = 0
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    var deviceMajor: UInt32 = 0
    var deviceMinor: UInt32 = 0
    var target: [UInt8]?
    var digest: String?
    var attributes: [ExtendedAttribute] = []
  }

  /// The rows of an image, in the order of a walk.
  ///
  /// `includingLostAndFound`: `/lost+found` is part of the tree. Else it is left out, and not
  /// counted among the root's links.
  package static func rows(of image: URL, includingLostAndFound: Bool = false) throws -> [DumpRow] {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("ext4-witness-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { HostTool.attempt { try FileManager.default.removeItem(at: directory) } }
    var witness = Ext4Witness(image: image, directory: directory)
    try witness.readDirectories(includingLostAndFound: includingLostAndFound)
    try witness.readInodes()
    try witness.readContents()
    try witness.readAttributes()
    return witness.walk()
  }

  private init(image: URL, directory: URL) {
    self.image = image
    self.directory = directory
  }

  // MARK: Asking

  /// The standard output of a run of debugfs on `commands`, whose files are in our directory.
  private func ask(_ commands: [String]) throws -> OutputText {
    let batch = directory.appendingPathComponent("commands")
    try Data((commands.joined(separator: "\n") + "\n").utf8).write(to: batch)
    let output = try HostTool.run(
      "debugfs",
      ["-f", batch.path, image.path],
      in: directory
    )
    let complaints = output.errors.split(separator: "\n")
    guard complaints.count == 1 else { throw WitnessFailure(description: output.errors) }
    return OutputText(output.output)
  }

  /// One run of debugfs for each level of the tree.
  private mutating func readDirectories(includingLostAndFound: Bool) throws {
    var level: [UInt32] = [2]
    while !level.isEmpty {
      var text = try ask(level.map { "ls -p <\($0)>" })
      var next: [UInt32] = []
      for directory in level {
        try text.expect("debugfs: ls -p <\(directory)>\n")
        var found: [Entry] = []
        while text.next == UInt8(ascii: "/") { found.append(try Self.entry(from: &text)) }
        try text.expect("\n")
        // entries without an inode are gaps
        found.removeAll {
          $0.inode == 0 || $0.name == Array(".".utf8) || $0.name == Array("..".utf8)
        }
        if directory == 2, !includingLostAndFound {
          found.removeAll { $0.name == Array("lost+found".utf8) }
        }
        entries[directory] = found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        next += found.filter { $0.mode & 0o170000 == 0o040000 }.map(\.inode)
        for entry in found { facts[entry.inode] = InodeFacts(mode: entry.mode) }
      }
      level = next
    }
    facts[2] = InodeFacts(mode: 0o040000)
    if !includingLostAndFound { facts[2]?.linkCount = UInt32.max }
  }

  /// `/INODE/MODE/UID/GID/NAME/SIZE/`: a name has no slash, and everything else is allowed in it.
  private static func entry(from text: inout OutputText) throws -> Entry {
    try text.expect("/")
    let inode = try text.field(before: "/")
    let mode = try text.field(before: "/")
    _ = try text.field(before: "/")
    _ = try text.field(before: "/")
    let name = try text.field(before: "/")
    _ = try text.field(before: "/")
    try text.expect("\n")
    guard let inode = UInt32(inode.text), let mode = UInt32(mode.text, radix: 8) else {
      throw WitnessFailure(description: "ls -p: an entry that is none: \(name.text)")
    }
    return Entry(name: name, inode: inode, mode: mode)
  }

  private mutating func readInodes() throws {
    let inodes = facts.keys.sorted()
    var text = try ask(inodes.map { "stat <\($0)>" })
    for inode in inodes {
      try text.expect("debugfs: stat <\(inode)>\n")
      guard var fact = facts[inode] else { continue }
      let hidesLostAndFound = fact.linkCount == UInt32.max
      while !text.isAtEnd, !text.isNext("debugfs: stat <") {
        try Self.read(&fact, from: &text)
      }
      if hidesLostAndFound { fact.linkCount -= 1 }
      facts[inode] = fact
    }
  }

  /// One line of `stat`, or a link's target, which may be several lines.
  private static func read(_ fact: inout InodeFacts, from text: inout OutputText) throws {
    if text.isNext("Fast link dest: \"") {
      try text.expect("Fast link dest: \"")
      fact.target = try text.bytes(Int(fact.size))
      try text.expect("\"\n")
      return
    }
    let line = try text.field(before: "\n").text
    let words = line.split(separator: " ").map(String.init)
    func number(after label: String) -> String? {
      words.firstIndex(of: label).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }
    if line.hasPrefix("Inode: "),
      let mode = number(after: "Mode:").flatMap({ UInt32($0, radix: 8) })
    {
      fact.mode = fact.mode & 0o170000 | mode
    } else if line.hasPrefix("User: ") {
      fact.uid = number(after: "User:").flatMap(identifier) ?? 0
      fact.gid = number(after: "Group:").flatMap(identifier) ?? 0
      fact.size = number(after: "Size:").flatMap { UInt64($0) } ?? 0
    } else if line.hasPrefix("Links: ") {
      fact.linkCount = number(after: "Links:").flatMap { UInt32($0) } ?? 0
    } else if line.hasPrefix(" mtime: ") || line.hasPrefix("mtime: ") {
      readTime(&fact, number(after: "mtime:") ?? "")
    } else if line.contains("Device major/minor number: ") {
      let numbers = (number(after: "number:") ?? "").split(separator: ":").map { UInt32($0) }
      fact.deviceMajor = numbers.first.flatMap { $0 } ?? 0
      fact.deviceMinor = numbers.last.flatMap { $0 } ?? 0
    } else if line.hasPrefix("  "), let end = line.range(of: " (") {
      let name = line[..<end.lowerBound].drop { $0 == " " }
      fact.attributes.append(ExtendedAttribute(name: Array(name.utf8), value: []))
    }
  }

  /// debugfs prints identifiers above 2³¹ as negative.
  private static func identifier(_ text: String) -> UInt32? {
    Int64(text).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// Reads `0xSECONDS:EXTRA`.
  ///
  /// Signed seconds; nanoseconds × 4 + how many times 2³² seconds come on top. Inodes of 128 bytes have the
  /// first word only.
  private static func readTime(_ fact: inout InodeFacts, _ text: String) {
    let words = text.dropFirst(2).split(separator: ":").map { UInt32($0, radix: 16) ?? 0 }
    guard let low = words.first else { return }
    let extra = words.count > 1 ? words[1] : 0
    fact.seconds = Int64(Int32(bitPattern: low)) + Int64(extra % 4) * (1 << 32)
    fact.nanoseconds = extra / 4
  }

  /// Digests of files, and the targets that are too long for an inode.
  private mutating func readContents() throws {
    let wanted = facts.filter { _, fact in
      fact.mode & 0o170000 == 0o100000
        || (fact.mode & 0o170000 == 0o120000 && fact.target == nil)
    }.map(\.key).sorted()
    if wanted.isEmpty { return }
    _ = try ask(wanted.map { "dump <\($0)> content-\($0)" })
    let files = wanted.map { directory.appendingPathComponent("content-\($0)") }
    let digests = try HostTool.digests(of: files)
    for (inode, (file, digest)) in zip(wanted, zip(files, digests)) {
      if (facts[inode]?.mode ?? 0) & 0o170000 == 0o100000 {
        facts[inode]?.digest = digest
      } else {
        facts[inode]?.target = Array(try Data(contentsOf: file))
      }
      try FileManager.default.removeItem(at: file)
    }
  }

  private mutating func readAttributes() throws {
    var wanted: [(inode: UInt32, index: Int, name: String)] = []
    for (inode, fact) in facts {
      for (index, attribute) in fact.attributes.enumerated() {
        wanted.append((inode, index, attribute.name.text))
      }
    }
    if wanted.isEmpty { return }
    _ = try ask(wanted.map { "ea_get -f value-\($0.inode)-\($0.index) <\($0.inode)> \($0.name)" })
    for wanted in wanted {
      let (inode, index) = (wanted.inode, wanted.index)
      let file = directory.appendingPathComponent("value-\(inode)-\(index)")
      let value = Array(try Data(contentsOf: file))
      facts[inode]?.attributes[index].value =
        wanted.name.hasPrefix("system.posix_acl_") ? Self.completed(value) : value
    }
    for inode in Set(wanted.map(\.inode)) {
      facts[inode]?.attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }
  }

  /// ext4 does not store the id of entries that have none: Linux shows it as −1, debugfs as 0.
  private static func completed(_ accessList: [UInt8]) -> [UInt8] {
    var completed = accessList
    for start in stride(from: 4, to: accessList.count - 7, by: 8) {
      let hasIdentifier = accessList[start] == 0x02 || accessList[start] == 0x08
      if !hasIdentifier {
        completed.replaceSubrange((start + 4)..<(start + 8), with: [255, 255, 255, 255])
      }
    }
    return completed
  }

  // MARK: Telling

  private func walk() -> [DumpRow] {
    var rows: [DumpRow] = []
    var firstPaths: [UInt32: [UInt8]] = [:]
    var pending: [(path: [UInt8], inode: UInt32)] = [([], 2)]
    while let (path, inode) = pending.popLast() {
      guard let fact = facts[inode] else { continue }
      var row = row(of: fact, at: path)
      if let below = entries[inode] {
        let prefix = path.isEmpty ? [] : path + [UInt8(ascii: "/")]
        pending += below.reversed().map { (prefix + $0.name, $0.inode) }
      } else if fact.linkCount > 1 {
        row.hardLinkTo = firstPaths[inode]
        firstPaths[inode] = firstPaths[inode] ?? path
        if row.hardLinkTo != nil { row.contentDigest = nil }
      }
      rows.append(row)
    }
    return rows
  }

  private func row(of fact: InodeFacts, at path: [UInt8]) -> DumpRow {
    DumpRow(
      path: path,
      mode: fact.mode,
      size: fact.mode & 0o170000 == 0o100000 ? fact.size : 0,
      linkCount: fact.linkCount,
      uid: fact.uid,
      gid: fact.gid,
      deviceMajor: fact.deviceMajor,
      deviceMinor: fact.deviceMinor,
      seconds: fact.seconds,
      nanoseconds: fact.nanoseconds,
      target: fact.target,
      contentDigest: fact.digest,
      extendedAttributes: fact.attributes
    )
  }
}

extension Array where Element == UInt8 {
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// A program's output, taken from the front.
private struct OutputText {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { position == bytes.count }
  var next: UInt8? { isAtEnd ? nil : bytes[position] }

  func isNext(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

  mutating func expect(_ text: String) throws {
    guard isNext(text) else {
      let found = Array(bytes[position...].prefix(80)).text
      throw WitnessFailure(description: "debugfs: expected \(text.debugDescription), got \(found)")
    }
    position += text.utf8.count
  }

  mutating func field(before end: Unicode.Scalar) throws -> [UInt8] {
    guard let stop = bytes[position...].firstIndex(of: UInt8(ascii: end)) else {
      throw WitnessFailure(description: "debugfs: output ends early")
    }
    defer { position = stop + 1 }
    return Array(bytes[position..<stop])
  }

  mutating func bytes(_ count: Int) throws -> [UInt8] {
    guard count <= bytes.count - position else {
      throw WitnessFailure(description: "debugfs: output ends early")
    }
    defer { position += count }
    return Array(bytes[position..<(position + count)])
  }
}
