// du: whole outputs as text and JSON, what it refuses, and its figures against those that a naive script
// finds in the layers of a real image.

import Foundation
import TestKit
import Testing

struct SpaceTests {
  private func run(_ options: String..., path: String? = nil) throws -> Outcome {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    return try place.start(["du"] + options + [image.reference] + (path.map { [$0] } ?? []))
      .finish()
  }

  // MARK: Text

  @Test(arguments: Role.all)
  func `du shows directories, layers and what is wasted`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let expected = """
         SIZE  PATH
      293 KiB  /
         20 B  /bin
         15 B  /odd
         11 B  /etc
          0 B  /dev
          0 B  /run

      LAYER      PUT  VISIBLE  SHADOWED  CREATED BY
          0     47 B     35 B      12 B  -
          1  293 KiB  293 KiB       0 B  -
      wasted: 12 B of 293 KiB, at 2 paths
      efficiency: 99.99 %

      """
    expect(try place.run("du", image.reference), is: .success(expected))
  }

  @Test func `du of a path looks at what is there and below`() throws {
    let expected = """
      SIZE  PATH
        11  /etc
         0  /etc/shared

      LAYER  PUT  VISIBLE  SHADOWED  CREATED BY
          0   12        0        12  -
          1   11       11         0  -
      wasted: 12 of 23, at 2 paths
      efficiency: 21.73 %

      """
    expect(try run("--bytes", path: "/etc"), is: .success(expected))
  }

  @Test(arguments: ["sh", "/bin/../programs/tool"])
  func `du follows links and shows where they lead`(path: String) throws {
    let expected = """
      SIZE  PATH
      20 B  /bin/tool

      LAYER   PUT  VISIBLE  SHADOWED  CREATED BY
          0  20 B     20 B       0 B  -
          1   0 B      0 B       0 B  -
      wasted: 0 B of 20 B, at 0 paths
      efficiency: 100.00 %

      """
    expect(try run(path: path), is: .success(expected))
  }

  @Test func `du --depth says how many levels`() throws {
    let outcome = try run("--depth=0", "--bytes")
    #expect(outcome.text.hasPrefix("  SIZE  PATH\n300046  /\n\nLAYER"), "\(outcome.text)")
    let deep = try run("--depth", "2", "--bytes")
    #expect(deep.text.hasPrefix("  SIZE  PATH\n300046  /\n    20  /bin\n"), "\(deep.text)")
    #expect(deep.text.contains("\n     0  /etc/shared\n"), "\(deep.text)")
  }

  @Test func `du --wasted shows the paths that waste most`() throws {
    let all = """
      WASTED  LAYERS  PATH
         7 B       1  /etc/hidden
         5 B       2  /etc/passwd
      wasted: 12 B of 293 KiB, at 2 paths
      efficiency: 99.99 %

      """
    expect(try run("--wasted"), is: .success(all))
    let one = all.replacing("   5 B       2  /etc/passwd\n", with: "")
    expect(try run("--wasted", "-n", "1"), is: .success(one))
  }

  private static let twins: [TarEntry] = [
    .file("a/first", "twin"), .file("b", "twin"), .file("c", "other!"), .file("d", "other!"),
    .file("e", "othe"),
  ]

  @Test func `du --duplicates shows files with the same content`() throws {
    let place = try Workplace()
    let reference = try place.image([Self.twins, [.file("f", "twin")]])
    let expected = """
      SAVES  SIZE  FILES  PATH
        8 B   4 B      3  /a/first
                          /b
                          /f
        6 B   6 B      2  /c
                          /d
      duplicates: 2 contents, 14 B could be saved

      """
    expect(try place.run("du", "--duplicates", reference), is: .success(expected))
    let both = try place.run("du", "--duplicates", "--wasted", "-n", "1", reference)
    let sections = """
      WASTED  LAYERS  PATH
      wasted: 0 B of 28 B, at 0 paths
      efficiency: 100.00 %

      SAVES  SIZE  FILES  PATH
        8 B   4 B      3  /a/first
                          /b
                          /f
      duplicates: 2 contents, 14 B could be saved

      """
    expect(both, is: .success(sections))
  }

  @Test func `du --duplicates names ten files of one content`() throws {
    let place = try Workplace()
    let reference = try place.image([(10..<22).map { .file("\($0)", "same") }])
    let text = try place.run("du", "--duplicates", reference).text
    #expect(text.contains("/19\n"), "\(text)")
    #expect(text.contains(" and 2 more\nduplicates: 1 content, 44 B could be saved\n"), "\(text)")
    #expect(!text.contains("/20"), "\(text)")
  }

  @Test func `what a layer puts twice is told`() throws {
    let place = try Workplace()
    let reference = try place.image([[.file("a", "123"), .file("a", "1")]])
    let expected = """
      SIZE  PATH
       1 B  /

      LAYER  PUT  VISIBLE  SHADOWED  CREATED BY
          0  1 B      1 B       0 B  -
      wasted: 0 B of 1 B, at 0 paths
      efficiency: 100.00 %
      overtaken within a layer, beside that: 3 B

      """
    expect(try place.run("du", reference), is: .success(expected))
  }

  // MARK: JSON

  @Test(arguments: Role.all)
  func `du as JSON has everything`(_ role: Role) throws {
    let place = try Workplace(role)
    let odd: [UInt8] = [0x64, 0xff]
    let layers: [[TarEntry]] = [
      [
        .file(TarText(odd + Array("/x".utf8)), "twin"), .file("y", "twin"),
        .file(TarText([0xfe]), "1"),
      ],
      [.whiteout(TarText([0xfe])), .file("empty")],
    ]
    let blobs = layers.map { ImageFixture.Layer.plain(TarBytes.archive($0)) }
    _ = try ImageFixture.image(blobs, at: place.appending("image"))
    let outcome = try place.run("du", "--duplicates", "--format", "json", "oci:../image")
    func layer(_ number: Int, put: Int, visible: Int, shadowed: Int) -> String {
      """
          {
            "digest" : "\(blobs[number].diffID)",
            "layer" : \(number),
            "overtakenBytes" : 0,
            "putBytes" : \(put),
            "shadowedBytes" : \(shadowed),
            "visibleBytes" : \(visible)
          }
      """
    }
    let expected = Self.document([
      layer(0, put: 9, visible: 8, shadowed: 1), layer(1, put: 0, visible: 0, shadowed: 0),
    ])
    expect(outcome, is: .success(expected))
  }

  /// What is said of the image whose layers are these.
  private static func document(_ layers: [String]) -> String {
    #"""
    {
      "bytes" : 8,
      "duplicates" : {
        "contents" : 1,
        "largest" : [
          {
            "bytes" : 4,
            "files" : [
              {
                "path" : "d\\xff/x",
                "pathBase64" : "ZP8veA=="
              },
              {
                "path" : "y"
              }
            ],
            "savedBytes" : 4
          }
        ],
        "savedBytes" : 4
      },
      "efficiency" : 0.8888888888888888,
      "files" : 3,
      "layers" : [
    \#(layers.joined(separator: ",\n"))
      ],
      "overtakenBytes" : 0,
      "path" : "",
      "paths" : [
        {
          "bytes" : 8,
          "path" : ""
        },
        {
          "bytes" : 4,
          "path" : "d\\xff",
          "pathBase64" : "ZP8="
        }
      ],
      "putBytes" : 9,
      "schemaVersion" : 1,
      "shadowedBytes" : 1,
      "wasted" : [
        {
          "bytes" : 1,
          "layers" : 1,
          "path" : "\\xfe",
          "pathBase64" : "/g=="
        }
      ],
      "wastedPaths" : 1
    }

    """#
  }

  // MARK: Refused

  @Test(arguments: [
    ("nope", "nope: no such file or directory in the image"),
    ("etc/hidden", "etc/hidden: no such file or directory in the image"),
    ("data/x", "data/x: not a directory in the image"),
  ])
  func `a path that is not there is refused`(path: String, message: String) throws {
    expect(try run(path: path), is: .failure(66, message))
    expect(try run("--format", "json", path: path), is: .failure(66, message))
  }

  @Test(arguments: [
    (["--depth=-1"], "--depth is at least 0"), (["-n", "0"], "-n is at least 1"),
  ])
  func `numbers that make no sense are refused`(options: [String], message: String) throws {
    let place = try Workplace()
    let outcome = try place.start(["du", "oci:nowhere"] + options).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: \(message)\n"), "\(outcome.errors)")
  }

  @Test func `a layer that is damaged is named`() throws {
    let place = try Workplace()
    let blob = CompressedBytes.gzip(TarBytes.archive(Self.twins))
    let layer = ImageFixture.Layer(
      blob: blob,
      diffID: ImageFixture.sha256(TarBytes.archive(Self.twins))
    )
    let fixture = try ImageFixture.image([layer], at: place.appending("image"))
    #expect(try place.run("du", "--duplicates", "oci:../image").status == 0)
    var other = blob
    other[other.count / 2] ^= 1
    try fixture.replaceBlob(ImageFixture.sha256(blob), with: other)
    let failure = Outcome.failure(
      65,
      "layer \(ImageFixture.sha256(blob)): content is \(ImageFixture.sha256(other))",
      hint: "copy the image into the layout again"
    )
    expect(try place.run("du", "oci:../image"), is: failure)
    expect(try place.run("du", "--duplicates", "oci:../image"), is: failure)
  }

  @Test func `a reader that leaves early ends du in silence`() throws {
    let place = try Workplace()
    let reference = try place.image([
      (0..<5000).map { .directory("a-directory-with-a-longer-name-\($0)") }
    ])
    let script = #""$0" du "$1" | head -n 1; echo ${PIPESTATUS[0]}"#
    expect(try place.runShell(script, reference), is: .success("SIZE  PATH\n141\n"))
  }

  @Test func `an image without layers takes no room`() throws {
    let place = try Workplace()
    _ = try ImageFixture.image([], tag: "empty", at: place.appending("image"))
    let expected = """
      SIZE  PATH
       0 B  /

      LAYER  PUT  VISIBLE  SHADOWED  CREATED BY
      wasted: 0 B of 0 B, at 0 paths
      efficiency: 100.00 %

      """
    expect(try place.run("du", "oci:../image:empty"), is: .success(expected))
  }

  // MARK: A real image

  private func hexadecimal(_ entry: [String: Any]) throws -> String {
    let text = try #require(entry["path"] as? String)
    let bytes = try (entry["pathBase64"] as? String).map { try #require(Data(base64Encoded: $0)) }
    return (bytes ?? Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
  }

  @Test func `the figures of a real image are those that a naive script finds`() throws {
    let place = try Workplace(.ordinary)
    let script = PackageRoot.path + "/Tests/RealImage/sizes"
    let layout = try RealImage.debian.layout
    let naive = try JSONText.object(try Program.succeed([script, layout + ":debian"]))
    let reference = try place.reference(of: .debian)
    let outcome = try place.run(
      "du",
      "--progress",
      "none",
      "--duplicates",
      "--depth",
      "100",
      "-n",
      "1000000",
      "--format",
      "json",
      reference
    )
    #expect((outcome.status, outcome.errors) == (0, ""))
    let facts = try JSONText.object(outcome.output)

    for key in ["bytes", "files"] { #expect(facts[key] as? Int == naive[key] as? Int, "\(key)") }
    #expect(facts["efficiency"] as? Double == naive["efficiency"] as? Double)
    let layers = try #require(facts["layers"] as? [[String: Any]])
    let expected = try #require(naive["layers"] as? [[String: Int]])
    #expect(
      layers.map { layer in layer.compactMapValues { $0 as? Int }.filter { $0.key != "layer" } }
        == expected
    )
    #expect(expected.count == 4 && expected.contains { $0["shadowedBytes", default: 0] > 100_000 })

    let paths = try #require(facts["paths"] as? [[String: Any]])
    var sizes: [String: Int] = [:]
    for path in paths { sizes[try hexadecimal(path)] = path["bytes"] as? Int }
    #expect(sizes == naive["paths"] as? [String: Int])
    #expect(sizes.count > 1000)

    let wasted = try #require(facts["wasted"] as? [[String: Any]])
    var wastes: [String: [Int]] = [:]
    for waste in wasted {
      wastes[try hexadecimal(waste)] = ["bytes", "layers"].compactMap { waste[$0] as? Int }
    }
    #expect(wastes == naive["wasted"] as? [String: [Int]])
    #expect(wastes.count > 100)

    let duplicates = try #require(facts["duplicates"] as? [String: Any])
    #expect(duplicates.compactMapValues { $0 as? Int } == naive["duplicates"] as? [String: Int])
  }
}
