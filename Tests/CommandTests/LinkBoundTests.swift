// Paths that lead through symbolic links without measure: see TreeLimits.linkByteCount.

import Foundation
import TestKit
import Testing

struct LinkBoundTests {
  /// 39 links with targets of 4,000 bytes, and files behind all of them in two directories by turns.
  private static let entries: [TarEntry] = {
    let links = (0..<39).map { number -> TarEntry in
      let next = number < 38 ? "L\(number + 1)" : "."
      let target = next + String(repeating: "/", count: 4000 - next.count)
      return .symlink(TarText(Array("L\(number)".utf8)), to: TarText(Array(target.utf8)))
    }
    let files = (0..<200).map { number -> TarEntry in
      .file(TarText(Array("L0/\(number % 2)/f\(number)".utf8)))
    }
    return links + files
  }()

  @Test func `U22: a layer that is led through links without measure is refused`() throws {
    let place = try Workplace()
    let reference = try place.image([[.file("base")], Self.entries])
    let limit = (1 << 22) + 64 * (1 + Self.entries.count)
    let member = 39 + limit / (39 * 4000)
    let byte = Self.entries[..<member].reduce(0) { $0 + TarBytes.bytes(of: $1).count }
    let number = member - 39
    let digest = ImageFixture.sha256(LayerEncoding.gzip.layer(Self.entries).blob)
    expect(
      try place.run("ls", reference),
      is: .failure(
        65,
        "layer \(digest): /L0/\(number % 2)/f\(number): paths up to here lead through more than "
          + "\(limit) bytes of symbolic links' targets (member at tar byte \(byte))"
      )
    )
  }
}
