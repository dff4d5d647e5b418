// Pruning and removing, again and again, while images are pulled, mounted and read: whoever needs a
// blob keeps it, and no pull fails because somebody else tidies up.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct PruneRaceTests {
  /// Two pulls, one mount and one reader against one that prunes: each does this much.
  private static let rounds = 12

  @Test(arguments: Role.all)
  func `nothing in use is lost to pruning`(_ role: Role) throws {
    let here = try RegistryPlace(role, layerByteCounts: [900_000, 400_000])
    let other = NoiseImages.image([
      NoiseImages.layer(1, byteCount: 300_000, isCompressed: true),
      NoiseImages.layer(2, byteCount: 500_000, isCompressed: false),
    ])
    other.push(to: try here.running.contents, "team/other", tag: "1")
    let otherName = "\(here.domain)/team/other:1"
    try here.place.makeDirectory("home/mnt")
    try here.place.makeDirectory("home/second")
    #expect(try here.place.run("mount", here.reference, "mnt").status == 0)
    let digests = try digests(here, "mnt")

    let pruner = try here.place.startTool(
      ["bash", "-c", Self.prune, here.place.binary, otherName, here.reference, here.place.home]
    )
    let pullers = try (0..<2).map { _ in
      try here.place.startTool(["bash", "-c", Self.pull, here.place.binary, otherName])
    }
    let mounter = try here.place.startTool(["bash", "-c", Self.mount, here.place.binary, otherName])
    while mounter.isRunning || pullers.contains(where: \.isRunning) {
      #expect(try self.digests(here, "mnt") == digests)
    }
    let pinned = "\(here.domain)/team/other@\(other.manifest.digest)\n"
    for puller in pullers {
      expect(try puller.finish(), is: .success(String(repeating: pinned, count: Self.rounds)))
    }
    let mounted = try mounter.finish()
    #expect(mounted.status == 0, "\(mounted.errors)")
    #expect(Set(mounted.text.split(separator: "\n")).count == 1, "\(mounted.text)")
    try here.place.write("home/stop", "")
    expect(try pruner.finish(), is: .success())

    // Still there, although its name was removed many times.
    #expect(try self.digests(here, "mnt") == digests)
    let watch = CacheWatch(here.place.cache)
    for layer in here.image.layers { #expect(watch.state(of: layer.digest) == .whole) }
    let verified = try here.place.run("cache", "verify")
    #expect(verified.status == 0, "\(verified.text)\(verified.errors)")
    #expect(watch.temporaryFiles() == [])
    expect(try here.place.run("umount", "mnt"), is: .success())
  }

  /// Removes names (66: somebody was faster) and all that nobody uses, until it is told to stop.
  private static let prune = """
    while [ ! -e "$3/stop" ]; do
      "$0" cache prune --all > "$3/pruned" || exit
      for name in "$1" "$2"; do
        "$0" cache remove "$name" > "$3/removed" 2> "$3/errors" || [ $? = 66 ] || exit
      done
    done
    """

  private static let pull = """
    for round in {1..\(rounds)}; do "$0" pull -q "$1" || exit; done
    """

  private static let mount = """
    for round in {1..\(rounds)}; do
      "$0" mount --progress none "$1" second || exit
      cat second/* | sha256sum || exit
      "$0" umount second || exit
    done
    """

  /// The digests of all files in a mount, read from the server and not from the page cache.
  private func digests(_ here: RegistryPlace, _ mountpoint: String) throws -> String {
    let script = """
      for file in "$1"/*; do dd if="$file" iflag=nocache count=0 status=none; done
      sha256sum "$1"/*
      """
    let outcome = try here.place.runShell(script, mountpoint)
    guard outcome.status == 0 else { throw ProgramFailure(outcome.errors) }
    return outcome.text
  }
}
