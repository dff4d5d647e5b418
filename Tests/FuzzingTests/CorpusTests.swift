// The committed corpus through the fuzz targets: seeds that real tools made, and every input that ever
// broke a promise. A trap here is a defect that came back.

import Foundation
import FuzzTargets
import Testing

struct CorpusTests {
  private static let corpus = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fuzzing/Corpus")

  private static func inputs(of target: FuzzTarget) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
      at: corpus.appending(path: target.rawValue),
      includingPropertiesForKeys: nil
    ).sorted { $0.path < $1.path }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `every input of the corpus keeps the promises`(target: FuzzTarget) throws {
    let inputs = try Self.inputs(of: target)
    #expect(!inputs.isEmpty)
    for input in inputs {
      let faults = target.faults(of: Array(try Data(contentsOf: input)))
      #expect(faults == [], "\(target.rawValue)/\(input.lastPathComponent)")
    }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `no input at all keeps the promises`(target: FuzzTarget) {
    #expect(target.faults(of: []) == [])
  }

  /// Cut and flipped at some places, so that a tidy corpus alone does not decide.
  @Test(arguments: FuzzTarget.allCases)
  func `damaged inputs keep the promises`(target: FuzzTarget) throws {
    for input in try Self.inputs(of: target) {
      let bytes = Array(try Data(contentsOf: input))
      guard !bytes.isEmpty, bytes.count < 10_000 else { continue }
      for part in 1..<4 {
        let place = bytes.count * part / 4
        var flipped = bytes
        flipped[place] ^= 0x21
        let name = "\(target.rawValue)/\(input.lastPathComponent) at \(place)"
        #expect(target.faults(of: flipped) == [], "flipped \(name)")
        #expect(target.faults(of: Array(bytes[..<place])) == [], "cut \(name)")
      }
    }
  }
}
