// What becomes of reads that fail: a mount keeps them, and `mounts -v` tells them, also of a mount in the
// background that has no log.

import FileTree
import Foundation
import FuseServer
import Glibc
import Layers
import TestKit
import Testing

@testable import BangerFS
@testable import TreeMount

struct FailedReadTests {
  // MARK: Whole commands

  /// A mount in the background of an image whose upper layer goes bad; `data` cannot be read.
  private struct Damaged {
    let place: Workplace
    let image: SmallImage
    let message: String

    init(_ role: Role) throws {
      place = try Workplace(role)
      image = try SmallImage(in: place)
      try place.makeDirectory("home/mnt")
      expect(try place.run("mount", image.reference, "mnt"), is: .success())
      var blob = image.layers[1].blob
      blob[150_000] ^= 1
      try image.fixture.replaceBlob(image.digest(ofLayer: 1), with: blob)
      message =
        "layer \(image.digest(ofLayer: 1)): the blob has changed since it was verified, "
        + "at or after blob byte 131072"
    }

    /// Reads `data` in one piece, which is one request that fails.
    func read() throws {
      let read = try place.runTool(
        "dd",
        "if=mnt/data",
        "iflag=direct",
        "bs=128K",
        "skip=1",
        "count=1",
        "of=/dev/null"
      )
      #expect(read.status == 1)
    }

    /// The mount as `mounts` tells it.
    func mount(_ options: String...) throws -> [String: Any] {
      let output = try place.start(["mounts", "--format", "json"] + options).finish().output
      let mounts = try JSONText.object(output)["mounts"] as? [[String: Any]] ?? []
      return try #require(mounts.first { $0["mountpoint"] as? String == place.home + "/mnt" })
    }

    /// What `mounts -v` prints of the mount below the table.
    func lines() throws -> [String] {
      let lines = try place.run("mounts", "-v").text.split(separator: "\n").map(String.init)
      guard let first = lines.firstIndex(where: { $0.hasPrefix("\(place.home)/mnt: ") }) else {
        return []
      }
      return [lines[first]] + lines[(first + 1)...].prefix { $0.hasPrefix("  ") }
    }

    func end() throws { expect(try place.run("umount", "--lazy", "mnt"), is: .success()) }
  }

