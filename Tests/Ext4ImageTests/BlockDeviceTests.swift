// Block devices, in the form of loop devices.

import Ext4Image
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestKit
import Testing

private let mebibyte = 1 << 20

@Suite(.inTurns, .enabled(if: isRoot, "only root can make loop devices"))
struct `An image on a block device` {
  /// No zeros, and no two blocks alike; made once, because that takes its time.
  private static let pattern: [UInt8] = {
    var random = SeededGenerator(seed: 7)
    return (0..<(6 * mebibyte)).map { _ in UInt8.random(in: 1...255, using: &random) }
  }()

  /// A sparse image of 32 MiB: data at the front, in the middle, at odd places and at the end.
  private func image(
    in scratch: Scratch,
    byteCount: Int = 32 * mebibyte,
    hasFront: Bool = true
  ) throws -> OpenFile {
    let path = FilePath(scratch.url.appendingPathComponent("image-\(UUID().uuidString)").path)
    let file = try FileDescriptor.open(
      path,
      .readWrite,
      options: [.create, .exclusiveCreate],
      permissions: .ownerReadWrite
    )
    #expect(ftruncate(file.rawValue, off_t(byteCount)) == 0)
    let runs = [
      (0, 10_000), (3 * mebibyte + 123, 5), (9 * mebibyte, 6 * mebibyte), (byteCount - 77, 77),
    ]
    for (offset, count) in runs.dropFirst(hasFront ? 0 : 1)
    where offset >= 0 && offset + count <= byteCount {
      _ = try file.writeAll(toAbsoluteOffset: Int64(offset), Self.pattern.prefix(count))
    }
    return OpenFile(file, path: path)
  }

  private func content(_ path: String, _ count: Int) throws -> [UInt8] {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { HostTool.attempt { try file.close() } }
    return Array(try file.read(upToCount: count) ?? Data())
  }

