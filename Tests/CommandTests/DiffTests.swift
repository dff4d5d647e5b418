// diff: whole outputs for two images that differ in one of everything, and what is said otherwise.

import Foundation
import TestKit
import Testing

/// Two images: the second has the first one's layer, compressed, and another one on it.
struct TwoImages {
  let place: Workplace
  let fixture: ImageFixture
  let old: String
  let new: String
  let upper: ImageFixture.Layer

  init(_ role: Role = Role.all[0]) throws {
    place = try Workplace(role)
    let tar = TarBytes.archive(Self.base)
    upper = .plain(TarBytes.archive(Self.changes))
    fixture = try ImageFixture(at: place.appending("image"))
    let packed = ImageFixture.Layer(
      blob: CompressedBytes.gzip(tar),
      diffID: ImageFixture.sha256(tar)
    )
    let first = try fixture.addImage([.plain(tar)])
    let second = try fixture.addImage([packed, upper])
    try fixture.write(index: [first.named("old"), second.named("new")])
    old = "oci:\(fixture.path):old"
    new = "oci:\(fixture.path):new"
  }

  private static let data = CompressedBytes.sample(byteCount: 300_000, seed: 3)
  private static let oddName = TarText(Array("odd/".utf8) + [0xff, 0xfe])

  private static let base: [TarEntry] = [
    .directory("./"), .directory("bin/"), .file("bin/tool", "tool\n").mode(0o755),
    .hardLink("bin/again", to: "bin/tool").mode(0o755), .file("data", TarText(data)),
    .directory("dev/"),
    .characterDevice("dev/null", major: 1, minor: 3), .directory("etc/"),
    .file("etc/hidden", "hidden\n"), .file("etc/hosts", "127.0.0.1\tlocalhost\n"),
    .file("etc/same", "same\n").attribute("user.a", "1").attribute("user.b", "1"),
    .directory("lib/"), .file("lib/old", "12345678"), .directory("odd/"), .file(oddName, "22"),
    .file("odd/new\nline", "1"), .symlink("sh", to: "bin/tool"), .symlink("settings", to: "etc"),
  ]

  private static let changes: [TarEntry] = [
    .file("bin/again", "tool\n").mode(0o755),
    .file("data", TarText(data.dropLast() + [data[data.count - 1] ^ 1])),
    .characterDevice("dev/null", major: 1, minor: 5), .whiteout("etc/hidden"),
    .file("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n").mode(0o600).owner(1, 2)
      .modified(5),
    .file("etc/same", "same\n").attribute("user.b", "2").attribute("user.c, d", ""),
    .symlink("lib", to: "usr/lib"), .file(oddName, "33"), .file("odd/a b"),
    .symlink("sh", to: "bin/a, b"),
  ]

  func run(_ arguments: [String]) throws -> Outcome {
    try place.start(["diff"] + arguments).finish()
  }
}

extension Outcome {
  /// What diff says of a difference.
  static func differing(_ text: String) -> Outcome {
    Outcome(status: 1, output: Array(text.utf8), errors: "")
  }
}

struct DiffTests {
  private static let hosts =
    "M /etc/hosts  content,size 20->34,mode 0644->0600,owner 0:0->1:2,time\n"

  private static let all = #"""
    M /bin/tool  links
    M /data  content
    M /dev/null  device 1:3->1:5
    D /etc/hidden
    M /etc/hosts  content,size 20->34,mode 0644->0600,owner 0:0->1:2,time
    M /etc/same  xattr -user.a,xattr +user.c\x2c\x20d,xattr user.b
    M /lib  type directory->symlink,mode 0755->0777
    D /lib/old
    A /odd/a b
    M /odd/\xff\xfe  content
    M /sh  target bin/tool->bin/a\x2c\x20b

