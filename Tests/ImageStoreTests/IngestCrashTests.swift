// Downloads whose process is killed: whatever the moment, the cache has the whole blob or a part that
// can be continued.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

private func sample(_ count: Int) -> [UInt8] {
  var generator = SeededGenerator(seed: 77)
  return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}

private let byteCount = 400_000

/// Downloads the sample in small pieces, and calls `step` after each of the steps that there are.
private func download(_ path: String, step: (Int) -> Void) throws {
  let bytes = sample(byteCount)
  let cache = try CachePlace.open(path)
  var number = 0
  func next() {
    step(number)
    number += 1
  }
  let ingest = try #require(try cache.tryIngest(Descriptor(of: bytes)))
  next()
  while ingest.byteCount < UInt64(byteCount) {
    let start = Int(ingest.byteCount)
    try ingest.append(bytes[start..<min(start + 50_000, byteCount)])
    next()
  }
  let blob = try ingest.finish()
  next()
  withExtendedLifetime(blob) {}
}

struct IngestCrashTests {
  private let place: CachePlace
  private let bytes = sample(byteCount)

  init() throws {
    place = try CachePlace()
  }

  /// Looks at what a dead process left, and ends its work.
  private func continueDownload() throws -> Int {
    let blob = Descriptor(of: bytes)
    let cache = try place.open()
    #expect(try cache.verify().faults.isEmpty)
    if let present = try cache.openBlob(blob) {
      #expect(try present.bytes == bytes)
      return byteCount
    }
    let ingest = try #require(try cache.tryIngest(blob))
    let kept = Int(ingest.byteCount)
    #expect(try read(place.partial(blob.digest)) == Array(bytes[..<kept]))
    try ingest.append(bytes[kept...])
    #expect(try ingest.finish().bytes == bytes)
    return kept
  }

  @Test(arguments: 0..<10)
  func `a process that is killed between two steps loses none of them`(step: Int) async throws {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = place.path as String, step] in
      try download(path) { number in
        if number == step { kill(getpid(), SIGKILL) }
      }
    }
    // The first step is the beginning, the last the end.
    #expect(try continueDownload() == min(step * 50_000, byteCount))
  }

  @Test(arguments: 0..<12)
  func `X12: a process that is killed at any moment leaves what can be continued`(
    number: Int
  ) async throws {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = place.path as String, number] in
      Thread.detachNewThread {
        usleep(UInt32(number) * 700)
        kill(getpid(), SIGKILL)
      }
      // Again and again, so that the blow falls somewhere in it.
      while true {
        try download(path) { _ in }
        let cache = try CachePlace.open(path)
        _ = try cache.prune()
      }
    }
    _ = try continueDownload()
    #expect(try place.listing("banger/ingest").isEmpty)
  }

  @Test(arguments: 0..<12)
  func `a process that is killed while it writes names loses none`(number: Int) async throws {
    let image = try TestImage([[1]])
    try image.put(into: place.open(), as: imageName("kept/x"))
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = place.path as String, number] in
      let image = try TestImage([[1]])
      let cache = try CachePlace.open(path)
      Thread.detachNewThread {
        usleep(UInt32(number) * 1100)
        kill(getpid(), SIGKILL)
      }
      var count = 0
      while true {
        try image.put(into: cache, as: imageName("n\(count)/x"))
        count += 1
      }
    }
    let cache = try place.open()
    let images = try cache.images()
    #expect(images.first?.name == "docker.io/kept/x:12")
    // All that were written, with none left out.
    #expect(
      images.dropFirst().map(\.name) == (0..<(images.count - 1)).map { "docker.io/n\($0)/x:12" }
    )
    #expect(try cache.verify().faults.isEmpty)
    #expect(try place.listing("banger/ingest").isEmpty)
    #expect(try cache.remove("docker.io/kept/x:12"))
  }
}
