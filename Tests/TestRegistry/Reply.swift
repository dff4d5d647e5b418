// What a server of ours says to one request, byte for byte, true or not: also where it stops, and how
// fast it goes. ReplySender puts it on the wire.
// Source: RFC 9112, sections 2 to 7.

/// An answer as it goes out.
package struct Reply: Sendable {
  /// How the end of the body is told.
  package enum Framing: Equatable, Sendable {
    case length
    /// A Content-Length that may be wrong. The bytes of the body are sent all the same.
    case claimedLength(Int)
    case chunked
    /// By the end of the connection.
    case untilClose
    /// As `length`, in a header of its own that is there already.
    case none
  }

  /// Where an answer goes no further.
  package enum Place: Equatable, Sendable {
    /// After this many bytes of the head; 0 is before it.
    case head(Int)
    /// After this many bytes of the body.
    case body(Int)
  }

  /// What happens there.
  package enum Ending: Sendable {
    /// The connection is closed, over TLS with its goodbye.
    case close
    /// The connection is gone, without a word.
    case reset
    /// Nothing comes any more, but the connection stays.
    case stall
    /// The rest comes once the gate is open.
    case wait(Gate)
  }

  package struct Stop: Sendable {
    package var place: Place
    package var ending: Ending

    package init(at place: Place, _ ending: Ending) {
      self.place = place
      self.ending = ending
    }
  }

  /// Pieces of the body with pauses between them.
  package struct Pace: Equatable, Sendable {
    package var byteCount: Int
    package var milliseconds: Int64

    package init(byteCount: Int, milliseconds: Int64) {
      self.byteCount = byteCount
      self.milliseconds = milliseconds
    }
  }

  package var status: Int
  /// Without those of the framing.
  package var headers: [HeaderField]
  package var body: GeneratedBytes
  package var framing = Framing.length
  package var stop: Stop?
  package var pace: Pace?
  /// Sent in place of status line and headers.
  package var verbatimHead: [UInt8]?

  package init(
    _ status: Int,
    _ headers: [HeaderField] = [],
    body: GeneratedBytes = GeneratedBytes([])
  ) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package init(_ status: Int, _ headers: [HeaderField] = [], text: String) {
    self.init(status, headers, body: GeneratedBytes(text))
  }

  /// The first value of a header; setting it replaces all, or removes them with `nil`.
  package subscript(header: String) -> String? {
    get { headers.first { $0.name.lowercased() == header.lowercased() }?.value }
    set {
      headers.removeAll { $0.name.lowercased() == header.lowercased() }
      if let newValue { headers.append(HeaderField(header, newValue)) }
    }
  }

  /// Whether the next request may come on the same connection.
  var keepsConnection: Bool {
    switch framing {
    case .length, .chunked: verbatimHead == nil && self["Connection"]?.lowercased() != "close"
    case .claimedLength, .untilClose, .none: false
    }
  }

  /// Status line and headers.
  var head: [UInt8] {
    if let verbatimHead { return verbatimHead }
    var fields = headers
    switch framing {
    case .length: fields.append(HeaderField("Content-Length", String(body.byteCount)))
    case .claimedLength(let count): fields.append(HeaderField("Content-Length", String(count)))
    case .chunked: fields.append(HeaderField("Transfer-Encoding", "chunked"))
    case .untilClose: fields.append(HeaderField("Connection", "close"))
    case .none: break
    }
    let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    return Array("HTTP/1.1 \(status) \(Self.reasons[status] ?? "Status")\r\n\(lines)\r\n".utf8)
  }

  /// Source: RFC 9110, section 15; RFC 6585.
  private static let reasons = [
    200: "OK", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required",
    416: "Range Not Satisfiable", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
  ]
}

extension Reply {
  /// A refusal with one error, as the distribution specification writes them.
  ///
  /// Source: OCI distribution-spec 1.1, "Error Codes".
  package static func error(
    _ status: Int,
    _ code: String,
    _ message: String = "said the test",
    _ headers: [HeaderField] = []
  ) -> Reply {
    let body = #"{"errors":[{"code":"\#(code)","message":"\#(message)"}]}"#
    return Reply(status, headers + [HeaderField("Content-Type", "application/json")], text: body)
  }

  package static func redirect(to location: String, _ status: Int = 307) -> Reply {
    Reply(status, [HeaderField("Location", location)])
  }
}
