// What `size` says beforehand is what `materialize` makes, to the block and the inode; and the smallest
// size that it names is enough, and no smaller one is.

import Foundation
import TestKit
import Testing

/// Numbers of a JSON document that both commands print.
struct DiskNumbers: Equatable {
  var bytes: Int
  var blocks: Int
  var freeBlocks: Int
  var inodes: Int
  var freeInodes: Int

  init(_ document: [String: Any]) throws {
    func number(_ key: String) throws -> Int {
      guard let number = document[key] as? Int else { throw ProgramFailure("no \(key)") }
      return number
    }
    bytes = try number("bytes")
    blocks = try number("blocks")
    freeBlocks = try number("freeBlocks")
    inodes = try number("inodes")
    freeInodes = try number("freeInodes")
  }

  /// As dumpe2fs reads them from a file.
  init(ofFile path: String) throws {
    let fields = try Superblock.fields(of: path)
    func number(_ name: String) throws -> Int {
      guard let number = fields[name].flatMap({ Int($0) }) else {
        throw ProgramFailure("dumpe2fs: no \(name)")
      }
      return number
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    guard let size = attributes[.size] as? Int else { throw ProgramFailure("\(path): no size") }
    bytes = size
    blocks = try number("Block count")
    freeBlocks = try number("Free blocks")
    inodes = try number("Inode count")
    freeInodes = try number("Free inodes")
  }
}

/// The superblock of a file as dumpe2fs prints it.
enum Superblock {
  static func fields(of path: String) throws -> [String: String] {
    let text = String(
      decoding: try Program.succeed(
        ["/usr/sbin/dumpe2fs", "-h", path],
        environment: ["TZ": "UTC", "LC_ALL": "C"]
      ),
      as: UTF8.self
    )
    return text.split(separator: "\n").reduce(into: [:]) { fields, line in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return }
      fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
    }
  }
}

struct PredictionTests {
  /// One for each thing that changes what a file system needs.
  static let options: [[String]] = [
    [], ["--free", "10M"], ["--size", "100M"], ["--size", "1G"], ["--size", "3G"],
    ["--size", "134215K"], ["--no-journal"], ["--journal-size", "8M"],
    ["--fs-feature", "^64bit"], ["--fs-feature", "^resize_inode"],
    ["--fs-feature", "orphan_file"], ["--fs-feature", "metadata_csum_seed"],
    ["--fs-feature", "^metadata_csum"], ["--fs-feature", "^flex_bg"],
    ["--no-journal", "--fs-feature", "^resize_inode,^64bit", "--size", "200M"],
  ]

  @Test(arguments: options)
  func `what is predicted is what is made, with all options`(_ options: [String]) throws {
    let place = try Workplace()
    try expectPrediction(of: try place.image(FixtureImage.everything.layers), options, in: place)
  }

  @Test func `what is laid over an image is part of what is predicted`() throws {
    let place = try Workplace()
    let reference = try place.image(FixtureImage.withoutAttributes.layers)
    try expectPrediction(of: reference, try place.writeAdditions(), in: place)
  }

  @Test(arguments: 0..<6)
  func `what is predicted of random layers is what is made`(seed: Int) throws {
    let place = try Workplace()
    let stack = RandomLayers.mergeableStack(seed: UInt64(seed), layerCount: 5, memberCount: 60)
    let layers = stack.map { $0.map(TarEntry.init) }
    try expectPrediction(of: try place.image(layers), [], in: place)
  }

  static let realImages: [(RealImage, [String])] = [
    (.debian, []), (.debian, ["--size", "2G"]), (.small, []), (.small, ["--no-journal"]),
  ]

  @Test(arguments: realImages)
  func `what is predicted of a real image is what is made`(
    image: RealImage,
    options: [String]
  ) throws {
    let place = try Workplace()
    try expectPrediction(of: try place.reference(of: image), options, in: place)
  }

  @Test(arguments: FixtureImage.allCases)
  func `the smallest size is enough, and nothing smaller is`(_ image: FixtureImage) throws {
    let place = try Workplace()
    let reference = try place.image(image.layers)
    let facts = try JSONText.object(
      try place.succeed(try place.start(["size", "--format", "json", reference]))
    )
    let smallest = try #require(facts["smallestBytes"] as? Int)
    try expectPrediction(of: reference, ["--size", "\(smallest)"], in: place)
    let less = try place.run("size", "--size", "\(smallest - (1 << 20))", reference)
    #expect((less.status, less.text) == (64, ""))
  }

  /// Prints both, makes the file, and looks at it.
  private func expectPrediction(
    of reference: String,
    _ options: [String],
    in place: Workplace,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let json = ["--format", "json"] + options
    let predicted = try JSONText.object(
      try place.succeed(try place.start(["size"] + json + [reference]))
    )
    let made = try JSONText.object(
      try place.succeed(try place.start(["materialize"] + json + [reference, "out.ext4"]))
    )
    let actual = try DiskNumbers(ofFile: place.home + "/out.ext4")
    #expect(try DiskNumbers(made) == actual, sourceLocation: sourceLocation)
    #expect(try DiskNumbers(predicted) == actual, sourceLocation: sourceLocation)
    #expect(predicted["uncertainBlocks"] as? Int == 0, sourceLocation: sourceLocation)
  }
}
