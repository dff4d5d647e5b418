// materialize onto block devices, with --device only; and clones of earlier results, where files can
// share blocks. Both need root, for devices and file systems of their own.

import FileTree
import Foundation
import Glibc
import TestKit
import Testing

/// A loop device over a file, as long as this lives.
private final class LoopDevice {
  let path: String
  private let directory: TemporaryDirectory

  init(mebibytes: Int) throws {
    directory = try TemporaryDirectory()
    let file = directory.appending("backing")
    try Program.succeed(["truncate", "-s", "\(mebibytes)M", file])
    let output = try AsRoot.succeed(["losetup", "--find", "--show", file])
    path = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  deinit { AsRoot.attempt(["losetup", "--detach", path]) }
}

struct DeviceTests {
  private static let onlyRoot = ConditionTrait.enabled(if: Role.all.contains(.root))

  @Test(onlyRoot) func `a device is written to when it is asked for`() throws {
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let device = try LoopDevice(mebibytes: 128)
    try Program.succeed(["dd", "if=/dev/urandom", "of=\(device.path)", "bs=1M", "count=128"])
    let outcome = try place.run(
      "materialize",
      "--device",
      "--format",
      "json",
      "--progress",
      "none",
      image.reference,
      device.path
    )
    #expect((outcome.status, outcome.errors) == (0, ""))
    let facts = try JSONText.object(outcome.output)
    #expect(facts["path"] as? String == device.path)
    #expect(facts["bytes"] as? Int == 128 << 20)
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", device.path])
    let rows = try Ext4Witness.rows(of: URL(fileURLWithPath: device.path))
    expect(try place.run("dump", image.reference), is: .success(DumpRow.text(rows)))
    // The same as a file of that size.
    let size = ["--size", "128M", image.reference, "out.ext4"]
    _ = try place.succeed(try place.start(["materialize"] + size))
    #expect(try Program.run(["cmp", device.path, place.home + "/out.ext4"]).status == 0)
    #expect(try place.names(in: place.cache + "/banger/devices") == [])
  }

  @Test(onlyRoot) func `X34: a device is never written to by accident`() throws {
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let device = try LoopDevice(mebibytes: 128)
    expect(
      try place.run("materialize", image.reference, device.path),
      is: .failure(
        73,
        "\(device.path): is a block device",
        hint: "name a file, or write to it with --device; what is on it is lost then"
      )
    )
    try Program.succeed(["/usr/sbin/mkfs.ext4", "-q", device.path])
    let mount = try place.makeDirectory("home/mnt")
    try Program.succeed(["mount", device.path, mount])
    let outcome = try place.run("materialize", "--device", image.reference, device.path)
    try Program.succeed(["umount", mount])
    expect(
      outcome,
      is: .failure(
        75,
        "\(device.path): is in use",
        hint: "unmount it, and detach it from its loop device"
      )
    )
    #expect(try !place.names().contains("cache"))
  }

  @Test(onlyRoot) func `a device that is too small is said to be`() throws {
    let place = try Workplace(.root)
    let reference = try place.image([
      [.file("data", TarText(CompressedBytes.sample(byteCount: 60 << 20, seed: 3)))]
    ])
    let device = try LoopDevice(mebibytes: 64)
    let outcome = try place.run("materialize", "--device", reference, device.path)
    #expect((outcome.status, outcome.text) == (73, ""))
    let message = "\(device.path): has 67108864 bytes, but "
    #expect(outcome.errors.hasPrefix("banger-fs: \(message)"))
  }

  @Test func `what is no device is refused, with what to do`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try place.write("home/file", "precious")
    expect(
      try place.run("materialize", "--device", image.reference, "file"),
      is: .failure(
        73,
        "file: is not a block device",
        hint: "leave out --device to write a file"
      )
    )
    expect(
      try place.run("materialize", "--device", image.reference, "/dev/nowhere"),
      is: .failure(66, "/dev/nowhere: there is no such device")
    )
    let outcome = try place.run(
      "materialize",
      "--device",
      "--size",
      "1G",
      image.reference,
      "/dev/null"
    )
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("Error: --device goes without --size and --free"))
  }

  // MARK: Clones

  /// What `command` prints, run by root in a directory of a new XFS, with the cache in it.
  private func onXFS(_ place: Workplace, _ command: String) throws -> Outcome {
    try place.makeDirectory("home/disk")
    return try place.runIsolated(
      after: """
        truncate -s 512M "$1/disk.xfs"
        mkfs.xfs -q "$1/disk.xfs"
        mount -o loop "$1/disk.xfs" "$1/disk"
        """,
      "cd disk; export BANGER_FS_CACHE=$PWD/cache; \(command)"
    )
  }

  @Test(onlyRoot) func `the second time a result is cloned, where files can share blocks`() throws {
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let requests = [
      "", "", "--no-cache", "--size 128M", "--label other", "--overlay /etc/apt", "--no-journal",
      "--no-reproducible", "--size 128M", "",
    ]
    let commands = requests.map {
      "\"$0\" materialize --format json \($0) \(image.reference) out.ext4 | grep origin"
    }
    let outcome = try onXFS(
      place,
      "set -e\n" + commands.joined(separator: "\n") + "\ncp --reflink out.ext4 last\n"
        + "\"$0\" materialize --no-cache \(image.reference) new.ext4 >/dev/null\ncmp last new.ext4"
    )
    let origins = [
      "built", "cloned", "built", "built", "built", "built", "built", "built", "cloned", "cloned",
    ]
    expect(outcome, is: .success(origins.map { "  \"origin\" : \"\($0)\",\n" }.joined()))
  }

  @Test(onlyRoot) func `a result that was damaged is built anew`() throws {
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let run = "\"$0\" materialize --format json \(image.reference) out.ext4 | grep origin"
    let outcome = try onXFS(
      place,
      """
      \(run)
      for kept in cache/banger/results/1/*; do dd if=/dev/zero of=$kept bs=1 seek=1100 count=8 \
      conv=notrunc 2>/dev/null; done
      \(run)
      \(run)
      """
    )
    let origins = ["built", "built", "cloned"]
    expect(outcome, is: .success(origins.map { "  \"origin\" : \"\($0)\",\n" }.joined()))
  }

  @Test func `text says where a result came from`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.run("materialize", image.reference, "out.ext4")
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(outcome.text.hasSuffix(", built anew\n"))
  }
}
