// Pulls that are killed, 200 times at moments drawn by lot, and go on: nothing wrong is ever in the
// cache, no name is lost, no byte that was kept is asked for again, and nothing piles up.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct PullKillTests {
  /// 200 kills in all: 4 seeds, 50 for each.
  private static let killCount = 50

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `a pull that is killed goes on where it was`(seed: UInt64) throws {
    let pulls = try KilledPulls(seed: seed)
    while pulls.killCount < Self.killCount { try pulls.pullAnotherImage() }
    print("seed \(seed): \(pulls.summary)")
    // Not all of them before there was anything, or when nothing was left to do.
    #expect(pulls.phases[.someKept, default: 0] > 0 && pulls.phases[.allKept, default: 0] > 0)
  }
}

/// When a pull is killed.
///
/// All but the first follow something that it has done, so that it comes as far on a slow machine.
private enum KillMoment {
  /// This long after its start.
  case started(microseconds: UInt32)
  /// This long after its first request.
  case asked(microseconds: UInt32)
  /// When this many bytes of a layer have been kept.
  case kept(layer: Int, byteCount: Int)
  /// This long after the last byte of the last layer was kept: the index of it is written then, the
  /// blobs and the image get their names.
  case complete(microseconds: UInt32)
  /// Not at all.
  case never

  /// Layers with bytes that are missing are `missing`, by their numbers.
  static func random(
    of image: TestImage,
    missing: [Int],
    using generator: inout SeededGenerator
  ) -> KillMoment {
    let pause = UInt32.random(in: 0...40_000, using: &generator)
    guard let layer = missing.randomElement(using: &generator) else {
      return .asked(microseconds: pause)
    }
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: return .started(microseconds: 2 * pause)
    case 1: return .asked(microseconds: pause)
    case 2..<7:
      let limit = image.layers[layer].bytes.byteCount
      return .kept(layer: layer, byteCount: .random(in: 1...limit, using: &generator))
    default: return .complete(microseconds: pause)
    }
  }
}

/// Pulls one image after another into the same cache, each as often as it takes.
private final class KilledPulls {
  /// How far a pull had come when it was killed.
  enum Phase: CaseIterable {
    case nothingKept, someKept, allKept
  }

  /// Of every run's requests, however late they arrive, each is known by the user of the run.
  private static let runLimit = 200
  /// After so many kills an image is left in peace, so that others have their turn.
  private static let killsOfOneImage = 12
  /// A process writes one document at a time, and indexes of all three layers at once; what it leaves
  /// is cleared away by the next one.
  private static let temporaryFileLimit = 4

  private let seed: UInt64
  private let place: Workplace
  private let registry: ScriptedRegistry
  private var generator: SeededGenerator
  private var watch: CacheWatch
  private var completed: [String: String] = [:]
  private var runCount = 0
  private(set) var killCount = 0
  private(set) var phases = Dictionary(uniqueKeysWithValues: Phase.allCases.map { ($0, 0) })

  /// Every image has the same first layer.
  private static let base = NoiseImages.layer(0, byteCount: 700_000, isCompressed: true)

  init(seed: UInt64) throws {
    self.seed = seed
    generator = SeededGenerator(seed: seed)
    place = try Workplace(Role.all[Int(seed) % Role.all.count])
    watch = CacheWatch(place.cache)
    let accounts = (0..<Self.runLimit).map { (Self.user($0), "secret") }
    registry = try ScriptedRegistry(
      authentication: .basic(Dictionary(uniqueKeysWithValues: accounts))
    )
  }

  var summary: String {
    "\(killCount) kills in \(runCount) pulls of \(completed.count) images; kept until then: "
      + Phase.allCases.map { "\($0) \(phases[$0, default: 0])" }.joined(separator: ", ")
  }

  private static func user(_ run: Int) -> String { "run\(run)" }

  func pullAnotherImage() throws {
    let number = completed.count + 1
    let image = NoiseImages.image([
      Self.base,
      NoiseImages.layer(2 * number, byteCount: 400_000, isCompressed: true),
      NoiseImages.layer(2 * number + 1, byteCount: 1_100_000, isCompressed: false),
    ])
    image.push(to: registry.contents, "team/app\(number)", tag: "1")
    watch.expect(image)
    try setPace(of: image)
    let name = "\(registry.domain)/team/app\(number):1"
    let limit = killCount + Self.killsOfOneImage
    while try !pull(image, name, isKilled: killCount < limit) {}
    completed[name] = image.manifest.digest
    #expect(try watch.images() == completed, "\(comment)")
    #expect(try watch.partials() == [], "\(comment)")
    #expect(watch.temporaryFiles() == [], "\(comment)")
    let verified = try place.run("cache", "verify")
    #expect(verified.status == 0, "\(comment): \(verified.text)\(verified.errors)")
  }

