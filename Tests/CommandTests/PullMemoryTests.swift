// How much memory a pull takes: little, and no more for a large layer.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct PullMemoryTests {
  private static let layerByteCount = 2 << 30

  /// The most memory that a pull may take, whatever the size of its layers: 128 MiB.
  ///
  /// Unoptimised, the program takes 29 MiB for itself, and 53 with one layer: 24 for each of the 4 that
  /// it fetches at once make 125.
  private static let byteLimit = 128 << 20

  @Test(.enabled(if: hasRoom(for: 2 * layerByteCount)), arguments: [false, true])
  func `pulling a layer of 2 GiB stays within 128 MiB`(isCompressed: Bool) throws {
    let place = try Workplace()
    let layer = LargeLayer(byteCount: Self.layerByteCount, isCompressed: isCompressed)
    let image = layer.image
    let registry = try ScriptedRegistry()
    image.push(to: registry.contents, "large", tag: "1")
    let name = "\(registry.domain)/large:1"
    let program = try place.start(["pull", "-q", name])
    var peak = 0
    try Program.wait(for: "the pull") {
      peak = max(peak, try Self.peakByteCount(of: program.processID) ?? 0)
      return !program.isRunning
    }
    let pinned = "\(registry.domain)/large@\(image.manifest.digest)\n"
    expect(try program.finish(), is: .success(pinned))
    #expect(peak > 0)
    #expect(peak <= Self.byteLimit, "\(peak >> 20) MiB")
    // It was indexed on the way, which takes memory as well.
    let document = try JSONText.object(try place.run("cache", "df", "--format", "json").output)
    #expect((document["indexes"] as? [String: Int])?["count"] == 1)
  }

  /// The most memory that a process has had, or `nil` where it has gone.
  ///
  /// Source: proc_pid_status(5), "VmHWM".
  private static func peakByteCount(of process: Int32) throws -> Int? {
    guard let file = fopen("/proc/\(process)/status", "r") else { return nil }
    defer { fclose(file) }
    var chunk = [UInt8](repeating: 0, count: 8 << 10)
    let text = String(decoding: chunk[..<fread(&chunk, 1, chunk.count, file)], as: UTF8.self)
    return text.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.output.1) }.map { $0 << 10 }
  }
}

private func hasRoom(for byteCount: Int) -> Bool {
  var status = statvfs()
  guard statvfs(NSTemporaryDirectory(), &status) == 0 else { return false }
  return Int(status.f_bavail) * Int(status.f_frsize) > byteCount
}
