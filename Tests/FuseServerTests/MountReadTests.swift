// Reading: every way to ask for bytes gets all of them or an error, and an error is forgotten.

import Glibc
import Testing

extension MountTests {
  @Suite struct Reads {
    /// The bytes of the fixture's pattern files from an offset on.
    private static func pattern(from offset: Int, count: Int) -> [UInt8] {
      (offset..<offset + count).map { UInt8($0 % 251) }
    }

    private static let bigByteCount = (3 << 20) + 123

    @Test(arguments: FixtureSetup.threadCounts)
    func `reads at odd offsets and over the end give what is there`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let file = open(fixture.path("files/big"), O_RDONLY)
      defer { close(file) }
      let size = Self.bigByteCount
      let places = [(0, 1), (4095, 2), (131_071, 4099), (1_000_003, 1 << 20), (size - 5, 100)]
      for (offset, count) in places {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = pread(file, &buffer, count, offset)
        #expect(read == min(count, size - offset))
        #expect(Array(buffer.prefix(read)) == Self.pattern(from: offset, count: read))
      }
      var byte: UInt8 = 0
      #expect(pread(file, &byte, 1, size) == 0)
      #expect(pread(file, &byte, 1, size + 100_000) == 0)
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `reads past the page cache and through memory maps are whole`(
      setup: FixtureSetup
    ) throws {
      let fixture = try MountedFixture(setup)
      let size = Self.bigByteCount
      // O_DIRECT, by dd, in units of 1 MiB.
      let direct = try fixture.output(
        "dd if=\"$1/files/big\" iflag=direct bs=1M status=none | sha256sum"
      )
      let mapped = open(fixture.path("files/big"), O_RDONLY)
      defer { close(mapped) }
      let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, mapped, 0)
      let bytes = UnsafeRawBufferPointer(start: memory, count: size)
      #expect(bytes.elementsEqual(Self.pattern(from: 0, count: size)))
      munmap(memory, size)
      #expect(try fixture.output("sha256sum < \"$1/files/big\"") == direct)
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `a failed read is EIO, and succeeds once its cause is gone`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let failed = try fixture.shell("cat \"$1/faults/broken\"")
      #expect(failed.status == 1)
      #expect(failed.output.hasSuffix("Input/output error\n"))
      fixture.process.send(SIGUSR2)
      _ = try fixture.process.waitForLine("HEALED")
      #expect(
        try fixture.output("wc -c < \"$1/faults/broken\"; cat \"$1/faults/broken\" | wc -c")
          == "10000\n10000\n"
      )
    }

    @Test func `a server that stops halfway is EIO and leaves the size alone`() throws {
      let fixture = try MountedFixture()
      let failed = try fixture.shell("cat \"$1/faults/short\"")
      #expect(failed.status == 1)
      #expect(failed.output.hasSuffix("Input/output error\n"))
      #expect(try fixture.output("stat -c %s \"$1/faults/short\"") == "10000\n")
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `lookups and other reads go on while a read waits`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let reader = try Command(["cat", fixture.path("faults/gated")])
      _ = try fixture.process.waitForLine("GATED")
      #expect(
        try fixture.output(
          "ls \"$1/nested/a/b/c\"; cat \"$1/files/hello\"; stat -c %s \"$1/links/one\""
        )
          == "leaf\nhello\n7\n"
      )
      #expect(try fixture.counts()["READ"] ?? 0 > 0)
      _ = try Command.shell("touch \"$1\"", fixture.gate)
      let outcome = try reader.finish()
      #expect(outcome.status == 0)
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `whoever looks into a directory that is made first waits, and nobody else`(
      setup: FixtureSetup
    ) throws {
      var setup = setup
      setup.arguments.append("--prepare")
      let fixture = try MountedFixture(setup)
      #expect(try fixture.output("ls -d \"$1/nested\"") == fixture.path("nested") + "\n")
      let lister = try Command(["ls", fixture.path("nested")])
      _ = try fixture.process.waitForLine("GATED")
      let finder = try Command(["cat", fixture.path("nested/a/b/c/leaf")])
      #expect(
        try fixture.output("cat \"$1/files/hello\"; ls \"$1/links\"; sha256sum < \"$1/files/big\"")
          .hasPrefix("hello\nabsolute\n")
      )
      _ = try Command.shell("touch \"$1\"", fixture.gate)
      #expect(try lister.finish() == Command.Outcome(status: 0, output: "a\n"))
      #expect(try finder.finish() == Command.Outcome(status: 0, output: "leaf\n"))
      #expect(try fixture.output("ls \"$1/nested/a\"") == "b\n")
    }

    @Test func `a mount ends while somebody waits for a directory`() throws {
      let fixture = try MountedFixture(FixtureSetup(arguments: ["--prepare"]))
      let first = try Command(["ls", fixture.path("nested")])
      _ = try fixture.process.waitForLine("GATED")
      let second = try Command(["cat", fixture.path("nested/a/b/c/leaf")])
      fixture.process.send(SIGTERM)
      _ = try Command.shell("touch \"$1\"", fixture.gate)
      _ = try fixture.process.waitForLine("ENDED stopped")
      // Answered in time or not: they come to an end.
      #expect([0, 2].contains(try first.finish().status))
      #expect([0, 1].contains(try second.finish().status))
    }

    @Test func `more slow reads than there are places are all answered`() throws {
      let fixture = try MountedFixture(
        FixtureSetup(arguments: ["--threads", "2", "--workers", "1", "--queue", "1"])
      )
      let expected = try fixture.output("sha256sum < \"$1/files/big\"")
      let gated = try Command(["cat", fixture.path("faults/gated")])
      _ = try fixture.process.waitForLine("GATED")
      let readers = try (0..<6).map { _ in
        try Command([
          "/bin/sh", "-c", "dd if=\"$1\" iflag=direct bs=64K status=none | sha256sum", "sh",
          fixture.path("files/big"),
        ])
      }
      _ = try Command.shell("touch \"$1\"", fixture.gate)
      for reader in readers {
        #expect(try reader.finish() == Command.Outcome(status: 0, output: expected))
      }
      #expect(try gated.finish().status == 0)
    }
  }
}