  @Test(arguments: Role.all)
  func `mounts -v tells which reads failed, and why`(_ role: Role) throws {
    let damaged = try Damaged(role)
    let none = try damaged.mount("-v")["failedReads"] as? [String: Any]
    #expect(none?["count"] as? Int == 0)
    #expect((none?["files"] as? [Any])?.isEmpty == true)
    #expect(try damaged.lines() == [])

    try damaged.read()
    try damaged.read()
    expect(try damaged.place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    let reads = try #require(try damaged.mount("-v")["failedReads"] as? [String: Any])
    #expect(reads["count"] as? Int == 2)
    let files = try #require(reads["files"] as? [[String: Any]])
    #expect(files.count == 1)
    #expect(
      files[0].keys.sorted() == [
        "count", "lastTime", "layer", "layerDigest", "message", "offset", "path",
      ]
    )
    #expect(files[0]["path"] as? String == "data")
    #expect(files[0]["layer"] as? Int == 1)
    #expect(files[0]["layerDigest"] as? String == damaged.image.digest(ofLayer: 1))
    #expect(files[0]["offset"] as? Int == 131_072)
    #expect(files[0]["count"] as? Int == 2)
    #expect(files[0]["message"] as? String == damaged.message)
    let time = try #require(files[0]["lastTime"] as? String)
    let date = try Date(time, strategy: .iso8601)
    #expect(abs(date.timeIntervalSinceNow) < 600 && time.hasSuffix("Z"))
    #expect(
      try damaged.lines() == [
        "\(damaged.place.home)/mnt: 2 failed reads",
        "  /data at byte 131072, layer 1, 2 times, last \(time): \(damaged.message)",
      ]
    )
    #expect(try damaged.mount()["failedReads"] == nil)
    try damaged.end()
  }

  @Test func `only the mounter may ask`() throws {
    guard geteuid() == 0 else { return }
    let damaged = try Damaged(.root)
    try damaged.read()
    let outcome = try Program.run(
      [damaged.place.binary, "mounts", "-v"],
      user: Role.ordinary.user
    )
    let place = "\(damaged.place.home)/mnt"
    #expect(
      outcome.text.contains("\n\n\(place): failed reads are not known: Permission denied\n")
    )
    try damaged.end()
  }

  @Test func `others who are let in are not told what they could not list`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let mnt = try place.makeDirectory("mnt")
    expect(try place.run("mount", "-o", "allow_other", image.reference, mnt), is: .success())
    let name = "user.banger.failures"
    let ask = ["getfattr", "--absolute-names", "--only-values", "-n", name, mnt]
    #expect(try Program.run(ask).text == #"{"count":0,"files":[]}"#)
    #expect(try Program.run(ask, user: Role.ordinary.user).status == 1)
    expect(try place.run("umount", mnt), is: .success())
  }

  @Test func `a mount that does not answer, or is dead, keeps nobody waiting`() throws {
    let damaged = try Damaged(Role.all[0])
    try damaged.read()
    let server = try damaged.place.server()
    kill(server, SIGSTOP)
    #expect(try damaged.mount("-v")["state"] as? String == "silent")
    #expect(try damaged.mount("-v")["failedReads"] == nil)
    kill(server, SIGKILL)
    try Program.wait(for: "the death") { try damaged.place.servers().isEmpty }
    #expect(try damaged.mount("-v")["state"] as? String == "dead")
    #expect(try damaged.lines() == [])
    try damaged.end()
  }

  // MARK: The record

  private func failure(_ number: UInt64, path: [UInt8]? = nil) -> ReadFailure {
    ReadFailure(
      inode: InodeNumber(rawValue: number),
      path: path ?? Array("file-\(number)".utf8),
      offset: number,
      node: nil,
      error: .merge(.treeTooLarge)
    )
  }

  private func told(_ record: FailedReadRecord) throws -> FailedReads {
    try JSONDecoder().decode(FailedReads.self, from: Data(record.attribute))
  }

  @Test func `the last twenty files are kept, the last one first, and all reads are counted`()
    throws
  {
    let record = FailedReadRecord()
    #expect(record.attribute == Array(#"{"count":0,"files":[]}"#.utf8))
    for number: UInt64 in 1...30 { record.note(failure(number), nil) }
    record.note(failure(15), nil, at: Date(timeIntervalSince1970: 1_000_000_000))
    let reads = try told(record)
    #expect(reads.count == 31)
    let order: [UInt64] = [15] + (11...30).reversed().filter { $0 != 15 }
    #expect(reads.files.map(\.offset) == order)
    #expect(reads.files[0].count == 2)
    #expect(reads.files[0].lastTime == "2001-09-09T01:46:40Z")
    #expect(reads.files.dropFirst().allSatisfy { $0.count == 1 })
  }

  @Test func `what is too long for an attribute is left out, the oldest first`() throws {
    let record = FailedReadRecord()
    for number: UInt64 in 1...20 {
      // Three times as long as base64, and once more as text.
      record.note(failure(number, path: [UInt8](repeating: 0xFF, count: 2000)), nil)
    }
    let reads = try told(record)
    #expect(record.attribute.count <= 64 << 10)
    #expect((3..<20).contains(reads.files.count))
    #expect(reads.files.first?.offset == 20)
    record.note(failure(21, path: [UInt8](repeating: 0xFF, count: 64 << 10)), nil)
    #expect(try told(record) == FailedReads(count: 21, files: []))
  }

  @Test(arguments: [
    "", "{}", "[]", "null", "{\"count\":-1,\"files\":[]}", "{\"count\":1,\"files\":[{}]}",
    "{\"count\":1e99,\"files\":[]}", String(repeating: "[", count: 65_536),
    String(repeating: "{\"files\":", count: 7000), "\u{0}",
  ])
  func `whatever a mount answers, it is no more than nonsense`(text: String) {
    guard case .refused(let reason) = FailedReadsAnswer(decoding: Array(text.utf8)) else {
      Issue.record("\(text.prefix(60)) makes sense")
      return
    }
    #expect(reason == "the mount's answer makes no sense")
  }
}
