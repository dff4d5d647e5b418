// What errors of the store say: bounded lists, escaped names, and of which kind each is.

import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct ImageStoreErrorTests {
  @Test func `every kind of failure has its words`() throws {
    let digest = try Digest(ImageFixture.sha256([]))
    #expect(
      ImageStoreError.blobSizeMismatch(digest, expected: 5, actual: 0).description
        == "blob \(digest): 0 bytes, expected 5"
    )
    #expect(
      ImageStoreError.failed(operation: "open", "/x", .noSpace).description
        == "/x: cannot open: No space left on device"
    )
    #expect(
      ImageStoreError.severalImages(names: (0..<20).map(String.init)).description.hasSuffix(
        "14, 15 and 4 more"
      )
    )
    #expect(
      ImageStoreError.noSuchPlatform(.linuxAMD64, available: []).description
        == "no image for linux/amd64; there is none"
    )
  }
}
