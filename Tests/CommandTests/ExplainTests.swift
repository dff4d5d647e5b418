// stat --explain: what each layer did to a path, as text and JSON, for image layers and added ones.

import FileTree
import Foundation
import TestKit
import Testing

struct ExplainTests {
  /// An image of plain layers, whose members' places are known.
  private struct Image {
    let reference: String
    let digests: [String]
    /// Of each layer the member's name by where it begins.
    let members: [[Int: String]]

    init(_ layers: [[TarEntry]], in place: Workplace) throws {
      let blobs = layers.map { ImageFixture.Layer.plain(TarBytes.archive($0)) }
      _ = try ImageFixture.image(blobs, at: place.appending("image"))
      reference = "oci:" + place.appending("image")
      digests = blobs.map(\.diffID)
      members = layers.map { entries in
        var members: [Int: String] = [:]
        var offset = 0
        for entry in entries {
          let name = EscapedBytes.string(entry.path)
          members[offset] = name.hasSuffix("/") ? String(name.dropLast()) : name
          offset += TarBytes.bytes(of: entry).count
        }
        return members
      }
    }

    /// Lines of a history, each with its layer's number or option; what is right is left out: digests,
    /// and the bytes at which members begin.
    func brief(_ lines: some Sequence<Substring>) -> [String] {
      var layer = "?"
      return lines.compactMap { line in
        if line.hasPrefix("    ") { return layer + " " + withoutPlaces(line.dropFirst(4), layer) }
        layer = String(line.dropFirst(2))
        for (number, digest) in digests.enumerated() where layer == "layer \(number) \(digest)" {
          layer = "\(number)"
        }
        if layer == "no layer" { layer = "-" }
        return nil
      }
    }

    private func withoutPlaces(_ line: Substring, _ layer: String) -> String {
      String(line).replacing(/\ (\S+) at tar byte (\d+)/) { match in
        let isRight = Int(layer).flatMap { members[$0][Int(match.2) ?? 0] } == String(match.1)
        return isRight ? " \(match.1)" : String(match.0)
      }
    }
  }

  private func history(_ outcome: Outcome) -> (path: Substring, lines: [Substring]) {
    let lines = outcome.text.split(separator: "\n")
    guard let start = lines.firstIndex(where: { $0.hasPrefix("history: ") }) else {
      return ("", [])
    }
    return (lines[start].dropFirst(9), Array(lines[(start + 1)...]))
  }

  // MARK: Text

  @Test func `every rule is told in words`() throws {
    let place = try Workplace()
    let rows = ExplainRow.all
    let image = try Image([rows.flatMap(\.base), rows.flatMap(\.upper)], in: place)
    for row in rows {
      let outcome = try place.run("stat", "--explain", image.reference, row.path)
      #expect(image.brief(history(outcome).lines) == row.lines, "\(row.rule)")
      #expect(outcome.status == (row.failure == nil ? 0 : 66), "\(row.rule)")
      let errors = row.failure.map { "banger-fs: \(row.path): \($0)\n" } ?? ""
      #expect(outcome.errors == errors, "\(row.rule)")
    }
  }

