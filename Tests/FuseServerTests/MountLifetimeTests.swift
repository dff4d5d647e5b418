// How a mount begins and ends: by its owner, by others, by force; as root and as an ordinary user.

import FuseServer
import Glibc
import Testing

extension MountTests {
  @Suite struct Lifetime {
    static let users = [FixtureSetup(), FixtureSetup(asOrdinaryUser: true)]

    private func isMounted(_ fixture: MountedFixture) throws -> Bool {
      try MountTable.current().mount(at: Array(fixture.mountpoint.utf8)) != nil
    }

    @Test(arguments: users, FixtureSetup.threadCounts)
    func `SIGTERM unmounts and ends with 0, also while a file is open`(
      user: FixtureSetup,
      threads: FixtureSetup
    ) throws {
      try withUsableDevice {
        let fixture = try MountedFixture(
          FixtureSetup(arguments: threads.arguments, asOrdinaryUser: user.asOrdinaryUser)
        )
        #expect(try isMounted(fixture))
        let holder = try Command(
          asUser(
            user,
            [
              "/bin/sh", "-c", "exec < \"$1\"; echo OPEN; sleep 60", "sh",
              fixture.path("files/hello"),
            ]
          )
        )
        _ = try holder.waitForLine("OPEN")
        fixture.process.send(SIGTERM)
        #expect(try fixture.process.waitForLine("ENDED ") == "stopped")
        #expect(fixture.process.wait() == 0)
        #expect(try !isMounted(fixture))
      }
    }

    @Test(arguments: FixtureSetup.threadCounts)
    func `a read that is under way at SIGTERM is finished first`(setup: FixtureSetup) throws {
      let fixture = try MountedFixture(setup)
      let reader = try Command(["cat", fixture.path("faults/gated")])
      _ = try fixture.process.waitForLine("GATED")
      fixture.process.send(SIGTERM)
      // The mount goes first, so this ends while the read still waits.
      var patience = 20_000
      while try isMounted(fixture), patience > 0 {
        usleep(1000)
        patience -= 1
      }
      #expect(patience > 0)
      _ = try Command.shell("touch \"$1\"", fixture.gate)
      // Closing the file is a request of its own and may come too late, so the status says nothing.
      let outcome = try reader.finish()
      #expect(outcome.output.utf8.count > 10_000)
      #expect(try fixture.process.waitForLine("ENDED ") == "stopped")
    }

    @Test(arguments: users, FixtureSetup.threadCounts)
    func `an unmount from outside ends the server with 0`(
      user: FixtureSetup,
      threads: FixtureSetup
    ) throws {
      try withUsableDevice {
        let fixture = try MountedFixture(
          FixtureSetup(arguments: threads.arguments, asOrdinaryUser: user.asOrdinaryUser)
        )
        let unmount = try Command(asUser(user, ["fusermount3", "-u", fixture.mountpoint])).finish()
        #expect(unmount == Command.Outcome(status: 0, output: ""))
        #expect(try fixture.process.waitForLine("ENDED ") == "unmounted")
        #expect(fixture.process.wait() == 0)
      }
    }

    @Test(arguments: users)
    func `a mount without its server is found dead and cleared`(user: FixtureSetup) throws {
      try withUsableDevice {
        let fixture = try MountedFixture(user)
        let path = Array(fixture.mountpoint.utf8)
        // So that the kernel could answer stat(2) without the server.
        _ = try Command(asUser(user, ["ls", "-l", fixture.mountpoint])).finish()
        #expect(try MountTable.clearDeadMount(at: path) == false)
        fixture.process.send(SIGKILL)
        _ = fixture.process.wait()
        let mount = try #require(try MountTable.current().mount(at: path))
        #expect(mount.isOurs)
        // Root may not enter somebody else's mount, so only there it cannot be told.
        if !user.asOrdinaryUser {
          #expect(mount.isDead)
          let again = try MountedFixture.start(FixtureSetup(), in: fixture.directory)
          #expect(
            try again.waitForLine("FAILED ") == "the server of the mount at the mountpoint is gone"
          )
          #expect(try MountTable.clearDeadMount(at: path))
        } else {
          try MountTable.unmount(at: path, isLazy: true)
        }
        #expect(try !isMounted(fixture))
      }
    }

