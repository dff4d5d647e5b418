// A real Debian image, entry by entry: as another implementation unpacks it, as it is mounted, as ext4
// that the kernel mounts and debugfs reads, and as the program dumps it. All five are one text.

import Foundation
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Real {
    @Test func `Debian is the same unpacked by another, in tree, mount and ext4`() throws {
      let place = try Workplace()
      let reference = try place.reference(of: .debian)
      let tree = try place.dump(of: reference)
      #expect(tree.lines.count >= 10_000)

      let unpacked = try UnpackedImage(.debian)
      let oracle = try dumpAsRoot(unpacked.path)
      #expect(tree.differences(from: oracle) == [])

      let mount = try MountedImage(reference, in: place)
      #expect(try mount.dump().differences(from: oracle) == [])
      try mount.end()

      let file = place.home + "/debian.ext4"
      try place.materialize(reference, to: file)
      let loop = try LoopMount(file)
      let ext4 = try dumpAsRoot(loop.path, "--without-lost-and-found")
      #expect(ext4.differences(from: oracle) == [])
      try expectSystem(at: loop.path)
    }

    /// A shell and what it runs find all they need below this root.
    private func expectSystem(at root: String) throws {
      let shell = ["chroot", root, "/bin/sh", "-c", "ls -l / && id"]
      let said = String(decoding: try AsRoot.succeed(shell), as: UTF8.self)
      for line in ["usr", "bin -> usr/bin", "uid=0(root) gid=0(root) groups=0(root)"] {
        #expect(said.contains(line + "\n"), "\(said)")
      }
    }

    @Test func `a small Debian is the same to debugfs`() throws {
      let place = try Workplace(.ordinary)
      let reference = try place.reference(of: .small)
      let tree = try place.dump(of: reference)
      let mount = try MountedImage(reference, in: place)
      #expect(try mount.dump().differences(from: tree.shown(to: .ordinary)) == [])
      let file = place.home + "/small.ext4"
      try place.materialize(reference, to: file)
      let ext4 = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
      #expect(ext4.differences(from: tree) == [])
    }

    @Test func `layers compressed by zstd in one frame make the same tree and mount`() throws {
      let place = try Workplace(.ordinary)
      let tree = try place.dump(of: try place.reference(of: .debian))
      let recompressed = try place.reference(of: .recompressed)
      #expect(try place.dump(of: recompressed).differences(from: tree) == [])
      let mount = try MountedImage(recompressed, in: place)
      #expect(try mount.dump().differences(from: tree.shown(to: .ordinary)) == [])
    }

    /// Owners and closed directories of an unpacked tree are for root alone.
    private func dumpAsRoot(_ path: String, _ options: String...) throws -> DumpText {
      DumpText(try AsRoot.succeed([try BuiltBinary.witness, "dump", path] + options))
    }
  }
}
