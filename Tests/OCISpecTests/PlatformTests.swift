// Platform spellings, and which image runs where.

import OCISpec
import Testing

struct PlatformTests {
  @Test(arguments: [
    ("linux/amd64", "linux/amd64"),
    ("linux/x86_64", "linux/amd64"),
    ("Linux/X86-64", "linux/amd64"),
    ("linux/amd64/v1", "linux/amd64"),
    ("linux/amd64/v3", "linux/amd64/v3"),
    ("linux/arm64", "linux/arm64/v8"),
    ("linux/aarch64", "linux/arm64/v8"),
    ("linux/arm64/8", "linux/arm64/v8"),
    ("linux/arm64/v9", "linux/arm64/v9"),
    ("linux/arm", "linux/arm/v7"),
    ("linux/arm/6", "linux/arm/v6"),
    ("linux/armhf", "linux/arm/v7"),
    ("linux/armel", "linux/arm/v6"),
    ("linux/i686", "linux/386"),
    ("linux/riscv64", "linux/riscv64"),
    ("macos/arm64", "darwin/arm64/v8"),
  ])
  func `every spelling has one normal form`(text: String, normal: String) throws {
    #expect(try Platform(parsing: text).description == normal)
  }

  @Test(arguments: [
    "", "linux", "linux/", "/amd64", "linux//v8", "linux/amd64/v1/x", "linux/amd64 ", "a/b\n",
  ])
  func `anything but two or three parts is refused`(text: String) {
    let error = #expect(throws: SpecError.self) { try Platform(parsing: text) }
    guard case .badPlatform = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    arguments: [
      // An exact match wins wherever it stands, and the first of two.
      ("linux/amd64", ["linux/arm64", "linux/amd64", "linux/amd64"], 1),
      ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], 1),
      // Else the nearest predecessor.
      ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], 1),
      ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"], 1),
      ("linux/arm64/v9", ["linux/arm64"], 0),
      ("linux/arm64", ["linux/arm64/v8"], 0),
      // Never a successor, another architecture or another system.
      ("linux/amd64", ["linux/amd64/v2", "windows/amd64", "linux/386", "linux/riscv64"], nil),
      ("linux/arm64", ["linux/arm/v8", "linux/arm64/v9"], nil),
      ("linux/ppc64le/power9", ["linux/ppc64le/power8"], nil),
      ("linux/amd64", [], nil),
    ] as [(String, [String], Int?)]
  )
  func `I6: the nearest platform that runs is chosen`(
    request: String,
    candidates: [String],
    expected: Int?
  ) throws {
    let platforms = try candidates.map { try Platform(parsing: $0) }
    #expect(Platform.best(for: try Platform(parsing: request), among: platforms) == expected)
  }

  @Test func `a platform from a document is printed without its control characters`() {
    #expect(
      Platform(os: "li\u{1b}nux", architecture: "a\nb").description == "li\\u{1b}nux/a\\u{a}b"
    )
  }
}
