// The bytes of one layer on a connection that is not what it should be: what is asked for again, from
// where on, and what comes of it.

import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct TransferTests {
  /// What the registry does with the requests for the layer, and what a pull makes of that.
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Each rule is about its own requests for the layer, counted from the first.
    var rules: [(Occurrences, Answer)]
    /// The ranges that are asked for, in order; those that follow from what was received before for
    /// `nil`, because how much of a torn connection is received is a matter of luck.
    var ranges: [String]?
    /// How the pull fails; it ends well without.
    var fault: RequestFault?
    /// What is kept for the next pull where it fails.
    var keptByteCount: Int?

    init(
      _ name: String,
      _ rules: (Occurrences, Answer)...,
      asks ranges: [String]?,
      fails fault: RequestFault? = nil,
      keeping keptByteCount: Int? = nil
    ) {
      testDescription = name
      self.rules = rules
      self.ranges = ranges
      self.fault = fault
      self.keptByteCount = keptByteCount
    }
  }

  /// One layer, stored as it is, of more than the few pieces that go out at once.
  static let image = TestImage(layerByteCounts: [700_000], isCompressed: false)
  static let layer = image.layers[0]
  static var count: Int { layer.bytes.byteCount }
  static let middle = "bytes=300000-"

  static func dropping(_ byteCount: Int) -> Answer { .stopping(at: .body(byteCount), .close) }

  static let ending = Answer.ending(after: 300_000)

  /// Any bytes before the truth.
  static func head(_ text: String) -> Answer {
    .changing { $0.verbatimHead = Array(text.utf8) }
  }

  static let dropRows = [
    Row("nothing", asks: ["all"]),
    Row("before the head", (.nth(1), .stopping(at: .head(0), .close)), asks: ["all", "all"]),
    Row("in the head", (.nth(1), .stopping(at: .head(40), .close)), asks: ["all", "all"]),
    Row("before the body", (.nth(1), dropping(0)), asks: ["all", "all"]),
    Row("after one byte", (.nth(1), dropping(1)), asks: ["all", "bytes=1-"]),
    Row("in the middle", (.nth(1), dropping(300_000)), asks: ["all", middle]),
    Row(
      "before the last byte",
      (.nth(1), dropping(count - 1)),
      asks: ["all", "bytes=\(count - 1)-"]
    ),
    Row("after the last byte", (.nth(1), dropping(count)), asks: ["all"]),
    Row(
      "again and again",
      (.first(5), dropping(100_000)),
      asks: ["all"] + (1...5).map { "bytes=\($0 * 100_000)-" }
    ),
    Row("a reset", (.nth(1), .stopping(at: .body(300_000), .reset)), asks: nil),
    Row(
      "always, with less gain than counts",
      (.always, dropping(40 << 10)),
      asks: ["all"] + (1...5).map { "bytes=\($0 * (40 << 10))-" },
      fails: .dropped("connection closed"),
      keeping: 6 * (40 << 10)
    ),
    Row(
      "always, without gain",
      (.always, dropping(0)),
      asks: ["all", "all", "all", "all", "all", "all"],
      fails: .dropped("connection closed"),
      keeping: 0
    ),
    Row("no length", (.always, .untilClose), asks: ["all"]),
    Row("no length, and an early end", (.nth(1), ending), asks: ["all", middle]),
    Row("chunks", (.always, .chunked), asks: ["all"]),
    Row(
      "chunks, dropped",
      (.nth(1), .chunked.changing { $0.stop = Reply.Stop(at: .body(300_000), .close) }),
      asks: ["all", middle]
    ),
    Row(
      "chunks without the last one",
      (.nth(1), .chunked.changing { $0.stop = Reply.Stop(at: .body(count), .close) }),
      asks: ["all"]
    ),
    Row(
      "a chunk without a length",
      (.nth(1), head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nlong\r\n")),
      asks: ["all", "all"]
    ),
    Row(
      "two lengths",
      (.nth(1), head("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")),
      asks: ["all", "all"]
    ),
    Row(
      "a head without end",
      (.nth(1), head("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 3 << 20))),
      asks: ["all", "all"]
    ),
    Row(
      "a head before the head",
      (.nth(1), head("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")),
      asks: ["all"]
    ),
    Row(
      "no HTTP at first",
      (.nth(1), .changing { $0.verbatimHead = Array("nonsense\n".utf8) }),
      asks: ["all", "all"]
    ),
  ]

  static let rangeRows = [
    Row(
      "all instead of the rest",
      (.nth(1), ending),
      (.after(1), .ignoringRange),
      asks: ["all", middle]
    ),
    Row(
      "all instead of the rest, ended again",
      (.nth(1), ending),
      (
        .nth(2),
        .ignoringRange.changing {
          $0.framing = .untilClose
          $0.stop = Reply.Stop(at: .body(500_000), .close)
        }
      ),
      (.after(2), .ignoringRange),
      asks: ["all", middle, "bytes=500000-"]
    ),
    Row(
      "status 416",
      (.nth(1), ending),
      (.nth(2), .error(416, "UNSUPPORTED")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "several parts",
      (.nth(1), ending),
      (.nth(2), .multipart),
      asks: ["all", middle, "all"]
    ),
    Row(
      "no Content-Range",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", nil)),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a range that begins later",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "bytes 300001-\(count - 1)/\(count)")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a range that begins at the front",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "bytes 0-\(count - 1)/\(count)")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a range of something longer",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "bytes 300000-\(count - 1)/\(count + 1)")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a range of nobody knows what",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "bytes 300000-\(count - 1)/*")),
      asks: ["all", middle]
    ),
    Row(
      "a range of rows",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "rows 300000-\(count - 1)/\(count)")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a range beyond all numbers",
      (.nth(1), ending),
      (.nth(2), .header("Content-Range", "bytes 300000-99999999999999999999999/*")),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a smaller part than was asked for",
      (.nth(1), ending),
      (
        .nth(2),
        .changing {
          $0.body = $0.body.slice(0..<1000)
          $0["Content-Range"] = "bytes 300000-300999/\(count)"
        }
      ),
      asks: ["all", middle, "bytes=301000-"]
    ),
    Row(
      "a part that is not what it says",
      (.nth(1), ending),
      (.nth(2), .flippingBit(ofByte: 1000)),
      asks: ["all", middle, "all"]
    ),
    Row(
      "a part that is not what it says, twice",
      (.nth(1), ending),
      (.nth(2), .flippingBit(ofByte: 1000)),
      (.nth(3), .flippingBit(ofByte: 1000)),
      asks: ["all", middle, "all"],
      fails: .wrongDigest(expected: digest(layer.bytes), actual: digest(flipped)),
      keeping: 0
    ),
    Row(
      "a part where all was asked for",
      (
        .always,
        .changing {
          $0.status = 206
          $0["Content-Range"] = "bytes 0-\(count - 1)/\(count)"
        }
      ),
      asks: ["all"],
      fails: .unexpected(status: 206, nil),
      keeping: 0
    ),
  ]

  static let wrongRows = [
    Row(
      "another bit",
      (.always, .flippingBit(ofByte: 1000)),
      asks: ["all"],
      fails: .wrongDigest(expected: digest(layer.bytes), actual: digest(flipped)),
      keeping: 0
    ),
    Row(
      "less, with the right length",
      (.always, .changing { $0.body = $0.body.slice(0..<count - 1) }),
      asks: ["all"],
      fails: .wrongLength(expected: UInt64(count), actual: UInt64(count - 1)),
      keeping: 0
    ),
    Row(
      "more, with the right length",
      (.always, .changing { $0.body = $0.body + GeneratedBytes("x") }),
      asks: ["all"],
      fails: .wrongLength(expected: UInt64(count), actual: UInt64(count + 1)),
      keeping: 0
    ),
    Row(
      "nothing",
      (.always, .changing { $0.body = GeneratedBytes("") }),
      asks: ["all"],
      fails: .wrongLength(expected: UInt64(count), actual: 0),
      keeping: 0
    ),
    Row(
      "a longer length than there is",
      (.always, .changing { $0.framing = .claimedLength(count + 10) }),
      asks: ["all"],
      fails: .wrongLength(expected: UInt64(count), actual: UInt64(count + 10)),
      keeping: 0
    ),
    Row(
      "a coding that nobody asked for",
      (.always, .header("Content-Encoding", "gzip")),
      asks: ["all"]
    ),
  ]

  private static let flipped = GeneratedBytes(byteCount: count) { range in
    var bytes = layer.bytes.bytes(range)
    if range.contains(1000) { bytes[1000 - range.lowerBound] ^= 1 }
    return bytes
  }

  private static func digest(_ bytes: GeneratedBytes) -> Digest {
    do { return try Digest(bytes.digest) } catch { preconditionFailure("\(error)") }
  }

  @Test(arguments: dropRows + rangeRows + wrongRows)
  func `a layer arrives whole, or fails for what was wrong`(_ row: Row) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    for (occurrences, answer) in row.rules {
      registry.on(.blob(Self.layer.digest), occurrences, answer)
    }
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(registry.ranges(Self.layer.digest) == row.ranges ?? Self.ranges(after: outcome.events))
    guard let fault = row.fault else {
      #expect(outcome.error == nil)
      #expect(try place.blobs() == Self.image.parts)
      #expect(try place.partialByteCounts() == [:])
      return
    }
    let failure = RequestFailure(
      fault,
      target: .layer(Self.digest(Self.layer.bytes)),
      host: registry.domain,
      repository: "app"
    )
    #expect(outcome.error == .failed(failure, mirrors: []))
    #expect(try place.blobs()[Self.layer.digest] == nil)
    #expect(try place.names() == [])
    let kept = try place.partialByteCounts()[Self.layer.digest] ?? 0
    #expect(kept == row.keptByteCount ?? Self.receivedByteCount(outcome.events))
  }

  /// What has to be asked for: the whole at first, and after each break the byte behind those that
  /// were received.
  private static func ranges(after events: [PullEvent]) -> [String] {
    var ranges = ["all"]
    for index in events.indices {
      guard case .retrying = events[index] else { continue }
      let count = receivedByteCount(events[..<index])
      // Where nothing is missing nothing is asked for.
      if count < Self.count { ranges.append(count == 0 ? "all" : "bytes=\(count)-") }
    }
    return ranges
  }

  private static func receivedByteCount(_ events: some Sequence<PullEvent>) -> Int {
    events.reduce(into: 0) { sum, event in
      if case .received(_, let count) = event { sum += count }
    }
  }

  /// More than the descriptor says never gets to the disk, however much comes.
  @Test func `X21: a layer without end is cut off`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(
      .blob(Self.layer.digest),
      .chunked.changing { $0.body = $0.body + .noise(byteCount: 1 << 40) }
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    guard case .wrongLength(let expected, let actual)? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(expected == Self.count)
    #expect(actual < Self.count + 1 << 20)
    #expect(registry.ranges(Self.layer.digest) == ["all"])
    #expect(try place.partialByteCounts().values.allSatisfy { $0 <= Self.count })
  }
}
