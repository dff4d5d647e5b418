// How long, how slow and how much a server may be. Every number bounds something that the other side
// of a connection chooses.

import OCISpec

/// Bounds on every exchange with a server; tests set smaller ones.
package struct NetworkLimits: Sendable {
  /// Longest wait for a connection, protection by TLS and the way through a proxy included: 15 s.
  package var connect: Duration = .seconds(15)
  /// Longest wait from the request to the end of the answer's head: 60 s.
  ///
  /// A registry that fetches what it is asked for from another one answers only then; `idle` counts
  /// too, so that raising one alone changes little.
  package var head: Duration = .seconds(60)
  /// Longest silence, before an answer or in the middle of it: 60 s.
  package var idle: Duration = .seconds(60)
  /// Slowest body: 1 KiB/s, averaged over `rateWindow`.
  ///
  /// With it no exchange is unbounded in time: 4 GiB take at most 4 Mi s / 1 Ki = 49 days, a document
  /// of 4 MiB at most 68 minutes; a modem of 1990 was faster.
  package var bytesPerSecond: UInt64 = 1 << 10
  package var rateWindow: Duration = .seconds(60)
  /// Redirects followed for one request: 10.
  package var redirects = 10
  /// Largest answer of a token service: 1 MiB.
  package var tokenByteCount: UInt64 = 1 << 20
  /// How much of an answer that reports an error is read: 64 KiB.
  package var errorByteCount: UInt64 = 64 << 10

  package init() {}
}
