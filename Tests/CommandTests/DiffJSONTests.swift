// diff --format json: whole documents, and that they are the same as those of every command.

import Foundation
import TestKit
import Testing

struct DiffJSONTests {
  private func file(
    _ path: String,
    _ inode: Int,
    _ size: Int,
    _ more: [String: String] = [:]
  ) -> String {
    var fields = [
      "gid": "0", "inode": "\(inode)", "linkCount": "1", "mode": "\"0644\"",
      "mtimeNanoseconds": "0", "mtimeSeconds": "0", "path": "\"\(path)\"", "size": "\(size)",
      "type": "\"regular\"", "uid": "0",
    ]
    fields.merge(more) { $1 }
    let lines = fields.sorted { $0.key < $1.key }.map { "        \"\($0.key)\" : \($0.value)" }
    return "{\n" + lines.joined(separator: ",\n") + "\n      }"
  }

  private static let attributes = """
    {
            "added" : [
              "user.c, d"
            ],
            "changed" : [
              "user.b"
            ],
            "removed" : [
              "user.a"
            ]
          }
    """

  private static let summary = """
    {
        "added" : {
          "bytes" : 0,
          "names" : 0
        },
        "changed" : {
          "bytesAfter" : 34,
          "bytesBefore" : 20,
          "names" : 2,
          "what" : {
            "content" : 1,
            "mode" : 1,
            "owner" : 1,
            "time" : 1,
            "xattr" : 1
          }
        },
        "removed" : {
          "bytes" : 7,
          "names" : 1
        }
      }
    """

  @Test(arguments: Role.all)
  func `the differences come as a list with a summary behind it`(role: Role) throws {
    let images = try TwoImages(role)
    let after = file(
      "etc/hosts",
      9,
      34,
      ["gid": "2", "uid": "1", "mode": "\"0600\"", "mtimeSeconds": "5"]
    )
    let expected = """
      {
        "differences" : [
          {
            "before" : \(file("etc/hidden", 8, 7)),
            "change" : "removed",
            "path" : "etc/hidden"
          },
          {
            "after" : \(after),
            "before" : \(file("etc/hosts", 9, 20)),
            "change" : "changed",
            "contentDiff" : "--- a/etc/hosts\\n+++ b/etc/hosts\\n@@ -1 +1,2 @@\\n \
      127.0.0.1\\tlocalhost\\n+::1\\tlocalhost\\n",
            "isBinary" : false,
            "path" : "etc/hosts",
            "what" : [
              "content",
              "mode",
              "owner",
              "time"
            ]
          },
          {
            "after" : \(file("etc/same", 10, 5)),
            "before" : \(file("etc/same", 10, 5)),
            "change" : "changed",
            "path" : "etc/same",
            "what" : [
              "xattr"
            ],
            "xattrs" : \(Self.attributes)
          }
        ],
        "schemaVersion" : 1,
        "summary" : \(Self.summary)
      }

      """
    expect(
      try images.run(["--content", "--format", "json", images.old, images.new, "etc"]),
      is: .differing(expected)
    )
  }

  @Test func `names that are not UTF-8 come as base64 too, and so do binary files`() throws {
    let images = try TwoImages()
    let outcome = try images.run(["--format", "json", "--content", images.old, images.new])
    let document = try JSONText.object(outcome.output)
    let differences = try #require(document["differences"] as? [[String: Any]])
    let odd = try #require(differences.first { $0["path"] as? String == #"odd/\xff\xfe"# })
    #expect(odd["pathBase64"] as? String == "b2RkL//+")
    #expect(odd["isBinary"] as? Bool == false)
    let data = try #require(differences.first { $0["path"] as? String == "data" })
    #expect(data["isBinary"] as? Bool == true)
    #expect(data["contentDiff"] == nil)
    let lines = try images.run([images.old, images.new]).text.split(separator: "\n")
    #expect(
      differences.compactMap { $0["path"] as? String }.map { "/" + $0 }
        == lines.map { String($0.dropFirst(2).split(separator: "  ")[0]) }
    )
  }

  @Test func `no differences are an empty list`() throws {
    let images = try TwoImages()
    let outcome = try images.run(["--format", "json", images.old, images.old])
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(outcome.text.hasPrefix("{\n  \"differences\" : [\n\n  ],\n  \"schemaVersion\" : 1,\n"))
    #expect(try JSONText.object(outcome.output)["summary"] != nil)
  }

  @Test func `--stat leaves the list out`() throws {
    let images = try TwoImages()
    let whole = try images.run(["--format", "json", images.old, images.new])
    let outcome = try images.run(["--format", "json", "--stat", images.old, images.new])
    #expect(outcome.status == 1)
    let rest = try #require(whole.text.range(of: "  \"schemaVersion\""))
    #expect(outcome.text == "{\n" + whole.text[rest.lowerBound...])
  }
}
