// What other tar programs write is read as they meant it. Needs GNU tar, bsdtar (Debian's
// libarchive-tools) and python3; a missing one fails its test.

import Foundation
import Offsets
import TarFormat
import TestKit
import Testing

struct ToolTests {
  /// A temporary directory with one file of each kind, removed with the value's owner.
  final class Tree {
    let directory: String
    let long = String(repeating: "l", count: 90) + "/" + String(repeating: "m", count: 90)
    let sparse: [UInt8]
    var names: [String] { ["d", "d/f", "h", "s", "p", long, "sparse"] }

    /// `directoryTime` is for the directory, in seconds since 1970.
    init(directoryTime: String = "12") throws {
      directory = NSTemporaryDirectory() + "tar-tools-\(UUID().uuidString)"
      var content = [UInt8](repeating: 0, count: 1 << 20)
      for run in 0..<8 {
        for index in 0..<1024 { content[run * 131_072 + 65536 + index] = UInt8(run + 1) }
      }
      sparse = content
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try Self.write(content, toSparse: directory + "/sparse")
      let script = """
        mkdir d "${0%/*}"; chmod 1755 d; printf text > d/f; chmod 4751 d/f; ln d/f h; ln -s ../x s
        mkfifo p; printf deep > "$0"; chmod 600 "$0" p; chmod 644 sparse
        touch -h -d @1700000000.123456789 d/f s p "$0" sparse; touch -d "@$1" d
        """
      try run(["sh", "-ec", script, long, directoryTime])
    }

    deinit {
      // Nobody is left to report a failure to; the directory is temporary.
      _ = try? FileManager.default.removeItem(atPath: directory)
    }

    /// Writes whole KiB that are not all zeros and leaves holes between them: GNU tar takes a file
    /// for sparse only if it has fewer blocks than bytes.
    private static func write(_ content: [UInt8], toSparse path: String) throws {
      try Data().write(to: URL(fileURLWithPath: path))
      let file = try #require(FileHandle(forWritingAtPath: path))
      for start in stride(from: 0, to: content.count, by: 1024) where content[start] != 0 {
        try file.seek(toOffset: UInt64(start))
        try file.write(contentsOf: content[start..<(start + 1024)])
      }
      try file.truncate(atOffset: UInt64(content.count))
      try file.close()
    }

    /// Runs a program in the directory and returns what it prints; a failure fails the test.
    @discardableResult
    func run(_ command: [String]) throws -> [UInt8] {
      try Program.succeed(
        command,
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"],
        directory: directory
      )
    }
  }

