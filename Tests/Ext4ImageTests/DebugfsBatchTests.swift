// The text of a batch: by inode number only, no line too long, no name in it.

import Ext4Image
import FileTree
import Testing

@Suite(.inTurns) struct `The debugfs batch` {
  @Test func `X26: addresses inodes by number and says each setting in a line`() {
    let time = Ext4Time(seconds: 4_102_444_800, nanoseconds: 500_000_000)
    let batch = DebugfsBatch([
      InodeCorrection(
        inode: 2,
        settings: [
          .mode(0o040751), .uid(4_294_967_294), .gid(7), .seconds(.accessed, time.low),
          .extra(.accessed, time.extra), .seconds(.changed, .max), .extra(.modified, 4),
        ]
      ),
      InodeCorrection(
        inode: 70_000,
        settings: [
          .removeAttribute(name: Array("security.selinux".utf8)),
          .setAttribute(attribute("user.a", [0, 10, 33])),
          .setAttribute(attribute("trusted.b", [])),
          .setAttribute(attribute("user.c", [0, 10, 33])),
        ]
      ),
    ])
    #expect(
      String(decoding: batch.text, as: UTF8.self) == """
        sif <2> mode 040751
        sif <2> uid 4294967294
        sif <2> gid 7
        sif <2> atime @4102444800
        sif <2> atime_extra 2000000001
        sif <2> ctime @4294967295
        sif <2> mtime_extra 4
        ea_rm <70000> security.selinux
        ea_set -f value-0 <70000> user.a
        ea_set -f value-1 <70000> trusted.b
        ea_set -f value-0 <70000> user.c

        """
    )
    #expect(batch.values == [[0, 10, 33], []])
  }

  @Test func `the longest line is far from where debugfs would cut it`() {
    let name = Array("user.".utf8) + [UInt8](repeating: 0x7E, count: 250)
    let setting = InodeSetting.setAttribute(ExtendedAttribute(name: name, value: []))
    let batch = DebugfsBatch([InodeCorrection(inode: .max, settings: [setting])])
    #expect(batch.text.count < 8190)
  }

  @Test func `the sentinel asks for the last inode and for the one behind it`() {
    let (text, answer) = DebugfsBatch.sentinel(last: 12, inodeCount: 100)
    #expect(text == Array("testi <12>\ntesti <13>\n".utf8))
    #expect(
      answer == """
        debugfs: testi <12>
        Inode 12 is marked in use
        debugfs: testi <13>
        Inode 13 is not in use

        """
    )
    #expect(DebugfsBatch.sentinel(last: 12, inodeCount: 12).text == Array("testi <12>\n".utf8))
  }

  @Test(arguments: Array(" \t\n\r\"\0\u{7F}".utf8) + [0x80, 0xFF])
  func `X26: bytes that debugfs would take apart are not safe`(byte: UInt8) {
    #expect(!DebugfsBatch.isSafe(byte))
  }

  @Test(arguments: Array("!#<>'\\;$`~.-_azAZ09".utf8))
  func `other printable bytes are safe inside a line`(byte: UInt8) {
    #expect(DebugfsBatch.isSafe(byte))
  }

  private func attribute(_ name: String, _ value: [UInt8]) -> ExtendedAttribute {
    ExtendedAttribute(name: Array(name.utf8), value: value)
  }
}
