// What programs see on a mount: every attribute, every byte, and nothing that is not there.

import Glibc
import Testing

extension MountTests {
  @Suite struct Content {
    @Test(arguments: FixtureSetup.threadCounts)
    func `find sees every type, owner, mode, size, time, link count and target`(
      setup: FixtureSetup
    ) throws {
      let fixture = try MountedFixture(setup)
      let listing = try fixture.output(
        """
        cd "$1" && find files links devices nested -printf '%P|%y|%m|%U:%G|%s|%n|%T@|%.14l\\n' |
        sort
        """
      )
      let long = String(repeating: "x/", count: 7)
      #expect(
        listing == """
          a/b/c/leaf|f|644|0:0|5|1|1500000000.1234567890|
          a/b/c|d|755|0:0|0|2|1500000000.1234567890|
          a/b|d|755|0:0|0|3|1500000000.1234567890|
          absolute|l|777|0:0|13|1|1500000000.1234567890|/etc/hostname
          a|d|755|0:0|0|3|1500000000.1234567890|
          big|f|644|0:0|3145851|1|1500000000.1234567890|
          disk|b|660|0:0|0|1|1500000000.1234567890|
          empty|f|644|0:0|0|1|1500000000.1234567890|
          hello|f|644|1000:2000|6|1|1500000000.1234567890|
          long|l|777|0:0|2000|1|1500000000.1234567890|\(long)
          near|l|777|0:0|3|1|1500000000.1234567890|one
          null|c|666|0:0|0|1|1500000000.1234567890|
          old|f|644|0:0|5|1|-1.5000000000|
          one|f|644|0:0|7|3|1500000000.1234567890|
          pipe|p|644|0:0|0|1|1500000000.1234567890|
          setuid|f|4755|0:0|3|1|1500000000.1234567890|
          socket|s|755|0:0|0|1|1500000000.1234567890|
          three|f|644|0:0|7|3|1500000000.1234567890|
          two|f|644|0:0|7|3|1500000000.1234567890|
          unreadable|f|0|0:0|7|1|1500000000.1234567890|
          up|l|777|0:0|14|1|1500000000.1234567890|../files/hello
          |d|755|0:0|0|2|1500000000.1234567890|
          |d|755|0:0|0|2|1500000000.1234567890|
          |d|755|0:0|0|2|1500000000.1234567890|
          |d|755|0:0|0|3|1500000000.1234567890|

          """
      )
    }

    // find(1) prints the second and the fraction that is to be added to it; stat(1) adds them.
    @Test func `a time before 1970 is half a second before, not one and a half`() throws {
      let fixture = try MountedFixture()
      #expect(try fixture.output("stat -c %.9Y \"$1/files/old\"") == "-0.500000000\n")
    }

