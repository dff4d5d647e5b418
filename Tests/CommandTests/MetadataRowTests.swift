// Rows M of docs/SEMANTICS.md that one dump does not show: what the mount forbids, what is not kept, who
// is shown what, numbers that must be stable, and large files.

import FileTree
import Foundation
import TestKit
import Testing

struct MetadataRowTests {
  @Test(arguments: Role.all)
  func `M1, M12 a mount is read-only, nosuid and nodev, whoever makes it`(role: Role) throws {
    let place = try Workplace(role)
    let image = try place.image([[.file("a", "x").mode(0o4755)]])
    let mount = try MountedImage(image, in: place)
    let options = try mount.shell(#"findmnt -no OPTIONS "$1""#).split(separator: ",")
    #expect(Set(["ro", "nosuid", "nodev"]).isSubset(of: Set(options.map(String.init))))
    try mount.end()
  }

  @Test func `M1 a setuid program in a mount runs as who starts it`() throws {
    guard Role.all.contains(.root) else { return }
    let place = try Workplace(.root)
    let program = Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/bin/id")))
    let image = try place.image([[.file("id", TarText(program)).mode(0o6755)]])
    let mount = try MountedImage(image, ["-o", "allow_other"], in: place)
    let words = try Program.becoming(Role.ordinary.user) + [mount.path + "/id", "-u"]
    let outcome = try Program.run(words)
    #expect(outcome.status == 0)
    #expect(outcome.text != "0\n")
    try mount.end()
  }

  @Test(arguments: Role.all)
  func `M6 a mount shows trusted attributes to root alone, and ext4 has them always`(
    role: Role
  ) throws {
    let place = try Workplace(role)
    let image = try place.image([
      [
        .file("a", "x").attribute("trusted.a", "1").attribute("user.a", "2"),
        .directory("d").attribute("trusted.d", "3"),
      ]
    ])
    let all = "a 1 trusted.a=1 user.a=2, d/ trusted.d=3"
    let mount = try MountedImage(image, in: place)
    let shown = DumpRow.brief(try mount.dump().rows())
    #expect(shown == (role == .root ? all : "a 1 user.a=2, d/"))
    try mount.end()
    let file = place.home + "/image.ext4"
    try place.materialize(image, to: file)
    #expect(DumpRow.brief(try Ext4Witness.rows(of: URL(fileURLWithPath: file))) == all)
  }

  /// An archive has no type for them; a directory of the host may have some.
  @Test func `M11 a socket of an added directory is left out`() throws {
    let place = try Workplace()
    try place.makeDirectory("home/tree")
    try place.write("home/tree/file", "x")
    let script = "import socket; socket.socket(socket.AF_UNIX).bind('tree/socket')"
    _ = try place.succeed(try place.startTool(["python3", "-c", script]))
    let image = try place.image([[.file("a")]])
    let tree = try place.dump(of: image, ["--overlay", "tree"]).rows()
    #expect(tree.map { String(decoding: $0.path, as: UTF8.self) } == ["", "a", "file"])
  }

  @Test func `M14 times of access and change are the modification time`() throws {
    let place = try Workplace()
    let image = try place.image([
      [
        .file("a", "x").modified(1_000_000_000, nanoseconds: 5).pax("atime", "1500000000.25")
          .pax("ctime", "1600000000.75"),
        .directory("d").modified(-7).pax("atime", "3"),
      ]
    ])
    let mount = try MountedImage(image, in: place)
    let times = try mount.shell(#"cat "$1/a" >/dev/null; stat -c '%.9X %.9Y %.9Z' "$1/a" "$1/d""#)
    #expect(
      times == """
        1000000000.000000005 1000000000.000000005 1000000000.000000005
        -7.000000000 -7.000000000 -7.000000000

        """
    )
    try mount.end()
    let file = place.home + "/image.ext4"
    try place.materialize(image, to: file)
    for (path, time) in [("/a", "0x3b9aca00:00000014"), ("/d", "0xfffffff9:00000000")] {
      let facts = try DebugFS.lines("stat \(path)", of: file)
      for name in ["atime", "ctime", "mtime"] {
        let line = try #require(facts.first { $0.contains(" \(name): ") }, "\(path) \(name)")
        #expect(line.contains(" \(name): \(time) "))
      }
    }
  }

  @Test func `M16 a directory has two links and one for each subdirectory`() throws {
    let place = try Workplace()
    let image = try place.image([
      [
        .directory("none"), .file("none/file"), .symlink("none/link", to: "."),
        .directory("two/a"), .directory("two/b"), .file("two/b/deep/file"),
      ],
      [.whiteout("two/a"), .directory("two/c"), .directory("two/d")],
    ])
    // The root has two subdirectories, and in ext4 lost+found, which the witness does not count.
    let expected = [
      "": 4, "none": 2, "two": 5, "two/b": 3, "two/b/deep": 2, "two/c": 2, "two/d": 2,
    ]
    func linkCounts(_ rows: [DumpRow]) -> [String: Int] {
      let directories = rows.filter { $0.mode & 0o170000 == 0o040000 }
      return Dictionary(
        uniqueKeysWithValues: directories.map {
          (String(decoding: $0.path, as: UTF8.self), Int($0.linkCount))
        }
      )
    }
    #expect(linkCounts(try place.dump(of: image).rows()) == expected)
    let mount = try MountedImage(image, in: place)
    #expect(linkCounts(try mount.dump().rows()) == expected)
    try mount.end()
    let file = place.home + "/image.ext4"
    try place.materialize(image, to: file)
    #expect(linkCounts(try Ext4Witness.rows(of: URL(fileURLWithPath: file))) == expected)
  }

  @Test func `M17 inode numbers are one for each file, and the same in every mount`() throws {
    let place = try Workplace()
    let image = try place.image([
      [
        .file("a", "x"), .hardLink("b", to: "a"), .directory("d"), .file("d/c"),
        .symlink("l", to: "a"), .hardLink("m", to: "l"), .fifo("p"),
      ],
      [.file("d/e"), .whiteout("d/c")],
    ])
    func numbers() throws -> [String] {
      let mount = try MountedImage(image, in: place)
      defer { withExtendedLifetime(mount) {} }
      let listed = try mount.shell(#"cd "$1"; find . -printf '%i %p\n' | sort -k 2"#)
      // Of another directory entry, of a listing, and of an open file: the same.
      let told = try mount.shell(#"cd "$1"; stat -c '%i %n' . ./*  ./d/*; ls -ai d"#)
      for line in listed.split(separator: "\n").map(String.init) where !line.contains("/d/") {
        #expect(told.contains(line), "\(line)")
      }
      try mount.end()
      return listed.split(separator: "\n").map(String.init)
    }
    let first = try numbers()
    #expect(first == (try numbers()))
    let inodes = Dictionary(
      uniqueKeysWithValues: first.map { line in
        let words = line.split(separator: " ")
        return (String(words[1]), String(words[0]))
      }
    )
    #expect(inodes["./a"] == inodes["./b"])
    #expect(inodes["./l"] == inodes["./m"])
    #expect(Set(inodes.values).count == inodes.count - 2)
    #expect(Set(inodes.keys) == [".", "./a", "./b", "./d", "./d/e", "./l", "./m", "./p"])
  }

  /// 2 GiB and 8 KiB, of which 9 bytes are stored at either end.
  @Test func `M18 a file over 2 GiB is whole, and its holes stay holes`() throws {
    let size = (2 << 30) + 8192
    let place = try Workplace()
    let image = try place.image([
      [
        .sparse(
          "big",
          size: Int64(size),
          segments: [(0, "beginning"), (Int64(size - 7), "the end")],
          format: .pax10
        )
      ]
    ])
    let mount = try MountedImage(image, in: place)
    let line = #"stat -c '%s %b' "$1/big"; head -c 9 "$1/big"; tail -c 7 "$1/big""#
    // Two blocks of 4 KiB, counted in 512 bytes.
    #expect(try mount.shell(line) == "\(size) 16\nbeginningthe end")
    try mount.end()
    let file = place.home + "/image.ext4"
    try place.materialize(image, to: file)
    let facts = try DebugFS.lines("stat /big", of: file).joined(separator: "\n")
    #expect(facts.contains("Size: \(size)\n"))
    #expect(facts.contains("Blockcount: 16\n"))
    let block = try #require(
      Int(try DebugFS.lines("bmap /big \(size / 4096 - 1)", of: file).first ?? "")
    )
    let disk = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
    try disk.seek(toOffset: UInt64(block) * 4096 + 4096 - 7)
    #expect(try disk.read(upToCount: 7) == Data("the end".utf8))
  }
}

/// Single questions to debugfs.
enum DebugFS {
  static func lines(_ command: String, of image: String) throws -> [String] {
    let output = try HostTool.run("debugfs", ["-R", command, image])
    return String(decoding: output.output, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
