// Seeded damage to archives and to the index of the cache: whatever is in them, they are read or refused,
// and nothing crashes, hangs or removes what it should not.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

private func damage(
  _ bytes: inout [UInt8],
  in range: Range<Int>,
  _ generator: inout SeededGenerator
) {
  let position = Int.random(in: range, using: &generator)
  switch Int.random(in: 0..<4, using: &generator) {
  case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
  case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
  // As digits, and as the sign of a number in base 256, they make sizes.
  case 2: bytes[position] = UInt8(ascii: "7")
  default:
    for index in position..<min(position + 8, range.upperBound) { bytes[index] = 0xFF }
  }
}

struct ArchiveDamageTests {
  /// Makes the checksums of a tar file's headers right again, so that damage is seen.
  ///
  /// The field is bytes 148 to 155, and counts as blanks.
  private static func sign(_ bytes: inout [UInt8], header: Int) {
    let field = (header + 148)..<(header + 156)
    bytes.replaceSubrange(field, with: [UInt8](repeating: 0x20, count: 8))
    let sum = bytes[header..<(header + 512)].reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    let text = String(repeating: "0", count: 6 - digits.count) + digits + "\0 "
    bytes.replaceSubrange(field, with: Array(text.utf8))
  }

  /// A Docker archive of links, an extended header and two layers, and where its headers begin.
  private static let archive: (bytes: [UInt8], headers: [Int]) = {
    let layers = ArchiveScratch.layers.map(\.tar)
    let digests = layers.map { "\"\(ImageFixture.sha256($0))\"" }.joined(separator: ",")
    let configuration =
      #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[\#(digests)]}}"#
    let list = #"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["1/layer.tar","2/layer.tar"]}]"#
    let long = String(repeating: "long/", count: 60) + "name"
    let entries: [TarEntry] = [
      .directory("1/"), .file("x/1.tar", TarText(layers[0])),
      .symlink("1/layer.tar", to: "../x/1.tar"),
      .file("y", TarText(layers[1])), .hardLink("2/layer.tar", to: "y"),
      .file(TarText(Array(long.utf8)), "long"), .file("c.json", TarText(Array(configuration.utf8))),
      .file("manifest.json", TarText(Array(list.utf8))),
    ]
    var headers: [Int] = []
    var bytes: [UInt8] = []
    for entry in entries {
      headers.append(bytes.count)
      bytes += TarBytes.bytes(of: entry)
    }
    return (bytes + [UInt8](repeating: 0, count: 1024), headers)
  }()

  @Test(arguments: [false, true], 0..<4)
  func `a damaged archive is read or refused`(isCompressed: Bool, seed: UInt64) throws {
    let scratch = try ArchiveScratch()
    var generator = SeededGenerator(seed: seed)
    let rounds = isCompressed ? 15 : 150
    var refused = 0
    for round in 0..<rounds {
      var bytes = Self.archive.bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let header = Self.archive.headers.randomElement(using: &generator) ?? 0
        damage(&bytes, in: header..<(header + 512), &generator)
        if Int.random(in: 0..<8, using: &generator) > 0 { Self.sign(&bytes, header: header) }
      }
      if Int.random(in: 0..<8, using: &generator) == 0 {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      }
      if isCompressed {
        bytes = CompressedBytes.gzip(bytes)
        if round.isMultiple(of: 3) { damage(&bytes, in: 0..<bytes.count, &generator) }
      }
      let file = try scratch.write(bytes, "\(round).tar")
      do {
        _ = try ImageFacts(scratch.resolve("docker-archive:\(file)"))
      } catch is ImageStoreError {
        refused += 1
      }
      unlink(file)
    }
    #expect(refused > 0 && refused < rounds, "seed \(seed)")
  }
}

struct CacheDamageTests {
  @Test(arguments: 0..<6)
  func `a damaged index of the cache is used or refused`(seed: UInt64) throws {
    let place = try CachePlace()
    let cache = try place.open()
    let images = [try TestImage([[1], [2, 2]]), try TestImage([[3]], docker: true)]
    for (number, image) in images.enumerated() {
      try image.put(into: cache, as: imageName("i\(number)/x"))
    }
    let good = Array(try place.indexText.utf8)
    var generator = SeededGenerator(seed: seed)
    var dryRun = PrunePolicy()
    dryRun.isDryRun = true
    dryRun.byteLimit = 1
    var accepted = 0
    for _ in 0..<30 {
      var bytes = good
      // Letters and digits, so that it mostly stays JSON.
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[position] =
          Array("0123456789abcdefmnos\"".utf8).randomElement(using: &generator) ?? 0
      }
      guard (try? LayoutIndexEditor(parsing: bytes)) != nil else { continue }
      accepted += 1
      try write(bytes, to: place.path + "/index.json")
      for number in images.indices {
        do {
          _ = try cache.image(imageName("i\(number)/x"), platform: .linuxAMD64)
        } catch {
          #expect(error.kind == .invalid, "seed \(seed)")
        }
      }
      let listed = try cache.images().count
      #expect(listed <= 3)
      _ = try cache.usage()
      _ = try cache.verify()
      _ = try cache.prune(dryRun)
      // An image comes back under its name, whatever stands beside it.
      try images[0].put(into: cache, as: imageName("i0/x"))
      let found = try cache.image(imageName("i0/x"), platform: .linuxAMD64)
      #expect(found?.digest == images[0].digest, "seed \(seed)")
    }
    #expect(accepted > 3, "seed \(seed)")
    try write(good, to: place.path + "/index.json")
    #expect(try cache.verify().faults.isEmpty)
  }
}
