// What is fuzzed: one function from arbitrary bytes to broken promises for each form of input. Pure of
// any fuzzing engine: Tests/Fuzzer runs these under libFuzzer, Tests/FuzzingTests runs them over the
// committed corpus. docs/FUZZING.md tells how.

import SeekableCompression

/// A form of input, and everything that is promised about it.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// Tar streams, with and without checksums that fit.
  case tar
  /// The data of a pax extended header in front of a member.
  case pax
  /// Blobs that begin as gzip, with and without trailers that fit.
  case gzip
  /// Blobs that begin as zstd.
  case zstd
  /// Changes to index files whose checksum is put right.
  case index
  /// Changes to tree files whose checksum is put right.
  case treefile
  /// Manifests, indexes, configurations and the like.
  case documents
  /// References, digests, platforms, media types.
  case references
  /// Members of layers, each byte a choice.
  case tree
  /// Tar streams as the layers of an image, from index to file contents.
  case layer

  /// Holds `input` against everything that is promised, whatever the bytes are.
  ///
  /// - Returns: The promises that were broken, as facts; empty where all was kept. A trap, a hang or
  ///   unbounded memory is for the caller's process to notice.
  package func faults(of input: [UInt8]) -> [String] {
    var faults = Faults()
    switch self {
    case .tar: TarChecks.check(input, &faults)
    case .pax: TarChecks.checkRecords(input, &faults)
    case .gzip: BlobChecks.check(input, codec: .gzip, &faults)
    case .zstd: BlobChecks.check(input, codec: .zstd, &faults)
    case .index: IndexChecks.check(input, &faults)
    case .treefile: TreeFileChecks.check(input, &faults)
    case .documents: DocumentChecks.check(input, &faults)
    case .references: ReferenceChecks.check(input, &faults)
    case .tree: TreeChecks.check(input, &faults)
    case .layer: LayerChecks.check(input, &faults)
    }
    return faults.texts
  }
}

/// Promises that were found broken.
struct Faults {
  private(set) var texts: [String] = []

  mutating func require(_ isKept: Bool, _ promise: @autoclosure () -> String) {
    if !isKept { texts.append(promise()) }
  }

  /// Checks that every position that an error's text names lies in its stream.
  ///
  /// Texts, because that is where people read them. `stream` is what stands before the number.
  mutating func requirePositions(in text: String, of stream: String, upTo end: Int) {
    let words = text.split(separator: " ")
    let isNamed = stream.split(separator: " ")
    for start in words.indices.dropLast(isNamed.count)
    where words[start...].starts(with: isNamed) {
      let digits = words[start + isNamed.count].prefix { $0.isNumber }
      let isInside = UInt64(digits).map { $0 <= UInt64(end) } ?? false
      require(isInside, "names a place outside of \(end) bytes: \(text)")
    }
  }
}

/// Numbers that depend on nothing but the input, so that a failure can be repeated.
struct InputNumbers {
  private var state: UInt64

  /// Seeded by FNV-1a over `bytes`.
  init(of bytes: [UInt8]) {
    state = bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  /// A number of 0..<`bound` (SplitMix64).
  mutating func next(below bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((mixed ^ (mixed >> 31)) % UInt64(max(bound, 1)))
  }
}