    """#

  @Test(arguments: Role.all)
  func `diff names what is added, removed and changed, and in what`(role: Role) throws {
    let images = try TwoImages(role)
    expect(try images.run([images.old, images.new]), is: .differing(Self.all))
    expect(try images.run(["--layer", "1", images.new]), is: .differing(Self.all))
    expect(try images.run([images.old, images.old]), is: .success())
    expect(
      try images.run(["--layer", "0", images.old, "dev/null"]),
      is: .differing("A /dev/null\n")
    )
  }

  @Test func `before the first layer there is nothing`() throws {
    let images = try TwoImages()
    let names = try images.place.run("ls", "-R", images.old).text
    let expected = names.split(separator: "\n").map { "A \($0)\n" }.joined()
    expect(try images.run(["--layer", "0", images.new]), is: .differing(expected))
  }

  @Test(arguments: [
    ("etc/hosts", hosts), ("/etc/../etc//hosts", hosts), ("bin/again", ""), ("odd/new\nline", ""),
    ("settings/hosts", hosts.replacing("/etc", with: "/settings")),
    ("lib", "M /lib  type directory->symlink,mode 0755->0777\nD /lib/old\n"),
    ("lib/old", "D /lib/old\n"), ("odd/a b", "A /odd/a b\n"),
    ("sh", "M /sh  type regular->symlink,mode 0755->0777\n"),
    (
      "settings",
      "D /settings/hidden\n" + hosts.replacing("/etc", with: "/settings")
        + "M /settings/same  xattr -user.a,xattr +user.c\\x2c\\x20d,xattr user.b\n"
    ),
  ])
  func `a path and what is below it are compared, a link at its end followed`(
    path: String,
    expected: String
  ) throws {
    let images = try TwoImages()
    let outcome = expected.isEmpty ? Outcome.success() : .differing(expected)
    expect(try images.run([images.old, images.new, path]), is: outcome)
    expect(try images.run(["--layer", "1", images.new, path]), is: outcome)
  }

  @Test func `times can be left out`() throws {
    let images = try TwoImages()
    expect(
      try images.run(["--ignore-times", images.old, images.new, "etc/hosts"]),
      is: .differing(Self.hosts.replacing(",time", with: ""))
    )
  }

  @Test func `--stat counts`() throws {
    let images = try TwoImages()
    let expected = """
      CHANGE   NAMES   BEFORE    AFTER
      added        1        -      0 B
      removed      2     15 B        -
      changed      8  293 KiB  293 KiB
      changed: type 1, content 3, target 1, device 1, mode 2, owner 1, time 1, xattr 1, links 1

      """
    expect(try images.run(["--stat", images.old, images.new]), is: .differing(expected))
    let exact = """
      CHANGE   NAMES  BEFORE  AFTER
      added        0       -      0
      removed      1       7      -
      changed      2      20     34
      changed: content 1, mode 1, owner 1, time 1, xattr 1

      """
    expect(
      try images.run(["--stat", "--bytes", "--layer", "1", images.new, "etc"]),
      is: .differing(exact)
    )
    let nothing = """
      CHANGE   NAMES  BEFORE  AFTER
      added        0       -    0 B
      removed      0     0 B      -
      changed      0     0 B    0 B

      """
    expect(try images.run(["--stat", images.old, images.old]), is: .success(nothing))
  }

  @Test func `a file with several names counts once, and when all of them are there`() throws {
    let place = try Workplace()
    let reference = try place.image([
      [.file("a", "12345"), .file("gone", "123"), .hardLink("gone-too", to: "gone")],
      [
        .hardLink("b", to: "a"), .file("c", "1234567"), .hardLink("d", to: "c"),
        .whiteout("gone"), .whiteout("gone-too"),
      ],
    ])
    let outcome = try place.run("diff", "--stat", "--layer", "1", reference)
    let expected = """
      CHANGE   NAMES  BEFORE  AFTER
      added        3       -    7 B
      removed      2     3 B      -
      changed      0     0 B    0 B

      """
    expect(outcome, is: .differing(expected))
  }

  @Test func `--content shows how texts differ`() throws {
    let images = try TwoImages()
    let diffs = [
      "M /data  content": "Binary files a/data and b/data differ",
      String(Self.hosts.dropLast()): """
      --- a/etc/hosts
      +++ b/etc/hosts
      @@ -1 +1,2 @@
       127.0.0.1\tlocalhost
      +::1\tlocalhost
      """,
      #"M /odd/\xff\xfe  content"#: #"""
      --- a/odd/\xff\xfe
      +++ b/odd/\xff\xfe
      @@ -1 +1 @@
      -22
      \ No newline at end of file
      +33
      \ No newline at end of file
      """#,
    ]
    var expected = Self.all
    for (line, diff) in diffs { expected = expected.replacing(line, with: "\(line)\n\(diff)") }
    expect(try images.run(["--content", images.old, images.new]), is: .differing(expected))
  }

  @Test func `a text of more than a mebibyte counts as binary`() throws {
    let place = try Workplace()
    let limit = 1 << 20
    func file(_ name: TarText, _ count: Int, _ letter: Character) -> TarEntry {
      .file(name, TarText([UInt8](repeating: letter.asciiValue ?? 0, count: count)))
    }
    let reference = try place.image([
      [file("a", limit, "x"), file("b", limit, "x")],
      [file("a", limit, "y"), file("b", limit + 1, "y")],
    ])
    let outcome = try place.run("diff", "--content", "--layer", "1", reference)
    let lines = outcome.text.split(separator: "\n").filter { $0.utf8.count < 100 }.map(String.init)
    #expect(
      lines == [
        "M /a  content", "--- a/a", "+++ b/a", "@@ -1 +1 @@", "\\ No newline at end of file",
        "\\ No newline at end of file", "M /b  content,size 1048576->1048577",
        "Binary files a/b and b/b differ",
      ]
    )
    #expect(outcome.status == 1)
  }
}
