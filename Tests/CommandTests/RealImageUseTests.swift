// What people do with a mount, done with a mounted Debian by the tools they use: copied, archived,
// compared, run from, read in every way, and never changed.

import Foundation
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Use {
    /// Copies that are the same in everything, and reading everything that another unpacked, are for
    /// root; an ordinary user's tests do without.
    private static let onlyRoot = ConditionTrait.enabled(if: Role.all.contains(.root))

    @Test(Self.onlyRoot) func `cp -a makes the same tree`() throws {
      let (place, mount, tree) = try mounted(.debian, as: .root)
      let copy = try place.makeDirectory("home/copy")
      try mount.shell("cp -a \"$1/.\" \"$2\"", copy)
      #expect(try place.dump(ofDirectory: copy).differences(from: tree) == [])
    }

    @Test(Self.onlyRoot) func `tar makes the same tree`() throws {
      let (place, mount, tree) = try mounted(.debian, as: .root)
      let copy = try place.makeDirectory("home/copy")
      let flags = "--xattrs --xattrs-include='*' --acls --numeric-owner"
      try mount.shell(
        "tar -C \"$1\" \(flags) --format=pax -c . | tar -C \"$2\" \(flags) -p -x",
        copy
      )
      #expect(try place.dump(ofDirectory: copy).differences(from: tree) == [])
    }

    @Test(Self.onlyRoot)
    func `rsync and diff find nothing that differs from what another unpacked`() throws {
      let (_, mount, tree) = try mounted(.debian, as: .root)
      let oracle = try UnpackedImage(.debian)
      let copy = "rsync -aHAX --numeric-ids --checksum --delete --itemize-changes -n"
      #expect(try mount.shell("\(copy) \"$2/\" \"$1/\"", oracle.path) == "")
      #expect(try mount.shell("\(copy) \"$1/\" \"$2/\"", oracle.path) == "")

      // diff takes any two devices or fifos for different, says so, and ends with 1.
      let outcome = try mount.run("diff -r --no-dereference \"$1\" \"$2\"", [oracle.path])
      let said = tree.files.compactMap { file -> String? in
        guard let kind = Self.specialKind(mode: file[2]) else { return nil }
        let paths = [mount.path + file[0], oracle.path + file[0]]
        return "File \(paths[0]) is a \(kind) while file \(paths[1]) is a \(kind)\n"
      }
      #expect(said.count > 5)
      let expected = Outcome(status: 1, output: Array(said.joined().utf8), errors: "")
      #expect(outcome == expected)
    }

    /// What diff calls a file of this octal mode that is none to be compared.
    private static func specialKind(mode: Substring) -> String? {
      switch mode.dropLast(4) {
      case "1": "fifo"
      case "2": "character special file"
      case "6": "block special file"
      default: nil
      }
    }

    /// Four processes at a time.
    @Test(Self.onlyRoot, arguments: [RealImage.debian, .recompressed])
    func `random reads give what another unpacked`(image: RealImage) throws {
      let place = try Workplace(.root)
      let mount = try MountedImage(try place.reference(of: image), in: place)
      let oracle = try UnpackedImage(.debian)
      let readers = try (1...4).map { seed in
        try place.startWitness(["compare", mount.path, oracle.path, "\(seed)", "150"])
      }
      for reader in readers {
        let said = String(decoding: try place.succeed(reader), as: UTF8.self)
        #expect(said.hasPrefix("150 reads, "))
      }
    }

    @Test(arguments: Role.all)
    func `programs run from the mount`(role: Role) throws {
      let place = try Workplace(role)
      let mount = try MountedImage(try place.reference(of: .small), in: place)
      #expect(try mount.shell("\"$1/bin/true\"") == "")
      // With the libraries and the loader of the image, not of this machine.
      let run = """
        libraries=$(echo "$1"/usr/lib/*-linux-gnu)
        "$libraries"/ld-linux-*.so.2 --library-path "$libraries" "$1/bin/bash" -c "$2"
        """
      #expect(try mount.shell(run, "echo $((6 * 7)) ${BASH_VERSINFO[0]}") == "42 5\n")
    }

    @Test(Self.onlyRoot) func `root can change into the mount`() throws {
      let place = try Workplace(.root)
      let mount = try MountedImage(try place.reference(of: .small), in: place)
      let shell = ["chroot", mount.path, "/bin/sh", "-c", "ls -l / && id"]
      let said = String(decoding: try place.succeed(try place.startTool(shell)), as: UTF8.self)
      #expect(said.hasSuffix("uid=0(root) gid=0(root) groups=0(root)\n"))
    }

    @Test(arguments: Role.all)
    func `listings say what lstat says, and positions can be gone back to`(role: Role) throws {
      let (_, mount, tree) = try mounted(.debian, as: role)
      let directories = tree.files.filter { $0[2].hasPrefix("4") }.count
      #expect(try mount.witness("list") == "\(directories) directories\n")
      // Again, from what the kernel has kept.
      #expect(try mount.witness("list") == "\(directories) directories\n")
    }

    @Test(arguments: Role.all)
    func `an inode number finds all names of a file`(role: Role) throws {
      let (_, mount, tree) = try mounted(.debian, as: role)
      let first = "/usr/bin/env"
      let names = tree.lines.filter { $0.hasPrefix(first + " ") || $0.hasSuffix(" @" + first) }
        .map { String($0.prefix { $0 != " " }) }
      try #require(names.count > 1)
      let find = "find \"$1\" -inum $(stat -c %i \"$1$2\") -printf '/%P\\n' | sort"
      #expect(try mount.shell(find, first) == names.sorted().map { $0 + "\n" }.joined())
    }

    @Test(arguments: Role.all)
    func `nothing can be changed`(role: Role) throws {
      let place = try Workplace(role)
      let mount = try MountedImage(try place.reference(of: .small), in: place)
      let attempts = try mount.witness("change", "odd/owned").split(separator: "\n")
      #expect(attempts.count >= 25)
      #expect(attempts.filter { !$0.hasSuffix(": EROFS") } == [])
    }

    @Test func `df shows the size of the content, and nothing free`() throws {
      let (_, mount, tree) = try mounted(.small, as: .ordinary)
      // Block sizes, blocks, free, available, files, free files, longest name.
      let format = "%s %S %b %f %a %c %d %l"
      let fields = try mount.shell("stat -f -c '\(format)' \"$1\"").split(separator: " ")
        .compactMap { Int($0.filter { !$0.isNewline }) }
      try #require(fields.count == 8)
      // What is no regular file has no size in a dump.
      let blocks = tree.files.compactMap { Int($0[1]) }.reduce(0) { $0 + ($1 + 4095) / 4096 }
      let inodes = tree.files.count
      #expect(fields == [4096, 4096, blocks, 0, 0, inodes, 0, 255])
      let options = try mount.shell("findmnt -n -o FSTYPE,OPTIONS \"$1\"")
      #expect(options.hasPrefix("fuse.banger-fs ro,nosuid,nodev,"))
    }

    private func mounted(
      _ image: RealImage,
      as role: Role
    ) throws -> (Workplace, MountedImage, DumpText) {
      let place = try Workplace(role)
      let mount = try MountedImage(try place.reference(of: image), in: place)
      return (place, mount, try place.dump(of: try place.reference(of: image)))
    }
  }
}
