// Who may make a file of the cache: one at a time, between threads and between processes.

import Foundation
import ImageStore
import OCISpec
import struct Synchronization.Atomic
import TestKit
import Testing
import Threading

struct CacheLockTests {
  // Kept by the suite, because a directory that only a test's body knew might go before its end.
  private let scratch: ScratchCache

  init() throws {
    scratch = try ScratchCache()
  }

  @Test func `a lock excludes until it is released`() throws {
    let cache = try scratch.open()
    let lock = try cache.lock(digest)
    #expect(try scratch.open().tryLock(digest) == nil)
    let other = Digest(algorithm: .sha256, bytes: Array(repeating: 1, count: 32))
    let second = try #require(try cache.tryLock(other))
    second.release()
    lock.release()
    lock.release()
    try #require(try cache.tryLock(digest)).release()
  }

  @Test func `another process excludes until it lets go or dies`() throws {
    let cache = try scratch.open()
    let first = try LockHolder(scratch.lock)
    #expect(try cache.tryLock(digest) == nil)
    try first.release()
    try #require(try cache.tryLock(digest)).release()
    let second = try LockHolder(scratch.lock)
    #expect(try cache.tryLock(digest) == nil)
    try second.kill()
    try #require(try cache.tryLock(digest)).release()
  }

  @Test func `threads take a lock one after another`() throws {
    let cache = try scratch.open()
    let inside = Atomic(0)
    let overlaps = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<50 {
        do {
          let lock = try cache.lock(digest)
          defer { lock.release() }
          if inside.add(1, ordering: .relaxed).newValue != 1 {
            overlaps.add(1, ordering: .relaxed)
          }
          inside.subtract(1, ordering: .relaxed)
        } catch {
          Issue.record(error)
        }
      }
    }
    #expect(overlaps.load(ordering: .relaxed) == 0)
  }

  @Test func `a waiter outlasts signals and gets the lock when its holder dies`() throws {
    // A handler without SA_RESTART, so that every signal interrupts the wait.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    #expect(sigaction(SIGUSR1, &action, nil) == 0)
    let cache = try scratch.open()
    let holder = try LockHolder(scratch.lock)
    let thread = Mutex<pthread_t?>(nil)
    let outcome = Mutex<Result<Void, any Error>?>(nil)
    let (started, finished) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      thread.withLock { $0 = pthread_self() }
      started.signal()
      let result = Result { try cache.lock(digest).release() }
      outcome.withLock { $0 = result }
      finished.signal()
    }
    started.wait()
    let known = thread.withLock { $0 }
    let waiter = try #require(known)
    for _ in 0..<200 {
      pthread_kill(waiter, SIGUSR1)
      usleep(500)
    }
    #expect(outcome.withLock { $0 == nil })
    try holder.kill()
    try #require(finished.wait(timeout: .now() + 60) == .success)
    let result = outcome.withLock { $0 }
    try #require(result).get()
  }

  @Test func `a lock file deleted under its holder excludes nobody`() throws {
    let cache = try scratch.open()
    let holder = try LockHolder(scratch.lock)
    try FileManager.default.removeItem(atPath: scratch.lock)
    let lock = try #require(try cache.tryLock(digest))
    #expect(try cache.tryLock(digest) == nil)
    lock.release()
    try holder.kill()
  }
}
