// diff against rsync, which compares the trees that another implementation unpacks: the same paths, and the
// same is said of each.

import Foundation
import TestKit
import Testing

struct DiffOracleTests {
  @Test func `rsync finds the same differences between two real images`() throws {
    let place = try Workplace()
    let (old, new) = (RealImage.small, RealImage.debian)
    let ours = try differences(place, place.reference(of: old), place.reference(of: new))
    #expect(ours.count >= 1000)
    let expected = try rsync(from: try UnpackedImage(old), to: try UnpackedImage(new))
    #expect(Set(ours).subtracting(expected).sorted() == [])
    #expect(Set(expected).subtracting(ours).sorted() == [])
  }

  @Test func `rsync finds the same differences of every kind`() throws {
    let images = try TwoImages()
    let ours = try differences(images.place, images.old, images.new)
    let unpacked = try [images.old, images.new].map { reference in
      try UnpackedImage(layout: String(reference.dropFirst("oci:".count)))
    }
    #expect(ours.sorted() == (try rsync(from: unpacked[0], to: unpacked[1])).sorted())
  }

  // MARK: Ours

  /// A line for each difference that rsync can see.
  private func differences(_ place: Workplace, _ old: String, _ new: String) throws -> [String] {
    let outcome = try place.run("diff", "--progress", "none", "--format", "json", old, new)
    #expect((outcome.status, outcome.errors) == (1, ""))
    let document = try JSONText.object(outcome.output)
    return try #require(document["differences"] as? [[String: Any]]).compactMap(line)
  }

  private func line(_ difference: [String: Any]) throws -> String? {
    let path: [UInt8]
    if let base64 = difference["pathBase64"] as? String {
      path = Array(try #require(Data(base64Encoded: base64)))
    } else {
      path = Array(try #require(difference["path"] as? String).utf8)
    }
    let what = difference["what"] as? [String] ?? []
    // It leaves files linked that need not be, and what has another type is new to it.
    if what == ["links"] { return nil }
    let change = try #require(difference["change"] as? String)
    return text(
      path,
      what.contains("type") ? "added" : change,
      what.contains("type") ? [] : Set(what).subtracting(["links"])
    )
  }

  private func text(_ path: [UInt8], _ change: String, _ what: Set<String>) -> String {
    "/\(String(decoding: path, as: UTF8.self)): \(change) \(what.sorted().joined(separator: ","))"
  }

  // MARK: rsync

  /// What rsync would do to make the old tree the new one.
  private func rsync(from old: UnpackedImage, to new: UnpackedImage) throws -> [String] {
    let output = try AsRoot.succeed([
      "env", "LC_ALL=C", "rsync", "-naHAX", "--delete", "--numeric-ids", "--checksum",
      "--modify-window=-1", "--out-format=%i|%n", new.path + "/", old.path + "/",
    ])
    return output.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard let bar = line.firstIndex(of: UInt8(ascii: "|")) else { return nil }
      let code = String(decoding: line[..<bar], as: UTF8.self)
      return text(path(line[(bar + 1)...]), change(code), what(code))
    }
  }

  /// Source: rsync(1), "--itemize-changes".
  private func change(_ code: String) -> String {
    if code.hasPrefix("*deleting") { return "removed" }
    return code.hasSuffix("+") ? "added" : "changed"
  }

  private func what(_ code: String) -> Set<String> {
    guard change(code) == "changed" else { return [] }
    let type = code.dropFirst().first
    return Set(
      code.dropFirst(2).compactMap { letter in
        switch letter {
        case "c": type == "L" ? "target" : type == "D" ? "device" : "content"
        case "p": "mode"
        case "o", "g": "owner"
        case "t": "time"
        case "a", "x": "xattr"
        default: nil
        }
      }
    )
  }

  /// Undoes rsync's `\#ooo`, and the slash behind a directory.
  private func path(_ written: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = written
    while let byte = rest.popFirst() {
      let digits = rest.dropFirst().prefix(3)
      if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "#"),
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(1 + digits.count)
      } else {
        bytes.append(byte)
      }
    }
    if bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    return bytes == Array(".".utf8) ? [] : bytes
  }
}
