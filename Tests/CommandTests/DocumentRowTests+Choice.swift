// Rows of docs/SEMANTICS.md about which image is chosen: by digest, platform and name.

import TestKit

private typealias Question = DocumentRow.Question

extension DocumentRowTests {
  /// An image whose manifest has a layer with this digest.
  private static func badDigest(
    _ name: String,
    _ digest: String,
    _ fault: String
  ) -> DocumentRow {
    DocumentRow("I15: \(name)") { fixture in
      let entry = try fixture.addManifest(
        config: try fixture.addConfiguration(of: [ImageFixture.layer("a")]),
        layers: #"{"mediaType":"x","digest":"\#(digest)","size":1}"#
      )
      try fixture.write(index: [entry])
      return Question(answer: .refused(65, "blob \(entry.digest): layers[0].digest: \(fault)"))
    }
  }

  static let digestRows = [
    DocumentRow("I14: a digest beside a tag") { fixture in
      let (one, two) = (try fixture.image("one"), try fixture.image("two"))
      try fixture.write(index: [one.named("v1"), two.named("v2")])
      return Question(suffix: ":v1@\(two.digest)", answer: .names(["two"]))
    },
    badDigest(
      "a digest that is a path",
      "sha256:../../../../etc/passwd",
      "\"sha256:../../../../etc/passwd\" is not a digest"
    ),
    badDigest(
      "a digest in upper case",
      "sha256:" + String(repeating: "AB", count: 32),
      "\"sha256:\(String(repeating: "AB", count: 32))\" is not a digest"
    ),
    badDigest("a digest that is cut short", "sha256:ab", "\"sha256:ab\" is not a digest"),
    badDigest(
      "a digest of an algorithm that nobody registered",
      "blake3:" + String(repeating: "ab", count: 32),
      "digest algorithm blake3 is not supported"
    ),
    DocumentRow("I15: a digest on the command line that is none") { fixture in
      try fixture.write(index: [try fixture.image("a")])
      return Question(
        suffix: "@sha256:../x",
        answer: .refused(
          64,
          "\"sha256:../x\" is not a digest",
          hint: "an image is named NAME[:TAG][@DIGEST], oci:DIR[:TAG][@DIGEST], "
            + "oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG]"
        )
      )
    },
    DocumentRow("B16: digests by SHA-512", algorithm: .sha512) { fixture in
      let tar = TarBytes.archive([.file("a")])
      let layer = ImageFixture.Layer(
        blob: CompressedBytes.gzip(tar),
        diffID: ImageFixture.digest(of: tar, .sha512)
      )
      let image = try fixture.addImage([layer]).forPlatform("linux/amd64")
      try fixture.write(index: [try fixture.addIndex([image]).named("v1")])
      return Question(suffix: ":v1@\(image.digest)", answer: .names(["a"]))
    },
    DocumentRow("B16: other bytes than a digest by SHA-512 says", algorithm: .sha512) { fixture in
      let tar = TarBytes.archive([.file("a")])
      try fixture.write(index: [try fixture.addImage([.plain(tar)])])
      let digest = ImageFixture.digest(of: tar, .sha512)
      var other = tar
      other[0] ^= 1
      try fixture.replaceBlob(digest, with: other)
      let actual = ImageFixture.digest(of: other, .sha512)
      return Question(
        answer: .refused(
          65,
          "layer \(digest): content is \(actual)",
          hint: "copy the image into the layout again"
        )
      )
    },
    DocumentRow("B16: a diffID by SHA-512 that is another one", algorithm: .sha512) { fixture in
      let tar = TarBytes.archive([.file("a")])
      let other = ImageFixture.digest(of: [], .sha512)
      let blob = CompressedBytes.gzip(tar)
      try fixture.write(index: [try fixture.addImage([.init(blob: blob, diffID: other)])])
      return Question(
        answer: .refused(
          65,
          "layer \(ImageFixture.digest(of: blob, .sha512)): the diffID is "
            + "\(ImageFixture.digest(of: tar, .sha512)), the image's configuration says \(other)"
        )
      )
    },
  ]

  static let platformRows = [
    DocumentRow("I6: the platform that is asked for") { fixture in
      try fixture.write(index: [try fixture.platforms()])
      return Question(options: ["--platform", "linux/aarch64"], answer: .names(["arm64"]))
    },
    DocumentRow("I6: a platform whose predecessor is there") { fixture in
      try fixture.write(index: [try fixture.platforms()])
      return Question(options: ["--platform", "linux/amd64/v3"], answer: .names(["amd64"]))
    },
    DocumentRow("I6: a platform that is not there") { fixture in
      try fixture.write(index: [try fixture.platforms()])
      return Question(
        options: ["--platform", "linux/riscv64"],
        answer: .refused(
          66,
          "no image for linux/riscv64; there is linux/amd64, linux/arm64/v8",
          hint: "choose one with --platform"
        )
      )
    },
    DocumentRow("I7: the only image, without a platform") { fixture in
      try fixture.write(index: [try fixture.image("a")])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I7: the only image, whose configuration is for another platform") { fixture in
      try fixture.write(index: [try fixture.image("a", platform: "linux/arm64")])
      return Question(
        answer: .refused(
          66,
          "no image for linux/amd64; there is linux/arm64/v8",
          hint: "choose one with --platform"
        )
      )
    },
    DocumentRow("I7: an image without a platform beside one that has it") { fixture in
      let entries = [try fixture.image("a"), try fixture.image("b").forPlatform("linux/amd64")]
      try fixture.write(index: [try fixture.addIndex(entries)])
      return Question(answer: .names(["b"]))
    },
  ]

  static let nameRows = [
    DocumentRow("I17: several images and no name") { fixture in
      try fixture.write(
        index: [try fixture.image("1").named("one"), try fixture.image("2").named("two")]
      )
      return Question(
        answer: .refused(
          66,
          "several images, choose one of one, two",
          hint: "name one, like oci:DIR:TAG or oci-archive:FILE:TAG"
        )
      )
    },
    DocumentRow("I17: several images and a name") { fixture in
      try fixture.write(
        index: [try fixture.image("1").named("one"), try fixture.image("2").named("two")]
      )
      return Question(suffix: ":two", answer: .names(["2"]))
    },
    DocumentRow("I17: several images and a name that none has") { fixture in
      try fixture.write(
        index: [try fixture.image("1").named("one"), try fixture.image("2").named("two")]
      )
      return Question(
        suffix: ":three",
        answer: .refused(66, "no image named three; there is one, two")
      )
    },
  ]
}

extension ImageFixture {
  /// An index of two platforms, each with a file of that name.
  fileprivate func platforms() throws -> Entry {
    try addIndex(
      ["amd64", "arm64"].map { name in
        try image(name, platform: "linux/\(name)").forPlatform("linux/\(name)")
      }
    )
  }
}
