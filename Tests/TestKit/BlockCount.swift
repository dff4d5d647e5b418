// What a file takes of a file system that stores no blocks of zeros, found by looking at each block; and
// files for which that is interesting.

/// Blocks of 4 KiB that are not all zero, and runs of them.
package struct BlockCount: Hashable, Sendable {
  package var blocks: UInt32
  package var runs: UInt32

  package init(blocks: UInt32, runs: UInt32) {
    self.blocks = blocks
    self.runs = runs
  }

  /// Of a whole file.
  package init(of file: [UInt8]) {
    self.init(blocks: 0, runs: 0)
    var wasData = false
    for start in stride(from: 0, to: file.count, by: 4096) {
      let isData = file[start..<min(start + 4096, file.count)].contains { $0 != 0 }
      if isData { blocks += 1 }
      if isData, !wasData { runs += 1 }
      wasData = isData
    }
  }

  /// Zeros and bytes in runs that end anywhere, often at multiples of 4096.
  package static func randomFile(_ random: inout SeededGenerator) -> [UInt8] {
    var file: [UInt8] = []
    for _ in 0..<Int.random(in: 0...9, using: &random) {
      var count = Int.random(in: 0...3, using: &random) * 4096
      switch Int.random(in: 0..<4, using: &random) {
      case 0: count += Int.random(in: -1...1, using: &random)
      case 1: count += Int.random(in: 0...4096, using: &random)
      default: break
      }
      var run = [UInt8](repeating: 0, count: max(count, 0))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: break
      case 1: if let place = run.indices.randomElement(using: &random) { run[place] = 1 }
      default: for place in run.indices { run[place] = UInt8.random(in: 0...255, using: &random) }
      }
      file += run
    }
    return file
  }
}
