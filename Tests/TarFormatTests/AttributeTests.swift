// Extended attributes and what other programs say in records of their own.

import TarFormat
import TestKit
import Testing

struct AttributeTests {
  @Test(arguments: [
    ScanRow(
      "T26: sorted, with any bytes in the value",
      [.file("a").attribute("user.b", [0, 0x0a, 0xff]).attribute("security.a", "x=y")],
      "regular a 0 @0,1536 security.a=x=y user.b=\\x0\\xa\\xff"
    ),
    ScanRow(
      "T26: an empty value is a value",
      [.file("a").attribute("user.e", "")],
      "regular a 0 @0,1536 user.e="
    ),
    ScanRow(
      "T26: on any kind of member",
      [.directory("d").attribute("a", "1"), .symlink("s", to: "t").attribute("b", "2")],
      "directory d 0 @0,1536 mode=755 a=1",
      "symbolicLink s 0 @1536,3072 mode=777 -> t b=2"
    ),
    ScanRow(
      "T8: the last of one name holds",
      [.file("a").attribute("n", "1").attribute("n", "22")],
      "regular a 0 @0,1536 n=22",
      "warning: repeated extension record, 1 from 0"
    ),
    ScanRow(
      "T27: libarchive's form alone, padded or not",
      [
        .file("a").pax("LIBARCHIVE.xattr.user.%C3%a4%25", "YWJj")
          .pax("LIBARCHIVE.xattr.p1", "YQ==").pax("LIBARCHIVE.xattr.p2", "YWI=")
          .pax("LIBARCHIVE.xattr.u1", "YQ").pax("LIBARCHIVE.xattr.u2", "YWI")
          .pax("LIBARCHIVE.xattr.v", "+/+/").pax("LIBARCHIVE.xattr.w", "")
      ],
      "regular a 0 @0,1536 p1=a p2=ab u1=a u2=ab user.\\xc3\\xa4%=abc v=\\xfb\\xff\\xbf w="
    ),
    ScanRow(
      "T27: star's form holds, in either order",
      [
        .file("a").attribute("x", "star").pax("LIBARCHIVE.xattr.x", "YQ")
          .pax("LIBARCHIVE.xattr.y", "YQ").pax("SCHILY.xattr.y", "star")
      ],
      "regular a 0 @0,1536 x=star y=star",
      "warning: repeated extension record, 2 from 0"
    ),
    ScanRow(
      "T27: bad base64",
      [.file("a").pax("LIBARCHIVE.xattr.x", "YQ*")],
      "tar: malformed extended attribute at tar byte 534"
    ),
    ScanRow(
      "T27: base64 cut short",
      [.file("a").pax("LIBARCHIVE.xattr.x", "YWJjY")],
      "tar: malformed extended attribute at tar byte 534"
    ),
    ScanRow(
      "T27: base64 with too much padding",
      [.file("a").pax("LIBARCHIVE.xattr.x", "YQ=")],
      "tar: malformed extended attribute at tar byte 534"
    ),
    ScanRow(
      "T27: a bad escape",
      [.file("a").pax("LIBARCHIVE.xattr.%4", "YQ")],
      "tar: malformed extended attribute at tar byte 532"
    ),
    ScanRow(
      "T27: an escaped NUL",
      [.file("a").pax("LIBARCHIVE.xattr.a%00", "YQ")],
      "tar: malformed extended attribute at tar byte 532"
    ),
    ScanRow(
      "T26: no name",
      [.file("a").attribute("", "x")],
      "tar: malformed extended attribute at tar byte 528"
    ),
    ScanRow(
      "T28: Red Hat's labels are ignored",
      [.file("a").pax("RHT.security.selinux", "u:r:t")],
      "regular a 0 @0,1536",
      "warning: SELinux label ignored, 1 from 512"
    ),
    ScanRow(
      "T29: star's ACLs and inode numbers are ignored",
      [
        .file("a").pax("SCHILY.dev", "1").pax("SCHILY.ino", "2").pax("SCHILY.nlink", "3")
          .pax("SCHILY.acl.access", "user::rw-").pax("SCHILY.acl.default", "")
      ],
      "regular a 0 @0,1536",
      "warning: textual ACL ignored, 2 from 562"
    ),
    ScanRow(
      "M13: file flags are ignored",
      [.file("a").pax("SCHILY.fflags", "nodump")],
      "regular a 0 @0,1536",
      "warning: file flags ignored, 1 from 512"
    ),
  ])
  func `extended attributes`(row: ScanRow) { row.check() }
}
