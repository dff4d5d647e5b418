// A disk that is full, and one that cannot be written to: what is said, what is kept, and how it goes
// on once there is room. In a mount namespace of its own, so for root only.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

@Suite(.enabled(if: geteuid() == 0))
struct PullDiskTests {
  @Test(arguments: Role.all)
  func `a pull onto a full disk keeps what fits, and goes on when there is room`(
    _ role: Role
  ) throws {
    let here = try RegistryPlace(role, layerByteCounts: [2_000_000])
    let layer = here.image.layers[0]
    let partial = CacheWatch(here.place.cache).partial(layer.digest)
    // 3 MiB, of which all but 1 MiB are taken: half of the layer fits.
    let script = """
      pull() { "$0" pull -q \(here.reference); echo "status $?"; }
      partial='\(partial)'
      pull
      pull
      stat -c 'kept %s' $partial
      cmp -n $(stat -c %s $partial) $partial blob && echo "right so far"
      echo "$(ls cache/blobs/sha256 | wc -l) blobs"
      rm cache/filler
      pull
      "$0" cache verify
      cmp cache/\(ImageFixture.blobName(layer.digest)) blob && echo right
      ls -A cache/banger/ingest
      """
    try Data(layer.bytes.all).write(to: URL(fileURLWithPath: here.place.home + "/blob"))
    here.place.give(here.place.home + "/blob")
    let outcome = try here.place.runIsolated(
      after: Self.smallDisk(of: role, size: "3m") + "\nhead -c 2M /dev/zero > \"$1/cache/filler\"",
      script
    )
    #expect(outcome.status == 0)
    let kept = try #require(
      outcome.text.firstMatch(of: /kept (\d+)/).flatMap { Int($0.output.1) }
    )
    #expect(kept > 0 && kept < layer.bytes.byteCount)
    #expect(
      outcome.text.split(separator: "\n") == [
        "status 74", "status 74", "kept \(kept)", "right so far", "2 blobs",
        "\(here.pinned)", "status 0", "3 blobs, 1.91 MiB: all right", "right",
      ],
      "\(outcome.text)"
    )
    let failure = """
      banger-fs: \(partial): cannot write: No space left on device
      hint: make room with banger-fs cache prune, or take another disk with --cache-dir\n
      """
    #expect(outcome.errors == "\(failure)\(failure)")
    // What is kept is not asked for again, also by the pull that could keep nothing more.
    let ranges = try here.running.requests(.blob(layer.digest)).map(\.range)
    #expect(ranges == [nil, "bytes=\(kept)-", "bytes=\(kept)-"])
  }

  @Test(arguments: Role.all)
  func `a disk that is full at any step leaves nothing wrong`(_ role: Role) throws {
    let here = try RegistryPlace(role, layerByteCounts: [150_000, 60_000])
    // Full at first, and then with 16 KiB more each time, until there is room for everything.
    let script = """
      for round in {1..40}; do
        "$0" pull -q \(here.reference) 2> said && break
        echo "status $?"
        grep -q 'No space left on device' said || cat said
        for blob in cache/blobs/sha256/*; do
          [ ! -e $blob ] || echo "${blob##*/}  $blob" | sha256sum --check --quiet
        done
        truncate -s -16K cache/filler
      done
      "$0" cache verify
      """
    let outcome = try here.place.runIsolated(
      after: Self.smallDisk(of: role, size: "1m")
        + "\nhead -c 2M /dev/zero > \"$1/cache/filler\" 2> /dev/null || true"
        + "\nchmod 666 \"$1/cache/filler\"",
      script
    )
    #expect((outcome.status, outcome.errors) == (0, ""))
    let lines = outcome.text.split(separator: "\n")
    // The image takes 13 times 16 KiB.
    #expect(lines.count > 13)
    #expect(lines.dropLast(2).allSatisfy { $0 == "status 74" }, "\(outcome.text)")
    #expect(lines.suffix(2).first == here.pinned[...])
    #expect(lines.last?.hasSuffix(": all right") == true)
  }

  @Test(arguments: Role.all, [false, true])
  func `a cache that cannot be written to can be used, and takes nothing`(
    role: Role,
    isFilled: Bool
  ) throws {
    let here = try RegistryPlace(role)
    let user = try Program.becoming(role.user).joined(separator: " ")
    let pull = "\(user) '\(here.place.binary)' pull -q \(here.reference)"
    let outcome = try here.place.runIsolated(
      after: Self.smallDisk(of: role, size: "1m")
        + (isFilled ? "\n\(pull) > /dev/null" : "")
        + "\nmount -o remount,ro \"$1/cache\"",
      #""$0" pull -q "# + here.reference + #"; echo $?; "$0" ls --offline "# + here.reference
    )
    if isFilled {
      // Nothing is to be written where everything is there.
      expect(outcome, is: .success("\(here.pinned)\n0\nfile0\nfile1\nfile2\n"))
    } else {
      let failure = """
        banger-fs: \(here.place.cache)/banger: not permitted to open: Read-only file system
        hint: use a cache of your own with --cache-dir or BANGER_FS_CACHE\n
        """
      expect(
        outcome,
        is: Outcome(status: 77, output: Array("77\n".utf8), errors: failure + failure)
      )
    }
  }

  /// A cache on a disk of its own, the user's.
  private static func smallDisk(of role: Role, size: String) -> String {
    """
    mkdir "$1/cache"
    mount -t tmpfs -o size=\(size),mode=700 tmpfs "$1/cache"
    chown \(role.user ?? "root") "$1/cache"
    """
  }
}
