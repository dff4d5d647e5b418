// Compressed archives and the cache: what is kept, when it is used again, and when it is not.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing
import Threading

struct ArchiveCacheTests {
  private let scratch: ArchiveScratch
  private let archive: String
  private let layout: String

  init() throws {
    scratch = try ArchiveScratch()
    layout = try scratch.layout()
    try Tool.run("tar", "-C", layout, "-cf", scratch.path("archive.tar"), ".")
    archive = try scratch.compress(scratch.path("archive.tar"), "gzip")
  }

  /// How often the archive was read through until it was open.
  private func decodingCalls() throws -> Int {
    var calls = 0
    _ = try scratch.open("oci-archive:\(archive)", counting: &calls)
    return calls
  }

  private func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch.path("cache/" + directory))
  }

  @Test func `an unchanged archive is read through once`() throws {
    #expect(try decodingCalls() > 0)
    #expect(try decodingCalls() == 0)
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
  }

  @Test func `a plain archive is never read through, and nothing of it is kept`() throws {
    var calls = 0
    _ = try scratch.open("oci-archive:\(scratch.path("archive.tar"))", counting: &calls)
    #expect(calls == 0)
    #expect(try files("blobs/sha256").isEmpty)
    #expect(try files("banger/archives/1").isEmpty)
  }

  @Test func `every file of the archive is a blob of the cache under its digest`() throws {
    _ = try decodingCalls()
    let digests = try files("blobs/sha256")
    let kept = try FileManager.default.contentsOfDirectory(atPath: layout + "/blobs/sha256")
    #expect(Set(digests).isSuperset(of: kept))
    for name in digests {
      let bytes = try Data(
        contentsOf: URL(fileURLWithPath: scratch.path("cache/blobs/sha256/\(name)"))
      )
      #expect(ImageFixture.sha256(Array(bytes)) == "sha256:\(name)")
    }
    // The layout's blobs, its marker and its index; no temporary files.
    #expect(digests.count == kept.count + 2)
    #expect(try files("banger/archives/1").count == 1)
  }

  @Test func `a changed archive is read through again`() throws {
    _ = try decodingCalls()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
    try bytes.write(to: URL(fileURLWithPath: archive))
    #expect(try decodingCalls() > 0)
  }

  @Test func `a blob that is gone or not to be trusted is decoded again`() throws {
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    let blob = scratch.path("cache/blobs/sha256/\(expected.diffIDs[0].hex)")
    let damages: [() throws -> Void] = [
      { try FileManager.default.removeItem(atPath: blob) },
      { #expect(truncate(blob, 10) == 0) },
      { #expect(chmod(blob, 0o666) == 0) },
      { try FileManager.default.removeItem(atPath: scratch.path("cache")) },
    ]
    _ = try decodingCalls()
    for damage in damages {
      try damage()
      #expect(try decodingCalls() > 0)
      #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
    }
  }

  @Test func `a record that is damaged in any way is made again`() throws {
    _ = try decodingCalls()
    let name = try #require(try files("banger/archives/1").first)
    let record = URL(fileURLWithPath: scratch.path("cache/banger/archives/1/\(name)"))
    let good = Array(try Data(contentsOf: record))
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<20 {
      var bad = good
      bad[Int.random(in: 0..<bad.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8)
      for bytes in [bad, Array(good.prefix(.random(in: 0..<good.count, using: &generator)))] {
        try Data(bytes).write(to: record)
        #expect(chmod(record.path, 0o600) == 0)
        #expect(try decodingCalls() > 0)
      }
    }
    #expect(Array(try Data(contentsOf: record)) == good)
  }

  @Test func `several at once read through the archive once`() throws {
    let total = Mutex(0)
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      do {
        let calls = try decodingCalls()
        total.withLock { $0 += calls > 0 ? 1 : 0 }
      } catch {
        failures.withLock { $0.append("\(error)") }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(total.withLock { $0 } == 1)
  }

  @Test func `an archive that turns out to be broken leaves no record`() throws {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: archive)))
    let short = try scratch.write(Array(bytes.dropLast(9)), "short.gz")
    #expect(throws: ImageStoreError.self) { try scratch.open("oci-archive:\(short)") }
    #expect(try files("banger/archives/1").isEmpty)
    #expect(throws: ImageStoreError.self) { try scratch.open("oci-archive:\(short)") }
  }
}
