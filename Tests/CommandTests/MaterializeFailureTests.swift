// materialize when it is interrupted, killed, or cannot read: nothing stays behind, or nothing that the
// next run does not clear.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct MaterializeFailureTests {
  /// Enough files that a run takes a while.
  private func image(in place: Workplace) throws {
    let entries = (0..<1500).map { number in
      TarEntry.file("file-\(number)", TarText(Array("content \(number)".utf8))).owner(1, 1)
    }
    let data = TarEntry.file("zz", TarText(CompressedBytes.sample(byteCount: 3 << 20, seed: 4)))
    let tar = TarBytes.archive(entries + [data])
    let blob = CompressedBytes.gzip(tar)
    let layer = ImageFixture.Layer(blob: blob, diffID: ImageFixture.sha256(tar))
    _ = try ImageFixture.image([layer], at: place.appending("image"))
  }

  private func expectNothingLeft(
    in place: Workplace,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let (mounts, names) = (try place.mounts(), try place.names())
    #expect(mounts == [], sourceLocation: sourceLocation)
    #expect(names.filter { $0 != "cache" } == [], sourceLocation: sourceLocation)
    let directory = place.cache + "/banger/mounts"
    if place.exists(directory) {
      let left = try place.names(in: directory)
      #expect(left == [], sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: Role.all)
  func `an interrupt at any moment leaves nothing`(_ role: Role) throws {
    let place = try Workplace(role)
    try image(in: place)
    let begin = Date()
    #expect(try place.run("materialize", "oci:../image", "out.ext4").status == 0)
    let duration = Date().timeIntervalSince(begin)
    try FileManager.default.removeItem(atPath: place.home + "/out.ext4")
    var generator = SeededGenerator(seed: 11)
    for number in 0..<8 {
      let signal = number.isMultiple(of: 2) ? SIGINT : SIGTERM
      let moment = Double.random(in: 0..<duration, using: &generator)
      // Not to wait for anything: the moment is the test.
      let program = try place.start(["materialize", "oci:../image", "out.ext4"])
      usleep(UInt32(moment * 1_000_000))
      program.send(signal)
      let outcome = try program.finish()
      // In its first instants a program has no say in how it ends; and the run may have been faster.
      #expect([0, 130, 128 + signal].contains(outcome.status), "seed 11, run \(number)")
      if outcome.status == 0 {
        try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", place.home + "/out.ext4"])
        try FileManager.default.removeItem(atPath: place.home + "/out.ext4")
      }
      if outcome.status == 130, !outcome.errors.isEmpty {
        #expect(outcome.errors == "banger-fs: interrupted\n", "seed 11, run \(number)")
      }
      try expectNothingLeft(in: place)
    }
  }

  @Test(arguments: Role.all, [SIGINT, SIGTERM, SIGHUP])
  func `an interrupt while files are copied leaves nothing`(role: Role, signal: Int32) throws {
    let place = try Workplace(role)
    try image(in: place)
    let program = try place.start(["materialize", "oci:../image", "out.ext4"])
    try Program.wait(for: "the mount") { try !place.mounts().isEmpty || !program.isRunning }
    program.send(signal)
    expect(try program.finish(), is: .failure(130, "interrupted"))
    try expectNothingLeft(in: place)
  }

  @Test(arguments: Role.all)
  func `what a killed run leaves is cleared by the next`(_ role: Role) throws {
    let place = try Workplace(role)
    try image(in: place)
    let program = try place.start(["materialize", "oci:../image", "out.ext4"])
    try Program.wait(for: "the unfinished file") {
      try !place.mounts().isEmpty && place.names().contains { $0.hasPrefix(".out.ext4.banger-") }
    }
    program.send(SIGKILL)
    #expect(try program.finish().status == 128 + SIGKILL)
    #expect(try place.mounts().count == 1)
    #expect(try place.names().filter { $0 != "cache" }.count == 1)

    let outcome = try place.run("materialize", "oci:../image", "out.ext4")
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(try place.names() == ["cache", "out.ext4"])
    try FileManager.default.removeItem(atPath: place.home + "/out.ext4")
    try expectNothingLeft(in: place)
  }

  @Test(arguments: Role.all)
  func `a layer that cannot be read any more is named, and nothing is left`(_ role: Role) throws {
    let here = try RegistryPlace(role)
    let place = here.place
    let layer = here.image.layers[1]
    let (digest, blob) = (layer.digest, layer.bytes.all)
    let path = place.cache + "/blobs/sha256/" + digest.dropFirst("sha256:".count)
    #expect(try place.run("ls", here.reference).status == 0)
    // As a disk does that goes bad: other bytes, the same times.
    var status = stat()
    #expect(stat(path, &status) == 0)
    let position = blob.count * 3 / 4
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(position))
    try file.write(contentsOf: [blob[position] ^ 0x10])
    try file.close()
    let times = [status.st_atim, status.st_mtim]
    #expect(utimensat(AT_FDCWD, path, times, 0) == 0)

    let block = position / (64 << 10) * (64 << 10)
    let message =
      "layer \(digest): the blob has changed since it was verified, at or after blob byte \(block)"
    let hint = "take damaged blobs out with banger-fs cache verify --remove, and pull it again"
    expect(
      try place.run("materialize", here.reference, "out.ext4"),
      is: .failure(65, message, hint: hint)
    )
    try expectNothingLeft(in: place)
    let read = try place.run("cat", here.reference, "file1")
    #expect(
      (read.status, read.errors) == (65, "banger-fs: file1: \(message)\nhint: \(hint)\n")
    )
  }
}
