// Fields with numbers and dates: Content-Range, Retry-After.

import Testing

@testable import Registry

struct FieldTests {
  @Test(
    arguments: [
      ("bytes 0-0/1", .bytes(first: 0, last: 0, total: 1)),
      ("bytes 5-9/10", .bytes(first: 5, last: 9, total: 10)),
      ("BYTES 5-9/*", .bytes(first: 5, last: 9, total: nil)),
      (
        "bytes 0-18446744073709551614/18446744073709551615",
        .bytes(first: 0, last: .max - 1, total: .max)
      ),
      ("bytes */7", .unsatisfied(total: 7)),
    ] as [(String, ContentRange)]
  )
  func `a content range is read`(field: String, expected: ContentRange) {
    #expect(ContentRange(field) == expected)
  }

  @Test(arguments: [
    "", "bytes", "bytes 0-9", "bytes 9-5/10", "bytes 0-10/10", "bytes -5/10", "bytes 5-/10",
    "bytes 0-9/x", "bytes */*", "items 0-9/10", "bytes 0-4,6-9/10", "bytes +1-2/3", "bytes=0-9/10",
    "bytes 0-18446744073709551616/18446744073709551617", "bytes 0-0x9/10",
    "bytes 0-9/10" + String(repeating: " ", count: 200),
  ])
  func `a content range that cannot be is refused`(field: String) {
    #expect(ContentRange(field) == nil)
  }

  @Test(
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
      ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
      ("Sun Nov  6 08:49:37 1994", 784_111_777),
      ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
      ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200),
      ("Friday, 01-Jan-69 00:00:00 GMT", 3_124_224_000),
      ("Sun, 32 Nov 1994 08:49:37 GMT", nil),
      ("Sun, 06 Nov 1994 24:49:37 GMT", nil),
      ("Sun, 06 Nov 1994 08:49:37 CET", nil),
      ("Sun, 06 Now 1994 08:49:37 GMT", nil),
      ("soon", nil),
      ("", nil),
    ] as [(String, Int64?)]
  )
  func `dates are read in all three forms`(text: String, expected: Int64?) {
    #expect(HTTPDate.seconds(text) == expected)
  }

  @Test(
    arguments: [
      ("0", .seconds(0)),
      ("120", .seconds(120)),
      ("99999999999999999999999", .seconds(10 * 365 * 86_400)),
      ("Sun, 06 Nov 1994 08:50:07 GMT", .seconds(30)),
      ("Sun, 06 Nov 1994 08:49:07 GMT", .seconds(0)),
      ("-1", nil),
      ("1.5", nil),
      ("1 minute", nil),
    ] as [(String, Duration?)]
  )
  func `a wait is a number of seconds or a date`(text: String, expected: Duration?) {
    #expect(HTTPDate.retryAfter(text, now: 784_111_777) == expected)
  }
}
