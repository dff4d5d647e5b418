// One GET for the bytes of a blob that are missing, and what servers make of it: the rest, the whole,
// something else. Appends what fits and says what does not; tries nothing again.
// Source: RFC 9110, sections 14 (range requests), 15.3.7 (206), 15.5.17 (416); OCI distribution-spec
// 1.1, "Pulling blobs".

import ImageStore
import NIOCore
import OCISpec

/// Where a blob can be had.
enum BlobOrigin: Sendable {
  case registry(RegistrySession)
  /// An address that the manifest names, asked without credentials.
  case elsewhere(WebLocation, RegistrySession)

  var session: RegistrySession {
    switch self {
    case .registry(let session), .elsewhere(_, let session): session
    }
  }
}

/// What one exchange came to.
enum ExchangeEnd: Sendable {
  /// The body ended in good order; there may still be bytes missing.
  case ended
  /// The server makes nothing of ranges, or nonsense: ask without.
  case rangeUnusable(RequestFailure)
}

/// Fetches bytes of one blob from one origin.
struct BlobExchange: Sendable {
  let ingest: BlobIngest
  let origin: BlobOrigin
  let received: @Sendable (Int) -> Void

  /// Bytes that are gathered before they are written: 256 KiB, the most that a download keeps in
  /// memory beside what the connection has read ahead.
  private static let writeByteCount = 256 << 10

  private var target: RequestFailure.Target { .layer(ingest.descriptor.digest) }
  private var byteCount: UInt64 { ingest.descriptor.byteCount }

  /// Asks for what is missing and appends what comes.
  ///
  /// Without `usesRange` the whole is asked for, and what is there already is skipped. Bytes that were
  /// appended stay when this throws.
  func run(usesRange: Bool) async throws(PullFault) -> ExchangeEnd {
    let start = ingest.byteCount
    let isPartial = usesRange && start > 0
    // Coded bodies would be other bytes than those of the digest.
    var fields = [
      (name: "Accept-Encoding", value: "identity"),
      (name: BrokenBodyHandler.knownLengthField, value: "\(byteCount)"),
    ]
    if isPartial { fields.append(("Range", "bytes=\(start)-")) }
    let answer = try await ask(fields)
    switch answer.http.status {
    case 200:
      try check(answer.http.contentLength, expected: byteCount, answer)
      try await append(answer, skipping: start)
    case 206 where isPartial:
      if let fault = partialFault(answer, from: start) {
        return .rangeUnusable(failure(.range(fault), answer))
      }
      try await append(answer, skipping: 0)
    case 416 where isPartial:
      return .rangeUnusable(failure(.range("status 416"), answer))
    default:
      throw .request(await origin.session.refusal(answer, target))
    }
    return .ended
  }

  private func ask(
    _ fields: [(name: String, value: String)]
  ) async throws(PullFault) -> WebAnswer {
    do {
      switch origin {
      case .registry(let session):
        let path = "blobs/\(ingest.descriptor.digest)"
        return try await session.send(.get, path, target: target, fields: fields)
      case .elsewhere(let place, let session):
        return try await session.sendElsewhere(place, target: target, fields: fields)
      }
    } catch {
      throw .request(error)
    }
  }

  /// What is wrong with an answer that claims to be the rest of the blob.
  private func partialFault(_ answer: WebAnswer, from start: UInt64) -> String? {
    let type = answer.http.field("Content-Type")?.lowercased() ?? ""
    if type.hasPrefix("multipart/byteranges") { return "several ranges" }
    guard let field = answer.http.field("Content-Range"), let range = ContentRange(field),
      case .bytes(let first, let last, let total) = range
    else { return "no readable Content-Range" }
    guard first == start, last < byteCount, (total ?? byteCount) == byteCount else {
      return "bytes \(first) to \(last) of \(total.map(String.init) ?? "unknown")"
    }
    guard let length = answer.http.contentLength else { return nil }
    return length == last - first + 1 ? nil : "\(length) bytes for \(first) to \(last)"
  }

  private func check(
    _ length: UInt64?,
    expected: UInt64,
    _ answer: WebAnswer
  ) throws(PullFault) {
    guard let length, length != expected else { return }
    throw .request(failure(.wrongLength(expected: expected, actual: length), answer))
  }

  /// Appends the body, from its byte `skipped` on.
  private func append(_ answer: WebAnswer, skipping skipped: UInt64) async throws(PullFault) {
    var reader = answer.http.reader()
    var toSkip = skipped
    var gathered = ByteBuffer()
    var fault: RequestFault?
    do {
      while var piece = try await reader.next() {
        let skip = Int(min(toSkip, UInt64(piece.readableBytes)))
        piece.moveReaderIndex(forwardBy: skip)
        toSkip -= UInt64(skip)
        if gathered.readableBytes == 0 { gathered = piece } else { gathered.writeBuffer(&piece) }
        guard gathered.readableBytes >= Self.writeByteCount else { continue }
        try await write(&gathered, answer)
      }
    } catch let error as TransportError {
      fault = RequestFault(error)
    } catch let error as PullFault {
      throw error
    } catch {
      fault = .dropped(printable(String(describing: error)))
    }
    // What came before a break is as good as the rest.
    try await write(&gathered, answer)
    if let fault { throw .request(failure(fault, answer)) }
  }

  private func write(_ gathered: inout ByteBuffer, _ answer: WebAnswer) async throws(PullFault) {
    let bytes = gathered
    gathered = ByteBuffer()
    guard bytes.readableBytes > 0 else { return }
    let room = byteCount - min(ingest.byteCount, byteCount)
    guard UInt64(bytes.readableBytes) <= room else {
      let actual = ingest.byteCount + UInt64(bytes.readableBytes)
      throw .request(failure(.wrongLength(expected: byteCount, actual: actual), answer))
    }
    do {
      try await BlockingWork.run { [ingest] () throws(ImageStoreError) in
        try bytes.withUnsafeReadableBytes { buffer in
          Result { () throws(ImageStoreError) in try ingest.append(buffer) }
        }.get()
      }
    } catch {
      throw .store(error)
    }
    received(bytes.readableBytes)
  }

  private func failure(_ fault: RequestFault, _ answer: WebAnswer) -> RequestFailure {
    origin.session.failure(fault, target, via: answer.wasSentOn ? answer.place : nil)
  }
}