  /// Pieces of 64 KiB, one layer's slower than the others'.
  private func setPace(of image: TestImage) throws {
    registry.removeRules()
    let slow = try #require(image.layers.randomElement(using: &generator))
    let pause = Int64.random(in: 5...20, using: &generator)
    registry.on(.blob(slow.digest), .trickling(byteCount: 64 << 10, milliseconds: pause))
    registry.on(.anyBlob, .trickling(byteCount: 64 << 10, milliseconds: 4))
  }

  /// One run, killed or not, and what it left; true where it came to its end.
  private func pull(_ image: TestImage, _ name: String, isKilled: Bool) throws -> Bool {
    let digests = (image.layers + [image.configuration]).map(\.digest)
    let before = digests.map { ($0, watch.state(of: $0)) }
    let user = Self.user(runCount)
    runCount += 1
    let missing = image.layers.indices.filter {
      keptByteCount(image.layers[$0]) < image.layers[$0].bytes.byteCount
    }
    let moment =
      isKilled ? KillMoment.random(of: image, missing: missing, using: &generator) : .never
    let program = try place.start(["pull", "-q", "--authfile", try logIn(user), name])
    wait(for: moment, of: image, by: user, program)
    program.send(SIGKILL)
    let outcome = try program.finish()
    let comment = "\(comment), \(moment)"
    let isComplete = outcome.status == 0
    #expect([0, 128 + SIGKILL].contains(outcome.status), "\(comment): \(outcome.errors)")
    if !isComplete { note(image) }
    #expect(try watch.faults() == [], "\(comment)")
    #expect(watch.temporaryFiles().count <= Self.temporaryFileLimit, "\(comment)")
    try expectNames(with: name, of: image, "\(comment)")
    expectRequests(of: user, before, image, isComplete: isComplete, "\(comment)")
    registry.forgetRequests()
    return isComplete
  }

  private var comment: String { "seed \(seed), pull \(runCount)" }

  private func logIn(_ user: String) throws -> String {
    let word = Data("\(user):secret".utf8).base64EncodedString()
    return try place.write(
      "home/auth.json",
      #"{"auths":{"\#(registry.domain)":{"auth":"\#(word)"}}}"#,
      mode: 0o600
    )
  }

  /// Returns at the moment, or when the program has ended.
  private func wait(
    for moment: KillMoment,
    of image: TestImage,
    by user: String,
    _ program: Program
  ) {
    func poll(until condition: () -> Bool) {
      while program.isRunning, !condition() { usleep(300) }
    }
    switch moment {
    case .started(let microseconds): usleep(microseconds)
    case .asked(let microseconds):
      let authorization = BasicCredentials.encode(user, "secret")
      poll { registry.requests.contains { $0.authorization == authorization } }
      usleep(microseconds)
    case .never: poll { false }
    case .kept(let layer, let byteCount):
      poll { keptByteCount(image.layers[layer]) >= byteCount }
    case .complete(let microseconds):
      poll { image.layers.allSatisfy { keptByteCount($0) == $0.bytes.byteCount } }
      usleep(microseconds)
    }
  }

  private func keptByteCount(_ layer: TestImage.Part) -> Int {
    switch watch.state(of: layer.digest) {
    case .absent: 0
    case .partial(let count): count
    case .whole: layer.bytes.byteCount
    }
  }

  private func note(_ image: TestImage) {
    killCount += 1
    // The first layer may be that of an image before.
    let kept = image.layers.dropFirst().map { keptByteCount($0) }
    let isAll = image.layers.allSatisfy { keptByteCount($0) == $0.bytes.byteCount }
    phases[isAll ? .allKept : kept.contains { $0 > 0 } ? .someKept : .nothingKept, default: 0] += 1
  }

  // MARK: What must hold

  /// Names stay, and a name that is there means a whole image.
  private func expectNames(
    with name: String,
    of image: TestImage,
    _ comment: String
  ) throws {
    var images = try watch.images()
    if let digest = images.removeValue(forKey: name) {
      #expect(digest == image.manifest.digest, "\(comment)")
      #expect(image.parts.keys.allSatisfy { watch.state(of: $0) == .whole }, "\(comment)")
    }
    #expect(images == completed, "\(comment)")
  }

  /// Each blob is asked for once, from the first byte that is not there, and not at all where none is
  /// missing.
  private func expectRequests(
    of user: String,
    _ before: [(digest: String, state: BlobState)],
    _ image: TestImage,
    isComplete: Bool,
    _ comment: String
  ) {
    let authorization = BasicCredentials.encode(user, "secret")
    for (digest, state) in before {
      let ranges = registry.requests(.blob(digest))
        .filter { $0.authorization == authorization }
        .map(\.range)
      let count = image.parts[digest]?.count ?? 0
      let isMissing: Bool
      var wanted: String?
      switch state {
      case .absent, .partial(0): isMissing = true
      case .partial(let kept):
        isMissing = kept < count
        wanted = "bytes=\(kept)-"
      case .whole: isMissing = false
      }
      if !isMissing || (ranges.isEmpty && !isComplete) {
        #expect(ranges == [], "\(comment): \(digest), \(state)")
      } else {
        #expect(ranges == [wanted], "\(comment): \(digest), \(state)")
      }
    }
  }
}