  @Test func `the root is told of like other directories`() throws {
    let place = try Workplace()
    let layers: [[TarEntry]] = [
      [.directory("./").mode(0o700), .file("x")], [.opaque("")], [.directory("./").owner(1, 2)],
    ]
    let image = try Image(layers, in: place)
    let root = try place.run("stat", "--explain", image.reference, "/")
    #expect(history(root).path == "/")
    #expect(
      image.brief(history(root).lines) == [
        "0 made it a directory, mode 0700, owner 0:0, and kept what is in it (member .) [U26]",
        "1 hid what lower layers have in it (opaque mark .wh..wh..opq) [U11]",
        "2 made it a directory, mode 0755, owner 1:2, and kept what is in it (member .) [U26]",
      ]
    )
  }

  @Test func `the place is told of that a path leads to, or the path where that has no history`()
    throws
  {
    let place = try Workplace()
    let layers: [[TarEntry]] = [
      [.file("d/x"), .symlink("l", to: "d/./x"), .file("e/x")], [.symlink("e", to: "d")],
      [.symlink("d/loop", to: "loop")],
    ]
    let image = try Image(layers, in: place)
    func path(_ arguments: String...) throws -> Substring {
      try history(place.start(["stat", "--explain", image.reference] + arguments).finish()).path
    }
    #expect(try path("l") == "/l")
    #expect(try path("-L", "l") == "/d/x")
    #expect(try path("../e/./x") == "/d/x")
    let never = try place.run("stat", "--explain", image.reference, "e/y")
    expect(never, is: .failure(66, "e/y: no such file or directory in the image"))
    #expect(try path("-L", "d/loop") == "/d/loop")
    // Where e was a directory, it had one.
    let replaced = try Image(
      [[.file("e/y")], [.symlink("e", to: "d")], [.directory("d")]],
      in: place
    )
    let outcome = try place.run("stat", "--explain", replaced.reference, "e/y")
    #expect(history(outcome).path == "/e/y")
    #expect(
      replaced.brief(history(outcome).lines) == [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member e/y)",
        "1 replaced its parent /e, the directory of layer 0, by a symlink, mode 0777, owner 0:0: "
          + "it is gone (member e) [U19]",
      ]
    )
  }

  @Test func `added layers are told by the options that asked for them`() throws {
    let place = try Workplace()
    let layers: [[TarEntry]] = [[.directory("tmp/").mode(0o1777), .file("tmp/x", "1")]]
    let image = try Image(layers, in: place)
    try place.makeDirectory("home/over")
    try place.makeDirectory("home/over/tmp")
    try place.write("home/over/tmp/.wh.x", "")
    let tar = TarBytes.archive([.file("tmp/y"), .file("tmp/x", "333")])
    try Data(tar).write(to: URL(fileURLWithPath: place.home + "/more.tar"))
    try place.write("home/x", "22", mode: 0o600)
    let options = ["--overlay", "over", "--overlay", "more.tar", "--inject", "x:/tmp/x"]
    func lines(_ path: String) throws -> [String] {
      let command = ["stat", "--explain", image.reference, path] + options
      return image.brief(history(try place.start(command).finish()).lines)
    }
    #expect(
      try lines("tmp") == [
        "0 put a directory, mode 01777, owner 0:0 (member tmp)",
        "--overlay over left it as it is (member tmp)",
      ]
    )
    #expect(
      try lines("tmp/x") == [
        "0 put a file of 1 byte, mode 0644, owner 0:0 (member tmp/x)",
        "--overlay over hid it (whiteout tmp/.wh.x) [U1]",
        "--overlay more.tar put a file of 3 bytes, mode 0644, owner 0:0 "
          + "(member tmp/x at tar byte 512)",
        "--inject x:/tmp/x replaced the file of --overlay more.tar by a file of 2 bytes, mode 0600, "
          + "owner 0:0 (member tmp/x) [U14]",
      ]
    )
  }

  @Test func `with --follow-dirlinks a history goes where the links lead`() throws {
    let place = try Workplace()
    let image = try Image([[.file("d/x"), .symlink("l", to: "d")], [.fifo("l/x")]], in: place)
    let outcome = try place.run("stat", "--explain", "--follow-dirlinks", image.reference, "l/x")
    #expect(history(outcome).path == "/d/x")
    #expect(
      image.brief(history(outcome).lines) == [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member d/x)",
        "1 replaced the file of layer 0 by a fifo, mode 0644, owner 0:0, through the symbolic link "
          + "/l -> d of layer 0 (member l/x) [U21, U14]",
      ]
    )
  }

  @Test func `every rule has an example`() {
    let root: [MergeRule] = [.opaqueRoot, .rootEntry]
    let text = ExplainRow.all.flatMap(\.lines).joined()
    let missing = MergeRule.allCases.filter { rule in
      !root.contains(rule)
        && ![", ", "["].contains { before in
          [",", "]"].contains { text.contains(before + rule.rawValue + $0) }
        }
    }
    #expect(missing == [])
  }
}
