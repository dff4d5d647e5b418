// What the kernel asks for when a fixed tree is listed, archived and copied: the whole of it, asserted
// exactly. Round trips are what a mount costs, so a number that grows here is a mount that slows down.
//
// The tree has 11 directories (the root and 10), and in each of the 10: 60 files of 10,000 bytes, 5
// symbolic links, and 2 names of one more such file: 681 names, 610 files, 50 links.

import Foundation
import Glibc
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Requests {
    private static let directories = 11
    private static let links = 50
    private static let files = 610
    /// Everything that has an inode of its own.
    private static let inodes = directories + links + files

    /// READDIRPLUS of one walk: what Linux asks since it hands on the buffer of the caller (6.17 does),
    /// and what it asked when it took one page at a time.
    ///
    /// Each directory takes requests for its entries, and one more that finds the end. An entry here
    /// takes 128 bytes of attributes + 24 + its name, padded to 8: 160. 69 of them fit into the 32 KiB
    /// of glibc at once; in pages of 4 KiB there are 25, so that three are needed. The root's 12 always
    /// fit.
    private static let listings = [directories * 2, 2 + 10 * (3 + 1)]

    /// What each mount is asked once, whatever is done with it: the kernel introduces itself, and
    /// asks for the root's attributes, which nobody listed.
    private static let once = ["INIT": 1, "GETATTR": 1]

    @Test(arguments: Role.all)
    func `find -ls asks once for each directory and each link`(role: Role) throws {
      // OPENDIR is asked once and answered with ENOSYS: after that directories need no opening. GNU
      // find asks what kind of file system it is on.
      try expect(
        of: "find \"$1\" -ls > /dev/null",
        as: role,
        cold: [
          "OPENDIR": 1, "READLINK": Self.links, "STATFS": 1,
        ],
        again: ["STATFS": 1]
      )
    }

    @Test(arguments: Role.all)
    func `tar asks once for each file, directory and link`(role: Role) throws {
      // Like OPENDIR, OPEN and FLUSH are asked once. Through cat, because tar does not read what it
      // writes to /dev/null. Each file is read by one request: it ends within the first read-ahead.
      try expect(
        of: "tar -C \"$1\" -c . | cat > /dev/null",
        as: role,
        cold: [
          "OPENDIR": 1, "READLINK": Self.links, "OPEN": 1,
          "READ": Self.files, "FLUSH": 1,
        ],
        again: [:]
      )
    }

    @Test(arguments: Role.all)
    func `mkfs.ext4 -d asks once for each file, directory and link`(role: Role) throws {
      try expect(
        of: Self.mkfs,
        as: role,
        cold: Self.mkfsRequests.merging(["LISTXATTR": 1]) { $1 },
        again: [:]
      )
    }

    @Test func `with attributes in the image, mkfs.ext4 -d asks every inode for them`() throws {
      let tree = Self.tree + [Self.fileWithAttribute]
      // One list for each inode. The file in question is another file, and is asked for its list a
      // second time, when its size is known, and then for its attribute's size and its value.
      let requests = ["LISTXATTR": Self.inodes + 1 + 1, "GETXATTR": 2]
      let counts = try counts(of: [Self.mkfs], on: tree, as: .ordinary)
      let changes = ["READ": Self.files + 1].merging(requests) { $1 }
      expect(counts[0], Self.mkfsRequests.merging(changes) { $1 })
    }

    /// The same as mkfs on any mount, but no attributes: they are set afterwards, by debugfs.
    ///
    /// The pump spares it most of this, and what depends on who is faster. What both want to know of a
    /// directory at the same moment is asked for both.
    @Test(arguments: Role.all, [false, true])
    func `materialize asks its own mount no more`(role: Role, hasAttributes: Bool) throws {
      let place = try Workplace(role)
      let tree = Self.tree + (hasAttributes ? [Self.fileWithAttribute] : [])
      let counts = try place.materialize(try place.image([tree]), to: place.home + "/ext4").counts
      let files = Self.files + (hasAttributes ? 1 : 0)
      let twice = ["GETATTR": 2, "OPENDIR": 2, "READDIRPLUS": 2 * Self.listings[1], "READ": files]
      let most = Self.once.merging(Self.mkfsRequests) { $1 }.merging(twice) { $1 }
      #expect(counts.filter { $0.value > most[$0.key] ?? 0 } == [:])
    }

    // MARK: The pump

    @Test(arguments: Role.all)
    func `who comes behind the pump asks for nothing`(role: Role) throws {
      let place = try Workplace(role)
      let mount = try MountedImage(
        try place.image([Self.tree]),
        ["--pump", "walk"],
        in: place
      )
      try mount.waitUntilCached("directory-9/name-0", byteCount: 10_000)
      try mount.shell("find \"$1\" -ls > /dev/null; tar -C \"$1\" -c . | cat > /dev/null")
      var counts = try mount.end().counts
      // Whoever waited looked names up while directories were listed: such a listing may be asked for again.
      counts["LOOKUP"] = nil
      let listings = counts.removeValue(forKey: "READDIRPLUS") ?? 0
      #expect((Self.listings[0]...2 * Self.listings[1]).contains(listings))
      // All links, directories and openings are the pump's own.
      let once = ["OPENDIR": 1, "STATFS": 1, "OPEN": 1, "FLUSH": 1, "READLINK": Self.links]
      #expect(counts == Self.once.merging(once) { $1 })
    }

    @Test(arguments: Role.all)
    func `who reads some files in order finds the next ones there`(role: Role) throws {
      let place = try Workplace(role)
      let mount = try MountedImage(try place.image([Self.tree]), in: place)
      try mount.shell("ls \"$1/directory-3\" > /dev/null")
      // Sorted as bytes: file-0, file-1, file-10, file-11 …
      try mount.shell("cd \"$1/directory-3\"; cat file-0 file-1 file-10 file-11 > /dev/null")
      try mount.waitUntilCached("directory-3/file-15", byteCount: 10_000)
      try mount.shell("cd \"$1/directory-3\"; cat file-12 file-13 file-14 file-15 > /dev/null")
      let reads = try mount.end().counts["READ"] ?? 0
      // Of the first four, the fourth may have been pushed already.
      #expect((3...4).contains(reads))
    }

    @Test func `who reads here and there gets what it asks for, and no more`() throws {
      let place = try Workplace(.ordinary)
      let mount = try MountedImage(try place.image([Self.tree]), in: place)
      let directories = ["9", "2", "7", "0", "5", "1", "8", "3", "6", "4"]
      for directory in directories { try mount.shell("cat \"$1/directory-\(directory)/file-7\"") }
      #expect(try mount.end().counts["READ"] == directories.count)
    }

    // MARK: The tree, and mkfs on it

    private static let tree: [TarEntry] =
      [.directory("./")]
      + (0..<10).flatMap { directory -> [TarEntry] in
        let path = "directory-\(directory)/"
        let content = TarText(CompressedBytes.sample(byteCount: 10_000, seed: UInt64(directory)))
        return [.directory("\(path)")]
          + (0..<60).map { .file("\(path)file-\($0)", content) }
          + (0..<5).map { .symlink("\(path)link-\($0)", to: "file-\($0)") }
          + [.file("\(path)name-0", content), .hardLink("\(path)name-1", to: "\(path)name-0")]
      }

    private static let fileWithAttribute = TarEntry.file("attributed", "content")
      .attribute("user.comment", "a comment")

    private static let mkfs = "truncate -s 64M \"$1.ext4\"; mkfs.ext4 -q -F -d \"$1\" \"$1.ext4\""

    /// Each of ACCESS, OPENDIR, OPEN, LSEEK and FLUSH is asked once, and answered with ENOSYS: the
    /// kernel then knows what to do.
    ///
    /// ACCESS comes from changing into a directory, LSEEK from looking for holes. Each file is read
    /// by one request, because mkfs reads 64 KiB and the kernel reads ahead to 128 KiB, and both
    /// are more than a file has.
    private static let mkfsRequests = [
      "ACCESS": 1, "OPENDIR": 1, "READLINK": links, "OPEN": 1, "LSEEK": 1,
      "READ": files, "FLUSH": 1,
    ]

    // MARK: Counting

    /// What a line of shell asks of a new mount, and what it asks when it is run once more.
    private func expect(
      of line: String,
      as role: Role,
      cold: [String: Int],
      again: [String: Int]
    ) throws {
      let counts = try counts(of: [line, line + "; " + line], on: Self.tree, as: role)
      expect(counts[0], cold)
      #expect(counts[1].since(counts[0]) == RequestCounts(again))
    }

    /// `counts` are these requests, one walk through all directories, and what comes with any mount.
    private func expect(_ counts: RequestCounts, _ requests: [String: Int]) {
      let expected = Self.listings.map { listings in
        RequestCounts(Self.once.merging(requests) { $1 }.merging(["READDIRPLUS": listings]) { $1 })
      }
      #expect(expected.contains(counts))
    }

    /// What each line asks of a new mount of its own.
    private func counts(
      of lines: [String],
      on tree: [TarEntry],
      as role: Role
    ) throws -> [RequestCounts] {
      let place = try Workplace(role)
      let reference = try place.image([tree])
      return try lines.map { line in
        let mount = try MountedImage(reference, ["--pump", "off"], in: place)
        try mount.shell("PATH=$PATH:/usr/sbin:/sbin; " + line)
        return try mount.end()
      }
    }
  }
}