  @Test(arguments: [
    (32 * mebibyte, 32 * mebibyte, true), (32 * mebibyte, 40 * mebibyte + 512, true),
    (32 * mebibyte - 1000, 32 * mebibyte, true), (32 * mebibyte, 32 * mebibyte, false),
    (1, mebibyte, true), (0, mebibyte, true),
  ])
  func `is there whole, and nothing of what was there before`(
    imageByteCount: Int,
    deviceByteCount: Int,
    hasFront: Bool
  ) async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: deviceByteCount, in: scratch) { path, backing in
        let image = try image(in: scratch, byteCount: imageByteCount, hasFront: hasFront)
        let device = try BlockDevice(opening: FilePath(path))
        #expect(device.byteCount == UInt64(deviceByteCount))
        let last = Mutex<[UInt64]>([])
        try device.write(image) { done, total in
          #expect(total == UInt64(deviceByteCount))
          last.withLock { $0.append(done) }
        }
        device.close()
        let steps = last.withLock { $0 }
        #expect(steps == steps.sorted())
        #expect(steps.last == UInt64(deviceByteCount))
        let expected =
          try content(image.path.string, imageByteCount)
          + [UInt8](repeating: 0, count: deviceByteCount - imageByteCount)
        #expect(try content(path, deviceByteCount) == expected)
        #expect(try content(backing.path, deviceByteCount) == expected)
        try image.descriptor.close()
      }
    }
  }

  @Test func `is a file system that the kernel mounts`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: 80 * mebibyte, in: scratch) { path, _ in
        let device = try BlockDevice(opening: FilePath(path))
        let disk = scratch.url.appendingPathComponent("disk")
        _ = try await WorkDiskBuilder(tools: try await E2fsTools.find()).make(
          FilePath(disk.path),
          options: Ext4Options(size: .exact(device.byteCount))
        )
        try device.write(fileAt: FilePath(disk.path))
        device.close()
        try checkWithE2fsck(URL(fileURLWithPath: path))
        let root = scratch.url.appendingPathComponent("mounted")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
        try succeed("mount", ["-t", "ext4", path, root.path])
        defer { HostTool.attempt { try succeed("umount", ["-l", root.path]) } }
        #expect(try names(in: root) == ["lost+found"])
        #expect(throws: Ext4Error.inUse(FilePath(path))) {
          try BlockDevice(opening: FilePath(path))
        }
      }
    }
  }

  @Test func `needs a device that is large enough`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: 16 * mebibyte, in: scratch) { path, _ in
        let image = try image(in: scratch, byteCount: 16 * mebibyte + 1)
        let device = try BlockDevice(opening: FilePath(path))
        #expect(
          throws: Ext4Error.deviceTooSmall(
            FilePath(path),
            byteCount: UInt64(16 * mebibyte),
            needed: UInt64(16 * mebibyte + 1)
          )
        ) { try device.write(image) }
        device.close()
        let untouched = [UInt8](repeating: 0xAB, count: 16 * mebibyte)
        #expect(try content(path, 16 * mebibyte) == untouched)
        try image.descriptor.close()
      }
    }
  }

  @Test func `is refused while somebody else has the device`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: mebibyte, in: scratch) { path, _ in
        let device = try BlockDevice(opening: FilePath(path))
        #expect(throws: Ext4Error.inUse(FilePath(path))) {
          try BlockDevice(opening: FilePath(path))
        }
        device.close()
        try BlockDevice(opening: FilePath(path)).close()
      }
    }
  }

  @Test func `is refused by a device that is read-only`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: mebibyte, in: scratch) { path, _ in
        try succeed("blockdev", ["--setro", path])
        #expect(throws: Ext4Error.self) {
          let device = try BlockDevice(opening: FilePath(path))
          defer { device.close() }
          let image = try image(in: scratch, byteCount: mebibyte)
          try device.write(image)
        }
        try succeed("blockdev", ["--setrw", path])
        let untouched = [UInt8](repeating: 0xAB, count: mebibyte)
        #expect(try content(path, mebibyte) == untouched)
      }
    }
  }

  @Test func `that is interrupted is no file system`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: 32 * mebibyte, in: scratch) { path, _ in
        let image = try image(in: scratch)
        let device = try BlockDevice(opening: FilePath(path))
        let task = Task {
          try device.write(image) { done, _ in
            if done > UInt64(mebibyte) { withUnsafeCurrentTask { $0?.cancel() } }
          }
        }
        await #expect(throws: Ext4Error.cancelled) { try await task.value }
        device.close()
        #expect(try content(path, 10_000) == [UInt8](repeating: 0, count: 10_000))
        try image.descriptor.close()
      }
    }
  }

  @Test func `is missed where the device loses what is written`() async throws {
    try await Scratch.with { scratch in
      try await withLoopDevice(byteCount: 32 * mebibyte, in: scratch) { path, backing in
        let image = try image(in: scratch)
        let device = try BlockDevice(opening: FilePath(path))
        let total = UInt64(32 * mebibyte)
        var isDamaged = false
        // after the last piece, and before it is read back: in the data, behind the device's back
        #expect(throws: Ext4Error.deviceDiffers(FilePath(path), byte: UInt64(9 * mebibyte + 5))) {
          try device.write(image) { done, _ in
            guard done == total, !isDamaged else { return }
            isDamaged = true
            do {
              let file = try FileDescriptor.open(path, .readWrite)
              try file.writeAll(toAbsoluteOffset: Int64(9 * mebibyte + 5), [0])
              try file.close()
            } catch {
              Issue.record(error)
            }
          }
        }
        #expect(isDamaged)
        device.close()
        try image.descriptor.close()
      }
    }
  }
}

@Suite(.inTurns) struct `What is no block device` {
  @Test(arguments: ["/dev/null", "/tmp", "/etc/passwd"])
  func `is refused before it is opened`(path: String) {
    #expect(throws: Ext4Error.notABlockDevice(FilePath(path))) {
      try BlockDevice(opening: FilePath(path))
    }
  }

  @Test func `or is not there is refused`() {
    let path = "/dev/nothing-of-this-name"
    #expect(
      throws: Ext4Error.systemCall(
        "stat",
        path: FilePath(path),
        errno: .noSuchFileOrDirectory
      )
    ) { try BlockDevice(opening: FilePath(path)) }
  }
}
