// --format json: whole documents. Paths that are not UTF-8 come as base64 too.

import Glibc
import TestKit
import Testing

struct JSONTests {
  @Test(arguments: Role.all)
  func `ls as JSON has names as text and their bytes where they are not`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let outcome = try place.run("ls", "--format", "json", image.reference, "odd")
    func entry(_ inode: Int, _ path: String, size: Int, more: [String] = []) -> String {
      let isLink = !more.isEmpty && more[0].hasPrefix("\"target")
      let fields =
        [
          "\"gid\" : 0", "\"inode\" : \(inode)", "\"linkCount\" : 1",
          "\"mode\" : \"\(isLink ? "0777" : "0644")\"", "\"mtimeNanoseconds\" : 0",
          "\"mtimeSeconds\" : 1000000006", "\"path\" : \"\(path)\"",
        ] + (isLink ? [] : more) + ["\"size\" : \(size)"] + (isLink ? more : []) + [
          "\"type\" : \"\(isLink ? "symlink" : "regular")\"", "\"uid\" : 0",
        ]
      return "    {\n" + fields.map { "      \($0)" }.joined(separator: ",\n") + "\n    }"
    }
    let entries = [
      entry(13, #"\u001b[31mred"#, size: 3),
      entry(14, #"back\\slash"#, size: 4),
      entry(15, "link", size: 10, more: [#""target" : "\u001b]0;title\u0007""#]),
      entry(16, #"new\nline"#, size: 1),
      entry(17, "two words", size: 5),
      entry(18, #"\\xff\\xfe"#, size: 2, more: [#""pathBase64" : "//4=""#]),
    ]
    let expected =
      "{\n  \"entries\" : [\n" + entries.joined(separator: ",\n")
      + "\n  ],\n  \"schemaVersion\" : 1\n}\n"
    expect(outcome, is: .success(expected))
  }

  @Test func `ls as JSON has the numbers of devices`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let expected = """
      {
        "entries" : [
          {
            "deviceMajor" : 8,
            "deviceMinor" : 0,
            "gid" : 6,
            "inode" : 7,
            "linkCount" : 1,
            "mode" : "0660",
            "mtimeNanoseconds" : 0,
            "mtimeSeconds" : 1000000004,
            "path" : "dev/sda",
            "size" : 0,
            "type" : "block-device",
            "uid" : 0
          }
        ],
        "schemaVersion" : 1
      }

      """
    expect(
      try place.run("ls", "--format", "json", image.reference, "dev/sda"),
      is: .success(expected)
    )
  }

  @Test(arguments: Role.all)
  func `stat as JSON is one flat object`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let expected = """
      {
        "gid" : 0,
        "inode" : 9,
        "linkCount" : 1,
        "mode" : "0600",
        "mtimeNanoseconds" : 5,
        "mtimeSeconds" : -1,
        "origin" : {
          "layer" : 1,
          "layerDigest" : "\(image.digest(ofLayer: 1))",
          "memberOffset" : 512
        },
        "path" : "etc/passwd",
        "schemaVersion" : 1,
        "size" : 11,
        "type" : "regular",
        "uid" : 0,
        "xattrs" : [
          {
            "name" : "user.note",
            "valueBase64" : "dHdvCmxpbmVz"
          }
        ]
      }

      """
    expect(
      try place.run("stat", "--format", "json", image.reference, "/etc/passwd"),
      is: .success(expected)
    )
  }

  @Test func `a failure prints no JSON`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    expect(
      try place.run("stat", "--format", "json", image.reference, "nope"),
      is: .failure(66, "nope: no such file or directory in the image")
    )
  }

  @Test func `no mounts are an empty list`() throws {
    let place = try Workplace()
    // In a mount namespace without any mount of ours: other tests may have some.
    guard geteuid() == 0 else { return }
    let outcome = try place.runIsolated(
      after: "umount -a -t fuse.banger-fs",
      #""$0" mounts --format json && "$0" mounts"#
    )
    expect(outcome, is: .success("{\n  \"mounts\" : [\n\n  ],\n  \"schemaVersion\" : 1\n}\n"))
  }
}