  /// Names, kinds and times as `Tree` made them; `exact` if the format keeps parts of seconds.
  private static func expect(
    _ members: [TarMember],
    of tree: Tree,
    exact: Bool,
    directoryTime: String = "12+0ns"
  ) {
    let time = exact ? "mtime=1700000000+123456789ns" : "mtime=1700000000+0ns"
    let lines = members.map { member in
      member.line.split(separator: " ").filter { !$0.hasPrefix("@") && !$0.hasPrefix("[") }
        .joined(separator: " ")
    }
    let stored = members.last.map { $0.isSparse ? " stored=\($0.storedByteCount)" : "" } ?? ""
    #expect(
      lines == [
        "directory d/ 0 mode=1755 owner=1000:70000 mtime=\(directoryTime)",
        "regular d/f 4 mode=4751 owner=1000:70000 \(time)",
        "hardLink h 0 mode=4751 owner=1000:70000 \(time) -> d/f",
        "symbolicLink s 0 mode=777 owner=1000:70000 \(time) -> ../x",
        "fifo p 0 mode=600 owner=1000:70000 \(time)",
        "regular \(tree.long) 4 mode=600 owner=1000:70000 \(time)",
        "regular sparse 1048576 owner=1000:70000 \(time)\(stored)",
      ]
    )
  }

  static func content(of member: TarMember, in bytes: [UInt8]) -> [UInt8] {
    var content = [UInt8](repeating: 0, count: Int(member.size))
    let whole = SparseSegment(fileOffset: 0, byteCount: member.size, data: member.data)
    for segment in member.isSparse ? member.segments : [whole] {
      let start = Int(segment.fileOffset)
      let data = Int(segment.data.bytes)
      let count = Int(segment.byteCount)
      content.replaceSubrange(start..<(start + count), with: bytes[data..<(data + count)])
    }
    return content
  }

  @Test(arguments: [
    ["--format=gnu"], ["--format=oldgnu", "-S"], ["--format=gnu", "-S"], ["--format=posix"],
    ["--format=posix", "-S", "--sparse-version=0.0"],
    ["--format=posix", "-S", "--sparse-version=0.1"],
    ["--format=posix", "-S", "--sparse-version=1.0"],
  ])
  func `GNU tar`(options: [String]) throws {
    let tree = try Tree(directoryTime: "-1.5")
    // Reading for zeros is the same on every file system; the option implies -S.
    let detection = options.contains("-S") ? ["--hole-detection=raw"] : []
    let bytes = try tree.run(
      ["tar", "-c", "--owner=:1000", "--group=:70000", "--no-recursion"]
        + detection + options + tree.names
    )
    let scan = Scan(bytes)
    #expect(scan.error == nil)
    #expect(scan.warnings == [])
    let isExact = options[0] == "--format=posix"
    Self.expect(
      scan.members,
      of: tree,
      exact: isExact,
      directoryTime: "-2+\(isExact ? 500_000_000 : 0)ns"
    )
    let sparse = try #require(scan.members.last)
    #expect(sparse.isSparse == options.contains("-S"))
    #expect(Self.content(of: sparse, in: bytes) == tree.sparse)
  }

  @Test(arguments: ["ustar", "gnutar", "pax"])
  func bsdtar(format: String) throws {
    let tree = try Tree()
    let command = ["bsdtar", "-c", "-n", "-f", "-", "--uid", "1000", "--gid", "70000"]
    let bytes = try tree.run(command + ["--no-read-sparse", "--format", format] + tree.names)
    let scan = Scan(bytes)
    #expect(scan.error == nil)
    #expect(scan.warnings == [])
    Self.expect(scan.members, of: tree, exact: format == "pax")
    let sparse = try #require(scan.members.last)
    #expect(Self.content(of: sparse, in: bytes) == tree.sparse)
  }

  /// The archives of the test writer, read by a third program: reader and writer could agree on an
  /// error.
  @Test func `Python's tarfile finds the same members`() throws {
    let tree = try Tree()
    let bytes = TarBytes.archive(Self.plainEntries)
    try Data(bytes).write(to: URL(fileURLWithPath: tree.directory + "/archive"))
    let script = """
      import sys, tarfile
      kinds = {b"0": "regular", b"S": "regular", b"1": "hardLink", b"2": "symbolicLink",
               b"3": "characterDevice", b"4": "blockDevice", b"5": "directory", b"6": "fifo"}
      for m in tarfile.open(sys.argv[1]):
          print(kinds[m.type], m.name, m.size, oct(m.mode)[2:], m.uid, m.gid, int(m.mtime),
                m.linkname, m.devmajor, m.devminor, m.offset, m.offset_data,
                [v for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")])
      """
    let printed = String(
      decoding: try tree.run(["python3", "-c", script, "archive"]),
      as: UTF8.self
    )
    let lines = Scan(bytes).members.map { member in
      let attributes = member.attributes.map {
        "'\(text(Array(member.attributeBytes[$0.value])))'"
      }
      let fields: [any CustomStringConvertible] = [
        "\(member.kind)", String(decoding: member.path, as: UTF8.self), member.size,
        String(member.mode, radix: 8), member.userID, member.groupID, member.modificationSeconds,
        String(decoding: member.linkTarget, as: UTF8.self), member.deviceMajor,
        member.deviceMinor, member.header, member.data,
        "[\(attributes.joined(separator: ", "))]",
      ]
      return fields.map(\.description).joined(separator: " ")
    }
    #expect(printed.split(separator: "\n").map(String.init) == lines)
  }

  private static var plainEntries: [TarEntry] {
    var entries: [TarEntry] = []
    for dialect in TarDialectBytes.allCases {
      let plain: [TarEntry] = [
        .directory("d"), .file("d/f", "text").mode(0o4711).owner(12, 34).modified(1_700_000_000),
        .symlink("s", to: "d/f"), .hardLink("h", to: "d/f"), .fifo("p"), .file("empty"),
      ]
      entries += plain.map { $0.dialect(dialect) }
    }
    entries += [
      .characterDevice("c", major: 1, minor: 3), .blockDevice("b", major: 259, minor: 300_000),
      .file(repeated("g", 200), repeated("x", 1000)).dialect(.gnu).owner(1 << 30, 1 << 31),
      .file(repeated("p", 200), repeated("x", 1024)).owner(1 << 30, 1 << 31).modified(1 << 40),
      .symlink(repeated("g", 200), to: repeated("t", 300)).dialect(.gnu).modified(-5),
      .symlink(repeated("p", 200), to: repeated("t", 300)).modified(-5),
      .file(HeaderTests.deepPath).dialect(.ustar),
      .file("attributed").attribute("user.a", "1").attribute("user.b", "two"),
    ]
    let runs = (0..<7).map { (offset: Int64($0) * 1200, bytes: repeated("x", 99)) }
    for format in TarSparseFormat.allCases {
      entries.append(.sparse("sparse", size: 9000, segments: runs, format: format))
    }
    return entries + [.file("last", "x")]
  }
}
