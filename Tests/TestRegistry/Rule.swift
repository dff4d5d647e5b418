// Rules: which requests, the how manieth of them, and what is answered instead of the truth.

/// Which requests a rule is about.
package struct RequestPattern: Sendable {
  package let matches: @Sendable (RegistryRequest) -> Bool

  package init(_ matches: @escaping @Sendable (RegistryRequest) -> Bool) {
    self.matches = matches
  }

  package static let any = RequestPattern { _ in true }
  package static let ping = path("/v2/")
  package static let token = path("/token")
  package static let anyManifest = RequestPattern { $0.path.contains("/manifests/") }
  package static let anyBlob = RequestPattern { $0.path.contains("/blobs/") }
  package static let ranged = RequestPattern { $0.range != nil }

  package static func path(_ path: String) -> RequestPattern {
    RequestPattern { $0.path == path }
  }

  package static func prefix(_ prefix: String) -> RequestPattern {
    RequestPattern { $0.path.hasPrefix(prefix) }
  }

  /// By tag or digest, in any repository.
  package static func manifest(_ reference: String) -> RequestPattern {
    RequestPattern { $0.path.hasSuffix("/manifests/\(reference)") }
  }

  package static func blob(_ digest: String) -> RequestPattern {
    RequestPattern { $0.path.hasSuffix("/blobs/\(digest)") }
  }

  package func method(_ method: String) -> RequestPattern {
    RequestPattern { $0.method == method && matches($0) }
  }

  package static func && (
    first: RequestPattern,
    second: RequestPattern
  ) -> RequestPattern {
    RequestPattern { first.matches($0) && second.matches($0) }
  }
}

/// The how manieth matching requests a rule answers, counted from 1.
package enum Occurrences: Equatable, Sendable {
  case always
  case nth(Int)
  case first(Int)
  case after(Int)

  func contains(_ number: Int) -> Bool {
    switch self {
    case .always: true
    case .nth(let wanted): number == wanted
    case .first(let count): number <= count
    case .after(let count): number > count
    }
  }
}

/// What to say instead.
package struct Answer: Sendable {
  /// Makes the answer from the request and from what the registry would say to any request.
  package typealias Truth = @Sendable (RegistryRequest) -> Reply
  let make: @Sendable (RegistryRequest, Truth) -> Reply

  package init(_ make: @escaping @Sendable (RegistryRequest, Truth) -> Reply) {
    self.make = make
  }

  package static func reply(_ reply: Reply) -> Answer { Answer { _, _ in reply } }

  package static func status(
    _ status: Int,
    _ headers: [HeaderField] = [],
    text: String = ""
  ) -> Answer {
    .reply(Reply(status, headers, text: text))
  }

  package static func error(
    _ status: Int,
    _ code: String,
    _ headers: [HeaderField] = []
  ) -> Answer {
    .reply(.error(status, code, "said the test", headers))
  }

  /// The truth, changed.
  package static func changing(_ change: @escaping @Sendable (inout Reply) -> Void) -> Answer {
    Answer { request, truth in
      var reply = truth(request)
      change(&reply)
      return reply
    }
  }

  /// The same once more changed.
  package func changing(_ change: @escaping @Sendable (inout Reply) -> Void) -> Answer {
    Answer { request, truth in
      var reply = make(request, truth)
      change(&reply)
      return reply
    }
  }

  /// Sends the client to another address.
  package static func redirect(to location: String, _ status: Int = 307) -> Answer {
    .reply(.redirect(to: location, status))
  }

  /// Runs `body` and then tells the truth.
  package static func afterRunning(_ body: @escaping @Sendable () -> Void) -> Answer {
    Answer { request, truth in
      body()
      return truth(request)
    }
  }

  // MARK: How far

  package static func stopping(at place: Reply.Place, _ ending: Reply.Ending) -> Answer {
    .changing { $0.stop = Reply.Stop(at: place, ending) }
  }

  package static func trickling(byteCount: Int, milliseconds: Int64) -> Answer {
    .changing { $0.pace = Reply.Pace(byteCount: byteCount, milliseconds: milliseconds) }
  }

  /// Ends after some bytes of the body as if that were all.
  ///
  /// Other than of a connection that breaks, a client surely gets all of what was sent.
  package static func ending(after byteCount: Int) -> Answer {
    .changing {
      $0.framing = .untilClose
      $0.stop = Reply.Stop(at: .body(byteCount), .close)
    }
  }

  /// Holds the whole answer back.
  package static func waiting(for gate: Gate) -> Answer {
    .stopping(at: .head(0), .wait(gate))
  }

  // MARK: Untrue

  package static func body(_ bytes: [UInt8]) -> Answer {
    .changing { $0.body = GeneratedBytes(bytes) }
  }

  /// The truth with one bit of the body turned over.
  package static func flippingBit(ofByte index: Int) -> Answer {
    .changing { reply in
      let body = reply.body
      reply.body = GeneratedBytes(byteCount: body.byteCount) { range in
        var bytes = body.bytes(range)
        if range.contains(index) { bytes[index - range.lowerBound] ^= 1 }
        return bytes
      }
    }
  }

  package static func header(_ name: String, _ value: String?) -> Answer {
    .changing { $0[name] = value }
  }

  package static let chunked = Answer.changing { $0.framing = .chunked }
  package static let untilClose = Answer.changing { $0.framing = .untilClose }

  /// All of it, whatever range was asked for.
  package static let ignoringRange = Answer { request, truth in
    truth(request.without("Range", "If-Range"))
  }

  /// All of it as one part of several, and another part of one byte before it.
  ///
  /// Source: RFC 9110, section 14.6.
  package static let multipart = Answer { request, truth in
    let whole = truth(request.without("Range", "If-Range"))
    let count = whole.body.byteCount
    func part(_ range: Range<Int>) -> GeneratedBytes {
      let head =
        "\r\n--border\r\nContent-Type: application/octet-stream\r\n"
        + "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(count)\r\n\r\n"
      return GeneratedBytes(head) + whole.body.slice(range)
    }
    return Reply(
      206,
      [HeaderField("Content-Type", "multipart/byteranges; boundary=border")],
      body: part(0..<min(1, count)) + part(0..<count) + GeneratedBytes("\r\n--border--\r\n")
    )
  }
}

/// One rule, and how often it was asked.
struct Rule: Sendable {
  var pattern: RequestPattern
  var occurrences: Occurrences
  var answer: Answer
  var count = 0

  /// Counts the request where the rule is about it, and says whether it answers this one.
  mutating func takes(_ request: RegistryRequest) -> Bool {
    guard pattern.matches(request) else { return false }
    count += 1
    return occurrences.contains(count)
  }
}
