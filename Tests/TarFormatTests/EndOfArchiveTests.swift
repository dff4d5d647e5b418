// How a tar stream ends, well or badly.

import Offsets
import TarFormat
import TestKit
import Testing

struct EndOfArchiveTests {
  @Test(arguments: [
    ScanRow(
      "T20: junk behind two zero blocks",
      [.file("a"), .verbatim(TarBytes.zeros(1024)), .file("b"), .verbatim([1, 2, 3])],
      end: .nothing,
      "regular a 0 @0,512",
      "warning: data behind the end of the archive ignored, 1 from 1536"
    ),
    ScanRow(
      "T20: many zero blocks, and part of one",
      [.file("a"), .verbatim(TarBytes.zeros(10 * 1024 + 7))],
      end: .nothing,
      "regular a 0 @0,512"
    ),
    ScanRow(
      "T21: no zero block",
      [.file("a", "x")],
      end: .nothing,
      "regular a 1 @0,512",
      "warning: missing end-of-archive marker, 1 from 1024"
    ),
    ScanRow(
      "T21: one zero block",
      [.file("a")],
      end: .oneZeroBlock,
      "regular a 0 @0,512",
      "warning: missing end-of-archive marker, 1 from 1024"
    ),
    ScanRow(
      "T22: one zero block, then a header",
      [.file("a"), .verbatim(TarBytes.zeros(512)), .file("b")],
      "regular a 0 @0,512",
      "tar: data after a single zero block at tar byte 1024"
    ),
    ScanRow(
      "T22: one zero block, then rubbish",
      [.verbatim(TarBytes.zeros(512) + [1])],
      "tar: data after a single zero block at tar byte 512"
    ),
    ScanRow(
      "T23: part of a header",
      [.file("a"), .verbatim([1, 2, 3])],
      end: .nothing,
      "regular a 0 @0,512",
      "tar: the stream ends too early at tar byte 515"
    ),
    ScanRow(
      "T23: part of the second zero block",
      [.verbatim(TarBytes.zeros(1023))],
      end: .nothing,
      "tar: the stream ends too early at tar byte 1023"
    ),
    ScanRow(
      "T24: the last byte of data cut off",
      [.file("a", repeated("x", 600)), .file("b", "text").declaring(size: 5).unpadded()],
      end: .nothing,
      "regular a 600 @0,512",
      "regular b 5 @1536,2048",
      "tar: the stream ends too early at tar byte 2052"
    ),
    ScanRow(
      "T24: data cut short",
      [.file("a", "text").declaring(size: 513).unpadded()],
      end: .nothing,
      "regular a 513 @0,512",
      "tar: the stream ends too early at tar byte 516"
    ),
    ScanRow(
      "T24: no data at all",
      [.file("a").declaring(size: 1)],
      end: .nothing,
      "regular a 1 @0,512",
      "tar: the stream ends too early at tar byte 512"
    ),
    ScanRow(
      "T23: data that is all there, and no padding, as umoci insert wrote",
      [.file("a", "text").unpadded()],
      end: .nothing,
      "regular a 4 @0,512",
      "warning: missing padding of the last member, 1 from 516",
      "warning: missing end-of-archive marker, 1 from 516"
    ),
    ScanRow(
      "T23: part of the padding",
      [.file("a", "text").unpadded(), .verbatim(TarBytes.zeros(507))],
      end: .nothing,
      "regular a 4 @0,512",
      "warning: missing padding of the last member, 1 from 1023",
      "warning: missing end-of-archive marker, 1 from 1023"
    ),
    ScanRow(
      "T23: no padding behind the stored data of a sparse file",
      [
        .sparse("f", size: 9000, segments: [(0, "abc"), (8192, "de")], format: .pax10).unpadded()
      ],
      end: .nothing,
      "regular f 9000 @0,2048 stored=5 [0+3@2048] [8192+2@2051]",
      "warning: missing padding of the last member, 1 from 2053",
      "warning: missing end-of-archive marker, 1 from 2053"
    ),
    ScanRow(
      "T23: no padding behind a global header",
      [.file("a"), .member("g", "@", "6 a=b\n").unpadded()],
      end: .nothing,
      "regular a 0 @0,512",
      "warning: pax record with an unknown key ignored, 1 from 1024",
      "warning: missing padding of the last member, 1 from 1030",
      "warning: missing end-of-archive marker, 1 from 1030"
    ),
    ScanRow(
      "T23: no padding behind an extension, nor its member",
      [.member("x", "@", "6 a=b\n").unpadded()],
      end: .nothing,
      "warning: pax record with an unknown key ignored, 1 from 512",
      "tar: the stream ends too early at tar byte 518"
    ),
    ScanRow(
      "T23: bytes behind missing padding are no padding",
      [.file("a", "text").unpadded(), .file("b", "text")],
      "regular a 4 @0,512",
      "tar: header checksum does not match at tar byte 1024"
    ),
    ScanRow(
      "T24: an extension cut short",
      [.member("L", "@", "abc").unpadded()],
      end: .nothing,
      "tar: the stream ends too early at tar byte 515"
    ),
    ScanRow(
      "T24: an extension cut within its data",
      [.member("x", "@", "9 a").declaring(size: 9).unpadded()],
      end: .nothing,
      "tar: the stream ends too early at tar byte 515"
    ),
    ScanRow(
      "T24: an extension without its member",
      [.member("x", "@", "6 a=b\n")],
      end: .nothing,
      "warning: pax record with an unknown key ignored, 1 from 512",
      "tar: extension header without a member at tar byte 0"
    ),
  ])
  func `ends of archives`(row: ScanRow) { row.check() }

  @Test func `bytes behind the end are taken, and noted once`() throws {
    let bytes = TarBytes.archive([]) + [UInt8](repeating: 7, count: 5000)
    var scanner = TarScanner()
    var position = 0
    #expect(try !scanner.nextMember(in: bytes.span, from: &position))
    #expect(position == bytes.count)
    #expect(scanner.isEnded)
    #expect(scanner.offset == TarOffset(UInt64(bytes.count)))
    try scanner.finish()
    #expect(
      scanner.warnings == [
        TarWarning(kind: .dataAfterEnd, count: 1, first: TarOffset(1024))
      ]
    )
  }

  @Test func `the stream may be handed over from any position of a piece`() throws {
    let bytes = [1, 2, 3] + TarBytes.archive([.file("a", "text"), .file("b")])
    var scanner = TarScanner()
    var position = 3
    #expect(try scanner.nextMember(in: bytes.span, from: &position))
    #expect(position == 3 + 512)
    #expect(scanner.member.data == TarOffset(512))
    #expect(scanner.offset == TarOffset(512))
    #expect(try scanner.nextMember(in: bytes.span, from: &position))
    #expect(scanner.member.path == Array("b".utf8))
    #expect(try !scanner.nextMember(in: bytes.span, from: &position))
    try scanner.finish()
  }
}
