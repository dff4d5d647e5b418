// Reading a blob while it arrives, on another thread.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore
import Threading

/// A thread that reads an ingest to its end.
private final class Follower: Sendable {
  private let outcome = Mutex<Result<[UInt8], any Error>?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ ingest: BlobIngest) {
    Thread.detachNewThread { [self] in
      let result = Result { try ingest.readToEnd() }
      outcome.withLock { $0 = result }
      done.signal()
    }
  }

  var isDone: Bool { outcome.withLock { $0 != nil } }

  func finish() throws -> [UInt8] {
    done.wait()
    let result = outcome.withLock { $0 }
    return try #require(result).get()
  }
}

struct IngestFollowerTests {
  private let place: CachePlace
  private let bytes = [UInt8]((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })

  init() throws {
    place = try CachePlace()
  }

  private var blob: Descriptor { Descriptor(of: bytes) }

  private func begin() throws -> BlobIngest {
    try #require(try place.open().tryIngest(blob))
  }

  @Test func `followers get every byte, and the end only when it was verified`() throws {
    let ingest = try begin()
    let followers = (0..<3).map { _ in Follower(ingest) }
    for piece in 0..<20 { try ingest.append(bytes[(piece * 10_000)..<((piece + 1) * 10_000)]) }
    // All bytes are there, and nobody has said yet that they are right.
    #expect(followers.allSatisfy { !$0.isDone })
    _ = try ingest.finish()
    for follower in followers { #expect(try follower.finish() == bytes) }
    // Also somebody who comes late.
    #expect(try ingest.readToEnd(pieces: 65_536) == bytes)
    #expect(try ingest.read(at: 199_999, count: 10) == [bytes[199_999]])
    #expect(try ingest.read(at: 200_000, count: 10) == [])
    #expect(try ingest.read(at: 300_000, count: 10) == [])
  }

  @Test func `what an earlier run left is read at once`() throws {
    let first = try begin()
    try first.append(bytes[..<150_000])
    first.abandon()
    let ingest = try begin()
    #expect(try ingest.read(at: 0, count: 1000) == Array(bytes[..<1000]))
    #expect(try ingest.read(at: 149_990, count: 1000) == Array(bytes[149_990..<150_000]))
    let follower = Follower(ingest)
    try ingest.append(bytes[150_000...])
    _ = try ingest.finish()
    #expect(try follower.finish() == bytes)
  }

  enum Ending: CaseIterable {
    case abandoned
    case restarted
    case wrong
    case forgotten
  }

  @Test(arguments: Ending.allCases)
  func `followers of what comes to nothing are told`(ending: Ending) throws {
    let ingest = try begin()
    var wrong = bytes
    wrong[199_999] ^= 1
    try ingest.append(wrong[..<100_000])
    #expect(try ingest.read(at: 0, count: 10) == Array(bytes[..<10]))
    let follower = Follower(ingest)
    switch ending {
    case .abandoned: ingest.abandon()
    case .restarted: try ingest.restart()
    case .wrong:
      try ingest.append(wrong[100_000...])
      #expect(throws: ImageStoreError.self) { try ingest.finish() }
    case .forgotten:
      try ingest.restart()
      try ingest.append(bytes)
      _ = try ingest.finish()
    }
    #expect(throws: ImageStoreError.ingestEnded(blob.digest)) { try follower.finish() }
    if ending != .abandoned {
      #expect(throws: ImageStoreError.ingestEnded(blob.digest)) { try ingest.read(at: 0, count: 1) }
    }
  }

  @Test func `a restart before anybody has read is nothing to followers`() throws {
    let ingest = try begin()
    try ingest.append(bytes[..<50_000])
    try ingest.restart()
    let follower = Follower(ingest)
    try ingest.append(bytes)
    _ = try ingest.finish()
    #expect(try follower.finish() == bytes)
  }
}
