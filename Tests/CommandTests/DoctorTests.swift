// doctor: what a machine has and lacks, one line each.

import Glibc
import TestKit
import Testing

struct DoctorTests {
  private func lines(_ outcome: Outcome) -> [String] {
    outcome.text.split(separator: "\n").map(String.init)
  }

  @Test(arguments: Role.all)
  func `a machine that has everything is in order`(_ role: Role) throws {
    let place = try Workplace(role)
    let outcome = try place.run("doctor")
    #expect((outcome.status, outcome.errors) == (0, ""))
    let lines = lines(outcome)
    let subjects = lines.map { $0.dropFirst("limited  ".count).prefix { $0 != ":" } }
    #expect(
      subjects == [
        "/dev/fuse", "fusermount3", "allow_other", "e2fsprogs", "cache", "clones", "open files",
      ]
    )
    let mayBeLimited = ["allow_other", "clones"]
    #expect(
      lines.allSatisfy { line in
        line.hasPrefix("ok       ") || mayBeLimited.contains { line.contains($0) }
      }
    )
    #expect(lines.contains("ok       cache: \(place.cache)"))
  }

  @Test func `what is missing is said with its remedy`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.ordinary)
    let outcome = try place.runIsolated(
      after: """
        mount -t tmpfs -o mode=755 tmpfs /dev
        mknod -m 666 /dev/null c 1 3
        mount -t tmpfs -o mode=755 tmpfs /usr/sbin
        """,
      #"PATH=/nowhere "$0" doctor --cache-dir /usr"#
    )
    #expect((outcome.status, outcome.errors) == (69, ""))
    let lines = lines(outcome)
    #expect(
      lines.filter { $0.hasPrefix("missing") } == [
        "missing  /dev/fuse: No such file or directory (load the driver with modprobe fuse)",
        "missing  fusermount3: not found (install the package fuse3)",
        "missing  e2fsprogs: mkfs.ext4: not found (install the package e2fsprogs)",
        "missing  cache: /usr: cache belongs to another user (uid 0) "
          + "(use a cache of your own with --cache-dir or BANGER_FS_CACHE)",
      ]
    )
  }

  @Test func `tools with a fault work in part`() throws {
    let place = try Workplace()
    let directory = try place.makeDirectory("tools")
    for tool in ["mkfs.ext4", "debugfs", "e2fsck"] {
      try place.write(
        "tools/\(tool)",
        "#!/bin/sh\necho 'mke2fs 1.47.3 (8-Jul-2025)' >&2\n",
        mode: 0o755
      )
    }
    let path = "PATH=\(directory):/usr/bin:/bin"
    let outcome = try place.startTool(["env", path, place.binary, "doctor"]).finish()
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(
      lines(outcome).contains(
        "limited  e2fsprogs: 1.47.3, \(directory)/mkfs.ext4 "
          + "(cannot copy files of 2 GiB and more; 1.47.4 has the fault mended)"
      )
    )
  }

  @Test(arguments: ["xfs", "ext4"])
  func `whether results can be cloned depends on the cache's file system`(_ kind: String) throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.root)
    try place.makeDirectory("home/disk")
    let outcome = try place.runIsolated(
      after: """
        truncate -s 512M "$1/file"
        mkfs.\(kind) -q "$1/file"
        mount -o loop "$1/file" "$1/disk"
        mkdir "$1/disk/cache"
        """,
      #""$0" doctor --cache-dir disk/cache | grep clones"#
    )
    let line =
      kind == "xfs"
      ? "ok       clones: earlier results are cloned"
      : "limited  clones: the cache's file system cannot share blocks: file systems are built anew "
        + "(put the cache, and what is made, on btrfs or XFS)"
    expect(outcome, is: .success(line + "\n"))
  }

  @Test func `doctor as JSON has the same findings`() throws {
    let place = try Workplace()
    let document = try JSONText.object(try place.run("doctor", "--format", "json").output)
    let findings = try #require(document["findings"] as? [[String: String]])
    #expect(findings.count == 7)
    #expect(findings[4] == ["subject": "cache", "state": "ok", "detail": place.cache])
  }
}