    @Test func `a mountpoint in use is refused`() throws {
      let fixture = try MountedFixture()
      let second = try MountedFixture.start(FixtureSetup(), in: fixture.directory)
      #expect(
        try second.waitForLine("FAILED ")
          == "the mountpoint is already in use by a mount of this program"
      )
      #expect(second.wait() == 73)
      #expect(try fixture.output("cat \"$1/files/hello\"") == "hello\n")
    }

    @Test func `no child inherits the connection`() throws {
      let fixture = try MountedFixture()
      let descriptors = try Command.shell(
        """
        for link in /proc/$1/fd/*; do
          test "$(readlink "$link")" = /dev/fuse || continue
          sed -n 's/^flags:[[:space:]]*//p' "/proc/$1/fdinfo/${link##*/}"
        done
        """,
        String(fixture.process.processID)
      )
      // O_RDWR | O_NONBLOCK | O_CLOEXEC, perhaps O_LARGEFILE, once.
      let flags = descriptors.output.split(separator: "\n").compactMap { Int32($0, radix: 8) }
      #expect(flags.count == 1)
      #expect(flags.allSatisfy { $0 & O_CLOEXEC != 0 && $0 & O_NONBLOCK != 0 })
    }

    @Test(.enabled(if: MountedFixture.isRoot))
    func `an ordinary user mounts, reads all, and nobody else may enter`() throws {
      try withUsableDevice {
        let user = FixtureSetup(asOrdinaryUser: true)
        let fixture = try MountedFixture(user)
        let read = try Command(
          asUser(user, ["cat", fixture.path("files/hello"), fixture.path("files/unreadable")])
        )
        #expect(try read.finish() == Command.Outcome(status: 0, output: "hello\nsecret\n"))
        let root = try fixture.shell("ls \"$1\"")
        #expect(root.status == 2)
        #expect(root.output.contains("Permission denied"))
      }
    }

    // Where this is not permitted, the refusal is another test's.
    @Test(.enabled(if: MountedFixture.isRoot || userAllowsOther()))
    func `X22: with allow_other others may enter and permissions are checked`() throws {
      let fixture = try MountedFixture(FixtureSetup(arguments: ["--allow-other"]))
      #expect(
        try fixture.output("grep \" $1 \" /proc/self/mountinfo")
          .contains("default_permissions,allow_other")
      )
      guard MountedFixture.isRoot else { return }
      let other = FixtureSetup(asOrdinaryUser: true)
      let readable = try Command(asUser(other, ["cat", fixture.path("files/hello")])).finish()
      #expect(readable == Command.Outcome(status: 0, output: "hello\n"))
      let unreadable = try Command(asUser(other, ["cat", fixture.path("files/unreadable")]))
      #expect(try unreadable.finish().output.hasSuffix("Permission denied\n"))
    }

    private func asUser(_ setup: FixtureSetup, _ command: [String]) -> [String] {
      guard setup.asOrdinaryUser, MountedFixture.isRoot else { return command }
      let nobody = MountedFixture.nobody
      return ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups"] + command
    }
  }

  @Suite struct Refusals {
    private func failure(_ setup: FixtureSetup, prepare: String) throws -> String {
      let directory = try MountedFixture.makeDirectory()
      defer { MountedFixture.remove(directory) }
      _ = try Command.shell(prepare, directory)
      let process = try MountedFixture.start(setup, in: directory)
      let message = try process.waitForLine("FAILED ")
      #expect(process.wait() == 73)
      return message
    }

    @Test func `a mountpoint that is missing or no directory is named so`() throws {
      let setup = FixtureSetup()
      #expect(
        try failure(setup, prepare: "rmdir \"$1/mnt\"") == "the mountpoint does not exist"
      )
      #expect(
        try failure(setup, prepare: "rmdir \"$1/mnt\"; touch \"$1/mnt\"")
          == "the mountpoint is not a directory"
      )
    }

    @Test(.enabled(if: MountedFixture.isRoot))
    func `an ordinary user is told what is not permitted`() throws {
      try withUsableDevice {
        let stranger = FixtureSetup(asOrdinaryUser: true, ownsMountpoint: false)
        let message = try failure(stranger, prepare: "")
        #expect(message == "the mountpoint may not be written to by this user")
        if try Command.shell("grep -qx user_allow_other /etc/fuse.conf").status != 0 {
          let other = FixtureSetup(arguments: ["--allow-other"], asOrdinaryUser: true)
          #expect(
            try failure(other, prepare: "")
              == "allow_other needs user_allow_other in /etc/fuse.conf"
          )
        }
      }
    }

  }
}

/// Runs `body` with /dev/fuse as it is on an ordinary machine, open to everybody, if that may be changed.
///
/// It is the machine's own, so it is never closed to anybody: others mount at the same time. One process
/// at a time, or one would put back what another has set.
func withUsableDevice(_ body: () throws -> Void) throws {
  guard MountedFixture.isRoot else { return try body() }
  let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
  try #require(device >= 0, "these tests need /dev/fuse")
  defer { close(device) }
  flock(device, LOCK_EX)
  var status = stat()
  try #require(fstat(device, &status) == 0)
  chmod("/dev/fuse", 0o666)
  defer { chmod("/dev/fuse", status.st_mode & 0o7777) }
  try body()
}

/// Whether `/etc/fuse.conf` lets ordinary users let others in.
private func userAllowsOther() -> Bool {
  (try? Command.shell("grep -qx user_allow_other /etc/fuse.conf").status) == 0
}
