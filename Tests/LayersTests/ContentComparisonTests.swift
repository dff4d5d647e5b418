// Whether files of two images have the same bytes: told by layers and members where these are shared,
// also when nothing can be decoded any more; else by the bytes.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

@testable import Layers

struct ContentComparisonTests {
  private static let large = CompressedBytes.sample(byteCount: 3_000_000, seed: 41)

  /// The same with another byte in the last of its pieces.
  private static let other: [UInt8] = {
    var bytes = large
    bytes[bytes.count - 2] ^= 1
    return bytes
  }()

  private static let base = TarBytes.archive([
    .file("large", TarText(large)), .file("small", "small"), .hardLink("link", to: "large"),
  ])
  private static let copies = TarBytes.archive([
    .file("small", "small"), .file("copy", TarText(large)), .file("other", TarText(other)),
    .sparse("sparse", size: 3_000_000, segments: [(2_999_999, "x")], format: .pax10),
    .file("plain", TarText([UInt8](repeating: 0, count: 2_999_999) + Array("x".utf8))),
    .file("y", TarText([UInt8](repeating: 0, count: 2_999_999) + Array("y".utf8))),
  ])

  private func isSame(
    _ comparison: ContentComparison,
    _ old: (OpenedImage, String),
    _ new: (OpenedImage, String)
  ) throws -> Bool {
    try comparison.isSame(try old.0.files.file(old.1), try new.0.files.file(new.1))
  }

  @Test(arguments: LayerEncoding.allCases)
  func `bytes decide where files come from different members`(encoding: LayerEncoding) throws {
    let images = (
      try StoredImage([Self.base], as: .gzip),
      try StoredImage([Self.copies, Self.base], as: encoding)
    )
    let (old, new) = (try images.0.open(), try images.1.open())
    let comparison = ContentComparison(old, new)
    for (path, others) in [
      ("large", ["large": true, "link": true, "copy": true, "other": false, "plain": false]),
      ("link", ["copy": true, "other": false]), ("small", ["small": true, "large": false]),
    ] {
      for (other, isExpected) in others {
        #expect(try isSame(comparison, (old, path), (new, other)) == isExpected, "\(path) \(other)")
      }
    }
    let within = ContentComparison(new, new)
    #expect(try isSame(within, (new, "sparse"), (new, "plain")))
    #expect(try !isSame(within, (new, "sparse"), (new, "y")))
  }

  /// Damages a blob that is open: every read of it is refused from then on.
  private func damage(_ image: StoredImage, layer: Int) throws {
    try overwrite(image.blobPath(layer: layer), keepingTime: true) { bytes in
      for place in stride(from: 0, to: bytes.count, by: 4096) { bytes[place] ^= 0xff }
    }
  }

  /// Of one zstd frame there is a copy in the cache, which is not damaged.
  @Test(arguments: LayerEncoding.allCases.filter { $0 != .zstd })
  func `a shared layer is not decoded, however it is compressed, and wherever it stands`(
    encoding: LayerEncoding
  ) throws {
    let images = (
      try StoredImage([Self.base], as: encoding),
      try StoredImage([Self.copies, Self.base], as: .gzip)
    )
    let (old, new) = (try images.0.open(), try images.1.open())
    try damage(images.0, layer: 0)
    try damage(images.1, layer: 1)
    let comparison = ContentComparison(old, new)
    #expect(try isSame(comparison, (old, "large"), (new, "large")))
    #expect(try isSame(comparison, (old, "link"), (new, "link")))
    #expect(try isSame(comparison, (old, "small"), (new, "small")))
    // Of another member the bytes are needed.
    #expect(
      failure { try isSame(comparison, (old, "large"), (new, "copy")) }
        == .blobChanged(layer: sha256(images.0.blobs[0]), at: .zero)
    )
    // Sizes that differ say enough.
    #expect(try !isSame(comparison, (old, "large"), (new, "small")))
  }

  @Test func `trees of one image compare by their layers`() throws {
    let image = try StoredImage([Self.base, Self.copies], as: .gzip)
    let new = try image.open()
    let old = try new.showing(.upTo(0))
    try damage(image, layer: 0)
    let comparison = ContentComparison(old, new)
    #expect(try isSame(comparison, (old, "large"), (new, "large")))
    #expect(failure { try isSame(comparison, (old, "small"), (new, "small")) } != nil)
  }
}