    @Test func `stat tells device numbers, inode numbers and the file system's size`() throws {
      let fixture = try MountedFixture()
      #expect(
        try fixture.output("cd \"$1/devices\" && stat -c '%t:%T' null disk") == "1:3\n8:1\n"
      )
      #expect(try fixture.output("stat -c %i \"$1\"") == "1\n")
      #expect(
        try fixture.output("cd \"$1/links\" && stat -c %i one two three | sort -u | wc -l") == "1\n"
      )
      #expect(
        try fixture.output("stat -f -c '%S %b %f %a %c %d %l' \"$1\"")
          == "4096 5000 0 0 \(try nodeCount(fixture)) 0 255\n"
      )
    }

    private func nodeCount(_ fixture: MountedFixture) throws -> Int {
      let inodes = try fixture.output("find \"$1\" -printf '%i\\n' | sort -u | wc -l")
      return try #require(Int(inodes.dropLast()))
    }

    @Test func `X23: the mount is read-only, nosuid, nodev, and named in the mount table`() throws {
      let fixture = try MountedFixture()
      let line = try fixture.output("grep \" $1 \" /proc/self/mountinfo")
      #expect(line.contains(" ro,nosuid,nodev"))
      #expect(line.contains(#" - fuse.banger-fs a,\040b\134c ro,"#))
      let written = try fixture.shell("touch \"$1/new\"")
      #expect(written.status == 1)
      #expect(written.output.contains("Read-only file system"))
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `names of any bytes and of 255 bytes are listed and found`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let names = try fixture.output(
        "cd \"$1/names\" && find . -type f -print0 | sort -z | od -An -v -tx1 | tr -d ' \\n'; echo"
      )
      let long = String(repeating: "6e", count: 255)
      #expect(names == "2e2f610a6200" + "2e2f\(long)00" + "2e2ffffe00\n")
      let found = try fixture.output(
        "cd \"$1/names\" && stat -c %s \"$(printf '\\377\\376')\" \"$(printf 'a\\nb')\" n*"
      )
      #expect(found == "0\n0\n0\n")
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `a directory of 2,000 entries is listed once and whole`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let names = try fixture.output("ls -f \"$1/many\" | grep -v '^[.]'")
      #expect(names == (10_000..<12_000).map { "entry-\($0)\n" }.joined())
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `cp -a and tar carry everything over`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let copied = try Command.shell(
        """
        set -e
        mkdir "$2/copy" "$2/tar"
        for tree in links nested counted names; do cp -a "$1/$tree" "$2/copy"; done
        tar -C "$1" -c links nested counted names | tar -C "$2/tar" -xp
        for copy in copy tar; do
          for tree in links nested counted names; do
            diff -r --no-dereference "$1/$tree" "$2/$copy/$tree"
            for place in "$1" "$2/$copy"; do
              (cd "$place" && find "$tree" ! -type d -printf '%P|%y|%m|%s|%n|%Ts|%l\\n' | sort) \\
                > "$2/listing"
              test -e "$2/first" || mv "$2/listing" "$2/first"
            done
            cmp "$2/listing" "$2/first"
            rm "$2/first"
          done
        done
        """,
        fixture.mountpoint,
        fixture.directory
      )
      #expect(copied == Command.Outcome(status: 0, output: ""))
    }

    // What file servers do: a handle outlives the kernel's memory of its inode. The second mount of
    // the same tree has never heard of it, and must find it and the way up from it.
    @Test(.enabled(if: MountedFixture.isRoot))
    func `a file handle is good on a mount that has not looked it up`() throws {
      let first = try MountedFixture()
      let second = try MountedFixture()
      let handle = try #require(FileHandle(of: first.path("nested/a/b")))
      let opened = handle.open(onMountOf: second.mountpoint)
      try #require(opened >= 0, "\(String(cString: strerror(errno)))")
      defer { close(opened) }
      let place = try second.output("readlink /proc/\(getpid())/fd/\(opened)")
      #expect(place == second.path("nested/a/b") + "\n")

      let stale = handle.changingInode(to: 1_000_000).open(onMountOf: second.mountpoint)
      #expect(stale == -1 && errno == ESTALE)
    }

    @Test func `extended attributes are listed, read, probed and missed`() throws {
      let fixture = try MountedFixture(FixtureSetup(arguments: ["--xattrs"]))
      let path = fixture.path("files/hello")
      var value = [UInt8](repeating: 0, count: 100)
      #expect(listExtendedAttributes(path, nil, 0) == 24)
      #expect(getExtendedAttribute(path, "user.comment", nil, 0) == 9)
      #expect(getExtendedAttribute(path, "user.comment", &value, 100) == 9)
      #expect(value.prefix(9).elementsEqual("a comment".utf8))
      #expect(getExtendedAttribute(path, "user.empty", &value, 100) == 0)
      #expect(getExtendedAttribute(path, "user.comment", &value, 8) == -1 && errno == ERANGE)
      #expect(listExtendedAttributes(path, nil, 0) == 24)
      #expect(getExtendedAttribute(path, "user.none", nil, 0) == -1 && errno == ENODATA)
      #expect(listExtendedAttributes(fixture.path("files/empty"), nil, 0) == 0)
    }

    @Test func `attributes that are not listed are read, and the list is asked for once`() throws {
      let setup = FixtureSetup(arguments: ["--xattrs", "--unlisted"])
      let fixture = try MountedFixture(setup)
      let path = fixture.path("files/hello")
      let before = try fixture.counts()
      for _ in 0..<3 {
        #expect(listExtendedAttributes(path, nil, 0) == -1 && errno == EOPNOTSUPP)
        #expect(getExtendedAttribute(path, "user.comment", nil, 0) == 9)
      }
      let after = try fixture.counts()
      let asked = ["LISTXATTR", "GETXATTR"].map { (after[$0] ?? 0) - (before[$0] ?? 0) }
      #expect(asked == [1, 3])
    }
  }
}
