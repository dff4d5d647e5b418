// How often the kernel has to ask. The counts are the speed of a mount: each request costs a switch
// to the server and back. Asserted exactly, but for how many entries a kernel asks for at a time.

import Glibc
import Testing

extension MountTests {
  @Suite struct Requests {
    /// `counted`: 11 directories, 50 links, and 600 + 10 files, each smaller than one read.
    private static let directories = 11
    private static let links = 50
    private static let files = 610

    /// READDIRPLUS per directory: at least one and the empty one; kernels before 6.16 ask for 4 KiB
    /// at a time, of which a directory here fills 67 x 160 bytes / 4 KiB = 3, and so at most 4.
    private static func isWalk(_ count: Int?) -> Bool {
      (2 * directories...4 * directories).contains(count ?? 0)
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `find -ls asks for each directory and each link once, and never again`(
      setup: FixtureSetup
    ) throws {
      let fixture = try MountedFixture(setup)
      var first = try fixture.requests(of: "find \"$1/counted\" -ls > /dev/null")
      #expect(Self.isWalk(first.removeValue(forKey: "READDIRPLUS")))
      #expect(
        first == ["LOOKUP": 1, "OPENDIR": 1, "READLINK": Self.links, "STATFS": 1]
      )
      let second = try fixture.requests(of: "find \"$1/counted\" -ls > /dev/null")
      #expect(second == ["STATFS": 1])
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `tar asks for each file, directory and link once, and never again`(
      setup: FixtureSetup
    ) throws {
      let fixture = try MountedFixture(setup)
      // Through cat, because tar does not read what it writes to /dev/null.
      let tar = "tar -C \"$1\" -c counted | cat > /dev/null"
      var first = try fixture.requests(of: tar)
      #expect(Self.isWalk(first.removeValue(forKey: "READDIRPLUS")))
      #expect(
        first == [
          "FLUSH": 1, "LOOKUP": 1, "OPEN": 1, "OPENDIR": 1, "READ": Self.files,
          "READLINK": Self.links,
        ]
      )
      let second = try fixture.requests(of: tar)
      #expect(second == [:])
    }

    @Test func `without extended attributes cp -a asks for them once`() throws {
      let fixture = try MountedFixture()
      let counts = try fixture.requests(of: "cp -a \"$1/counted\" \"${1%mnt}copy\"")
      #expect(counts["READ"] == Self.files)
      #expect(counts["LISTXATTR"] ?? 0 <= 1)
      #expect(counts["GETXATTR"] ?? 0 <= 1)
      #expect(counts["OPEN"] == 1)
    }

    @Test func `directories that are opened each time are listed each time`() throws {
      let fixture = try MountedFixture(FixtureSetup(arguments: ["--open-each-time"]))
      let list = "find \"$1/counted\" > /dev/null"
      _ = try fixture.output(list)
      var again = try fixture.requests(of: list)
      #expect(Self.isWalk(again.removeValue(forKey: "READDIRPLUS")))
      #expect(again == ["OPENDIR": Self.directories, "STATFS": 1])
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `names that are not there are asked for once`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let test = "test -e \"$1/files/absent\""
      let first = try fixture.requests(of: test, status: 1)
      #expect(first == ["LOOKUP": 2])
      let second = try fixture.requests(of: test, status: 1)
      #expect(second == [:])
    }

    @Test func `a failed read is not kept, and a good one is`() throws {
      let fixture = try MountedFixture()
      let read = "cat \"$1/faults/broken\" > /dev/null"
      for _ in 0..<2 {
        let failing = try fixture.requests(of: read, status: 1)
        #expect(failing["READ"] ?? 0 > 0)
      }
      fixture.process.send(SIGUSR2)
      _ = try fixture.process.waitForLine("HEALED")
      let good = try fixture.requests(of: read)
      #expect(good["READ"] ?? 0 > 0)
      #expect(try fixture.requests(of: read) == [:])
    }

    @Test func `the kernel looks up two names of one directory at the same time`() throws {
      let fixture = try MountedFixture(FixtureSetup(arguments: ["--threads", "2"]))
      let left = try Command(["stat", "-c", "%s", fixture.path("meeting/left")])
      let right = try Command(["stat", "-c", "%s", fixture.path("meeting/right")])
      #expect(try left.finish() == Command.Outcome(status: 0, output: "0\n"))
      #expect(try right.finish() == Command.Outcome(status: 0, output: "0\n"))
    }
  }
}
