// dump: the text that trees are compared by.

import TestKit
import Testing

struct DumpTests {
  private static let capability =
    #"\x01\x00\x00\x02\x00\x20"# + String(repeating: #"\x00"#, count: 14)
  private static let accessControlList =
    #"\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x04\x00\x07\x00\xff\xff\xff\xff"#
    + #"\x20\x00\x00\x00\xff\xff\xff\xff"#

  /// `digest` is called with the contents of each regular file.
  private static func text(digest: (String) -> String) -> String {
    let data = digest(String(decoding: SmallImage.data, as: UTF8.self))
    return #"""
      / 0 40755 7 0 0 0:0 1000000000.000000000 - -
      /bin 0 40755 2 0 0 0:0 1000000001.000000000 - -
      /bin/again 20 104755 2 0 0 0:0 1000000002.000000000 - \#(digest("#!/bin/sh\necho tool\n")) security.capability=\#(capability)
      /bin/tool @/bin/again
      /data 300000 100644 1 70000 70000 0:0 1000000008.000000000 - \#(data)
      /dev 0 40755 2 0 0 0:0 1000000004.000000000 - -
      /dev/null 0 20666 1 0 0 1:3 1000000004.000000000 - -
      /dev/sda 0 60660 1 0 6 8:0 1000000004.000000000 - -
      /etc 0 40755 3 0 0 0:0 1000000007.000000000 - -
      /etc/passwd 11 100600 1 0 0 0:0 -1.000000005 - \#(digest("root:x:0:0\n")) user.note=two\x0alines
      /etc/shared 0 42775 2 0 50 0:0 4000000000.000000000 - - system.posix_acl_default=\#(accessControlList)
      /gone 0 120777 1 0 0 0:0 1000000003.000000000 no/where -
      /odd 0 42750 2 1000 100 0:0 1000000006.000000000 - -
      /odd/\x1b[31mred 3 100644 1 0 0 0:0 1000000006.000000000 - \#(digest("333"))
      /odd/back\\slash 4 100644 1 0 0 0:0 1000000006.000000000 - \#(digest("4444"))
      /odd/link 0 120777 1 0 0 0:0 1000000006.000000000 \x1b]0;title\x07 -
      /odd/new\x0aline 1 100644 1 0 0 0:0 1000000006.000000000 - \#(digest("1"))
      /odd/two\x20words 5 100644 1 0 0 0:0 1000000006.000000000 - \#(digest("55555"))
      /odd/\xff\xfe 2 100644 1 0 0 0:0 1000000006.000000000 - \#(digest("22"))
      /programs 0 120777 1 0 0 0:0 1000000003.000000000 bin -
      /run 0 41777 2 0 0 0:0 1000000005.000000000 - -
      /run/pipe 0 10600 1 1000 1000 0:0 1000000005.000000000 - -
      /sh 0 120777 1 0 0 0:0 1000000003.000000000 bin/tool -

      """#
  }

  @Test(arguments: Role.all)
  func `the dump names every file with the digest of its bytes`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let dataDigest = ImageFixture.sha256(SmallImage.data).dropFirst("sha256:".count)
    let expected = Self.text { text in
      text.utf8.count < 100
        ? String(ImageFixture.sha256(Array(text.utf8)).dropFirst("sha256:".count))
        : String(dataDigest)
    }
    expect(try place.run("dump", image.reference), is: .success(expected))
  }

  @Test func `without contents the digests are left out`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let expected = Self.text { _ in "-" }
    expect(try place.run("dump", "--no-content", image.reference), is: .success(expected))
  }
}
