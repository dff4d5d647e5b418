// All bytes of one blob from one origin, however often the connection breaks: resumed where it
// stopped, as long as something is gained; begun anew once when what was put together is wrong.

import ImageStore
import OCISpec

/// Downloads one blob from one origin.
struct BlobDownload: Sendable {
  let ingest: BlobIngest
  let origin: BlobOrigin
  let retries: RetryPolicy
  /// Whether somebody else can be asked when this origin fails.
  let hasAlternative: Bool
  let events: @Sendable (PullEvent) -> Void

  private var digest: Digest { ingest.descriptor.digest }

  /// Fetches what is missing and verifies the whole.
  ///
  /// What was fetched before a failure stays in the ingest for another origin or another run, except
  /// where the whole is wrong.
  func run() async throws(PullFault) -> BlobFile {
    // Whoever has sent the manifest was there.
    var counter = RetryCounter(retries, hasAlternative: hasAlternative, wasReached: true)
    var usesRange = true
    var hasRefetched = false
    while true {
      let start = ingest.byteCount
      let failure: RequestFailure
      do throws(PullFault) {
        switch try await exchange(usesRange: usesRange) {
        case .rangeUnusable where usesRange:
          usesRange = false
          continue
        case .rangeUnusable(let fault): failure = fault
        case .ended where ingest.byteCount == ingest.descriptor.byteCount:
          return try await finish()
        case .ended: failure = broken("the answer ended early")
        }
      } catch .request(let fault) {
        // Bytes that were put together from several answers or runs are worth another look; those
        // of one answer were simply wrong.
        if case .wrongDigest = fault.fault, start > 0, !hasRefetched {
          hasRefetched = true
          events(.restarted(digest))
          continue
        }
        failure = fault
      }
      try await pause(&counter, failure, gained: ingest.byteCount - min(start, ingest.byteCount))
    }
  }

  /// One exchange, unless nothing is missing.
  private func exchange(usesRange: Bool) async throws(PullFault) -> ExchangeEnd {
    guard ingest.byteCount < ingest.descriptor.byteCount else { return .ended }
    let exchange = BlobExchange(ingest: ingest, origin: origin) { [digest, events] in
      events(.received(digest, $0))
    }
    return try await exchange.run(usesRange: usesRange)
  }

  private func finish() async throws(PullFault) -> BlobFile {
    do {
      return try await BlockingWork.run { [ingest] () throws(ImageStoreError) in
        try ingest.finish()
      }
    } catch .digestMismatch(let expected, let actual) {
      let fault = RequestFault.wrongDigest(expected: expected, actual: actual)
      throw .request(origin.session.failure(fault, .layer(digest)))
    } catch {
      throw .store(error)
    }
  }

  private func pause(
    _ counter: inout RetryCounter,
    _ failure: RequestFailure,
    gained: UInt64
  ) async throws(PullFault) {
    do {
      try await counter.pause(after: failure, gained: gained) { delay in
        events(.retrying(digest, reason: "\(failure.fault)", after: delay))
      }
    } catch {
      throw .request(error)
    }
  }

  private func broken(_ reason: String) -> RequestFailure {
    origin.session.failure(.dropped(reason), .layer(digest))
  }
}
