// Seeded random file systems, for comparing predictions with what the tools do.

import FileTree
import Foundation

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

enum RandomFiles {
  /// Some hundred files in nested directories with names of all lengths, links of both kinds, holes and
  /// attributes.
  static func make(using random: inout SeededGenerator) -> [SourceFile] {
    var files: [SourceFile] = []
    var directories: [[UInt8]] = [[]]
    var linkable: [[UInt8]] = []
    var taken: Set<[UInt8]> = [Array("lost+found".utf8)]
    let count = Int.random(in: 50...400, using: &random)
    while files.count < count {
      let parent = directories.randomElement(using: &random) ?? []
      let path = parent + (parent.isEmpty ? [] : [UInt8(ascii: "/")]) + name(using: &random)
      guard path.count < 2000, taken.insert(path).inserted else { continue }
      let kind = kind(linkingTo: linkable, using: &random)
      files.append(file(path, kind, using: &random))
      switch kind {
      case .directory: directories.append(path)
      case .file, .link, .fifo: linkable.append(path)
      default: break
      }
    }
    return files
  }

  private static func name(using random: inout SeededGenerator) -> [UInt8] {
    let length =
      Int.random(in: 0..<10, using: &random) == 0
      ? Int.random(in: 1...255, using: &random) : Int.random(in: 1...12, using: &random)
    let name = (0..<length).map { _ in UInt8.random(in: 1...255, using: &random) }
    let allowed = name.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "\n") : $0 }
    return allowed.allSatisfy { $0 == UInt8(ascii: ".") } || allowed.starts(with: ".wh.".utf8)
      ? [UInt8(ascii: "x")] : allowed
  }

  private static func kind(
    linkingTo linkable: [[UInt8]],
    using random: inout SeededGenerator
  ) -> SourceFile.Kind {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<4: .directory
    case 4..<11: .file(bytes(upTo: 3 * 4096 + 1, using: &random))
    case 11..<12: .file(bytes(upTo: 400_000, using: &random))
    case 12..<15: .link(to: target(using: &random))
    case 15..<16: .fifo
    case 16..<17:
      .sparse(
        10_000_000,
        (0..<Int.random(in: 0...1200, using: &random)).map {
          (UInt64($0) * 8192, [UInt8($0 & 0x7F | 1)])
        }
      )
    default: linkable.randomElement(using: &random).map { .hardLink(to: $0) } ?? .directory
    }
  }

  private static func bytes(upTo limit: Int, using random: inout SeededGenerator) -> [UInt8] {
    let filler = UInt8.random(in: 0...3, using: &random)
    return [UInt8](repeating: filler, count: Int.random(in: 0...limit, using: &random))
  }

  private static func target(using random: inout SeededGenerator) -> [UInt8] {
    let lengths = [1, 20, 59, 60, 61, 4095]
    let length = lengths.randomElement(using: &random) ?? 1
    return (0..<length).map { _ in UInt8.random(in: 0x20...0x7E, using: &random) }
  }

  private static func file(
    _ path: [UInt8],
    _ kind: SourceFile.Kind,
    using random: inout SeededGenerator
  ) -> SourceFile {
    var attributes = EntryAttributes(mode: UInt16.random(in: 0...0o7777, using: &random))
    if case .link = kind { attributes.mode = 0o777 }
    attributes.uid = UInt32.random(in: 0...(UInt32.max - 1), using: &random)
    attributes.gid = UInt32.random(in: 0...(UInt32.max - 1), using: &random)
    attributes.seconds = Int64.random(in: Ext4TimeRange.all, using: &random)
    attributes.nanoseconds = UInt32.random(in: 0..<1_000_000_000, using: &random)
    var file = SourceFile(path: path, kind: kind, attributes: attributes)
    for index in 0..<3 where Int.random(in: 0..<4, using: &random) == 0 {
      let size = [0, 1, 20, 60, 300, 1100].randomElement(using: &random) ?? 0
      file.extendedAttributes.append(
        ExtendedAttribute(
          name: Array("trusted.\(index)".utf8),
          value: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        )
      )
    }
    return file
  }
}

/// What an inode can hold: 1901 to 2310.
enum Ext4TimeRange {
  static let all = -(Int64(1) << 31)...((Int64(2) << 32) + (Int64(1) << 31) - 1)
}
