// The same archives through the scanner, Python's tarfile, bsdtar and GNU tar: what differs is listed, with
// the reason, in Differences.swift, and nothing else does.

import Foundation
import TarFormat
import TestKit
import Testing

struct DifferentialTests {
  /// Archives of the tools, made in `tree` under their names, and the rows of docs/SEMANTICS.md.
  private static func writeArchives(in tree: ToolTests.Tree) throws {
    for row in DialectRow.archives {
      guard case .archive(let bytes) = row.written else { continue }
      try write(bytes, row.rule, in: tree)
    }
    for row in RefusedArchive.all { try write(row.bytes, row.rule, in: tree) }
    for format in TarSparseFormat.allCases {
      let runs: [(Int64, TarText)] = [(0, "three"), (5000, "bytes"), (9000, "each")]
      let sparse = TarEntry.sparse("f", size: 10_000, segments: runs, format: format)
      try write(TarBytes.archive([sparse]), "runs of a few bytes \(format)", in: tree)
    }
    try runGNUTar(in: tree)
    for format in ["ustar", "gnutar", "pax"] {
      let command = ["bsdtar", "-c", "-n", "-f", "bsdtar \(format).tar", "--format", format]
      try tree.run(command + ["--uid", "1000", "--gid", "70000"] + tree.names)
    }
    try tree.run(["python3", "-c", makingScript, tree.long])
  }

  private static func write(
    _ bytes: [UInt8],
    _ name: String,
    in tree: ToolTests.Tree
  ) throws {
    let path = tree.directory + "/" + name.replacing("/", with: "-") + ".tar"
    try #require(!FileManager.default.fileExists(atPath: path), "\(name) twice")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private static func runGNUTar(in tree: ToolTests.Tree) throws {
    let sparse = ["-S", "--hole-detection=raw"]
    let options: [String: [String]] = [
      "gnu": ["--format=gnu"], "gnu sparse": ["--format=gnu"] + sparse,
      "oldgnu": ["--format=oldgnu"], "oldgnu sparse": ["--format=oldgnu"] + sparse,
      "ustar": ["--format=ustar"], "posix": ["--format=posix"],
      "posix sparse 0.0": ["--format=posix", "--sparse-version=0.0"] + sparse,
      "posix sparse 0.1": ["--format=posix", "--sparse-version=0.1"] + sparse,
      "posix sparse 1.0": ["--format=posix", "--sparse-version=1.0"] + sparse,
      "label": ["--format=gnu", "-V", "label"],
      "incremental": ["--format=gnu", "-g", "snapshot"],
      "posix label": ["--format=posix", "-V", "label"],
      "v7": ["--format=v7"],
    ]
    for (name, options) in options {
      // What v7 cannot say: other types, and more than 100 bytes of name.
      let names =
        switch name {
        case "v7": ["d", "d/f", "h", "s", "sparse"]
        // It goes into directories whatever it is told.
        case "incremental": ["d", "s", "p"]
        default: tree.names
        }
      let owner = ["--owner=:1000", "--group=:70000", "--no-recursion"]
      try tree.run(["tar", "-c", "-f", "GNU tar \(name).tar"] + owner + options + names)
    }
  }

  /// The odd things that Python is glad to write.
  private static let makingScript = #"""
    import io, sys, tarfile
    for form in ["USTAR", "GNU", "PAX"]:
        options = dict(format=getattr(tarfile, form + "_FORMAT"), errors="surrogateescape")
        if form == "PAX":
            options["pax_headers"] = {"comment": "global"}
        with tarfile.open("Python " + form + ".tar", "w", **options) as archive:
            def add(name, data=b"", **fields):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                for key, value in fields.items():
                    setattr(member, key, value)
                archive.addfile(member, io.BytesIO(data))
            add("f", b"text", mode=0o4755, uid=70000, gid=80000, mtime=1700000000)
            add("d", type=tarfile.DIRTYPE, mode=0o1777)
            add("s", type=tarfile.SYMTYPE, linkname="../x", mode=0o777)
            add("h", type=tarfile.LNKTYPE, linkname="f")
            add("c", type=tarfile.CHRTYPE, devmajor=5, devminor=300)
            add("b", type=tarfile.BLKTYPE, devmajor=259, devminor=70000)
            add("p", type=tarfile.FIFOTYPE)
            add("caf\u00e9", b"utf-8")
            add(sys.argv[1], b"deep")
            if form != "USTAR":
                add("n" * 250, b"long", uid=1 << 30, mtime=-5)
                add("t", type=tarfile.SYMTYPE, linkname="t" * 250)
                add("later", b"x", mtime=1 << 33)
            if form == "PAX":
                add("raw\udcff", b"no utf-8")
                add("half", b"x", mtime=-1.5)
                add("attributed", b"x", pax_headers={"SCHILY.xattr.user.a": "1"})
    """#

  @Test func `readers agree but for what is explained`() throws {
    let tree = try ToolTests.Tree()
    try Self.writeArchives(in: tree)
    var digests: [[UInt8]: String] = [:]
    func digest(_ content: [UInt8]) throws -> String {
      if let known = digests[content] { return known }
      let file = tree.directory + "/content"
      try Data(content).write(to: URL(fileURLWithPath: file))
      let printed = try tree.run(["sha256sum", file])
      let digest = String(decoding: printed.prefix(64), as: UTF8.self)
      digests[content] = digest
      return digest
    }
    var found: [Difference.Place: [String]] = [:]
    var archives: Set<String> = []
    for reading in try OtherReaders.readings(of: tree) {
      let path = tree.directory + "/" + reading.archive + ".tar"
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let ours = try Reading(scanning: bytes, digest: digest)
      let differences = ours.differences(from: reading)
      archives.insert(reading.archive)
      if !differences.isEmpty {
        found[Difference.Place(reading.archive, reading.tool)] = differences
      }
    }
    #expect(archives.count > 60)
    let explained = Difference.all.reduce(into: [Difference.Place: [String]]()) { all, difference in
      for place in difference.places { all[place, default: []] += difference.says }
    }
    for place in Set(found.keys).union(explained.keys).sorted() {
      let (found, explained) = (found[place] ?? [], explained[place] ?? [])
      #expect(found.sorted() == explained.sorted(), "\(place.tool) on \(place.archive)")
    }
  }
}
