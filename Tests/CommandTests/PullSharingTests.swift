// Several pulls at once into one cache: each blob comes over the network once, whoever of them fetches
// it, and also where that one is killed.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct PullSharingTests {
  @Test(arguments: Role.all, [2, 4])
  func `pulls of one image fetch each blob once`(role: Role, count: Int) throws {
    let here = try RegistryPlace(role, layerByteCounts: [300_000, 600_000, 40_000])
    // None may be done before the last one begins.
    let gate = Gate(opensAfterArrivals: count)
    try here.running.on(RequestPattern.manifest("1").method("GET"), .waiting(for: gate))
    try here.running.on(.anyBlob, .trickling(byteCount: 64 << 10, milliseconds: 5))
    let pulls = try (0..<count).map { _ in try here.place.start(["pull", "-q", here.reference]) }
    for pull in pulls { expect(try pull.finish(), is: .success("\(here.pinned)\n")) }
    for layer in here.image.layers {
      #expect(try here.running.requests(.blob(layer.digest)).map(\.range) == [nil])
    }
    try expectSound(here)
  }

  @Test(arguments: Role.all, [2, 4])
  func `pulls of images with common layers fetch each blob once`(role: Role, count: Int) throws {
    let here = try RegistryPlace(role)
    let common = [
      NoiseImages.layer(1, byteCount: 700_000, isCompressed: true),
      NoiseImages.layer(2, byteCount: 300_000, isCompressed: false),
    ]
    let images = (0..<count).map { number in
      let own = NoiseImages.layer(10 + number, byteCount: 200_000, isCompressed: true)
      // The common layers at different places, so that each pull begins with another one.
      return NoiseImages.image(
        number.isMultiple(of: 2) ? common + [own] : [own] + common.reversed()
      )
    }
    for (number, image) in images.enumerated() {
      image.push(to: try here.running.contents, "team/app\(number)", tag: "1")
    }
    let gate = Gate(opensAfterArrivals: count)
    try here.running.on(RequestPattern.manifest("1").method("GET"), .waiting(for: gate))
    try here.running.on(.anyBlob, .trickling(byteCount: 64 << 10, milliseconds: 5))
    let pulls = try images.indices.map { number in
      try here.place.start(["pull", "-q", "\(here.domain)/team/app\(number):1"])
    }
    for (number, pull) in pulls.enumerated() {
      let digest = images[number].manifest.digest
      expect(
        try pull.finish(),
        is: .success("\(here.domain)/team/app\(number)@\(digest)\n")
      )
    }
    for digest in Set(images.flatMap(\.layers).map(\.digest)) {
      #expect(try here.running.requests(.blob(digest)).map(\.range) == [nil])
    }
    try expectSound(here)
    var watch = CacheWatch(here.place.cache)
    for image in images { watch.expect(image) }
    #expect(try watch.faults() == [])
    #expect(try watch.images().count == count)
  }

  @Test(arguments: Role.all, [1, 3])
  func `who waits for a pull that is killed goes on where it was`(
    role: Role,
    waiterCount: Int
  ) throws {
    let here = try RegistryPlace(role, layerByteCounts: [2_000_000])
    let layer = here.image.layers[0]
    let size = layer.bytes.byteCount
    try here.running.on(.blob(layer.digest), .nth(1), .stopping(at: .body(size / 2), .stall))
    let watch = CacheWatch(here.place.cache)
    let first = try here.place.start(["pull", here.reference])
    try Program.wait(for: "half of the layer") {
      guard first.isRunning else { throw ProgramFailure("\(try first.finish())") }
      // What is less than a whole piece is not written before the rest comes.
      return (CacheWatch.byteCount(watch.partial(layer.digest)) ?? 0) > size / 2 - (512 << 10)
    }
    let waiters = try (0..<waiterCount).map { _ in
      try here.place.start(["pull", "--progress", "json", here.reference])
    }
    for waiter in waiters {
      try Program.wait(for: "a pull that waits") {
        guard waiter.isRunning else { throw ProgramFailure("\(try waiter.finish())") }
        return try waiter.errorsSoFar().contains(#""state":"waiting""#)
      }
    }
    first.send(SIGKILL)
    #expect(try first.finish().status == 128 + SIGKILL)
    for waiter in waiters {
      let outcome = try waiter.finish()
      #expect((outcome.status, outcome.text) == (0, "\(here.pinned)\n"), "\(outcome.errors)")
    }
    let ranges = try here.running.requests(.blob(layer.digest)).map(\.range)
    #expect(ranges.count == 2)
    let kept = try #require(
      ranges.last??.wholeMatch(of: /bytes=(\d+)-/).flatMap { Int($0.output.1) }
    )
    #expect(kept > 0 && kept <= size / 2)
    try expectSound(here)
  }

  /// Everything is there, right and in use by nobody.
  private func expectSound(_ here: RegistryPlace) throws {
    #expect(try here.partials() == [])
    #expect(CacheWatch(here.place.cache).temporaryFiles() == [])
    let verified = try here.place.run("cache", "verify")
    #expect(verified.status == 0, "\(verified.text)\(verified.errors)")
  }
}
