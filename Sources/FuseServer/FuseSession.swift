// A mounted, served file system from its first request to its end: threads, stopping, what ended
// it. Knows nothing of what is served. Source: fuse_lowlevel.h; the order of the end is explained
// below.

import Glibc
import Threading

/// Why a session is over.
package enum FuseSessionEnd: Sendable, Equatable {
  /// `stop` was called, and the mount is gone.
  case stopped
  /// Somebody else unmounted it, or aborted the connection.
  case unmounted
  /// The kernel could not be listened to, or the mount could not be removed.
  case failed(FuseError)
}

/// A file system that is mounted and served.
///
/// Exists only while mounted: a session that was made has answered the kernel's INIT and serves. It
/// serves until `stop` or an unmount from outside, and one thread must be in `waitUntilEnded`,
/// which does the cleaning up. A session that is let go without is stopped. The process must not
/// touch paths below its own mountpoint from a thread that the serving depends on.
package final class FuseSession: Sendable {
  private struct Lifetime {
    var isStopRequested = false
    /// The first end of a request thread, when it was not asked to end.
    var loopEnd: LoopEnd?
    var isShuttingDown = false
    var end: FuseSessionEnd?

    var needsShutdown: Bool {
      !isShuttingDown && (isStopRequested || loopEnd != nil)
    }
  }

  private let lifetime: Monitor<Lifetime>
  private let place: MountPlace
  private let core: ServerCore
  private let stopEvent: StopEvent
  // The only reference outside the threads, given up at the end: that closes the connection.
  private let connection: Monitor<Connection?>
  private let requestThreads: [NativeThread]
  private let readWorkers: [NativeThread]
  private let pushing: Pushing?

  private struct Pushing {
    let pusher: any CachePusher
    let threads: [NativeThread]
  }

  /// Mounts `fileSystem` at the directory `path` and starts to serve it.
  ///
  /// On return the kernel's INIT was answered and every request is. Any user may mount where
  /// fusermount3 permits; a non-empty directory is no obstacle. `pusher` runs until the serving ends.
  package init(
    serving fileSystem: any FuseFileSystem,
    at path: [UInt8],
    options: FuseOptions,
    pusher: (any CachePusher)? = nil
  ) throws(FuseError) {
    precondition(
      options.requestThreadCount > 0 && options.readWorkerCount > 0,
      "a session needs a thread for requests and one for reads"
    )
    let mounted = try Mounter.mount(at: path, options: options)
    let place = mounted.place
    do throws(FuseError) {
      let connection = try Connection.establish(
        on: mounted.takeDevice(),
        serving: fileSystem,
        options: options
      )
      let lifetime = Monitor(Lifetime())
      let stopEvent = try StopEvent()
      let threads = try Self.startThreads(connection, stopEvent, lifetime)
      self.place = place
      core = connection.core
      self.lifetime = lifetime
      self.stopEvent = stopEvent
      self.connection = Monitor(connection)
      (requestThreads, readWorkers) = threads
      pushing = Self.start(pusher, connection)
    } catch {
      // A mount that cannot be removed either is found dead the next time; this is why it is.
      _ = place.detach()
      throw error
    }
  }

  /// Without the threads, or with fewer, everything works, only slower.
  private static func start(_ pusher: (any CachePusher)?, _ connection: Connection) -> Pushing? {
    guard let pusher else { return nil }
    let cache = KernelCache(connection: connection)
    var threads: [NativeThread] = []
    do throws(FuseError) {
      for index in 0..<pusher.threadCount {
        threads.append(
          try .start(named: "fuse-push-\(index)") {
            pusher.push(to: cache, thread: index)
          }
        )
      }
    } catch {
      // Those that there are do it.
    }
    return Pushing(pusher: pusher, threads: threads)
  }

  private static func startThreads(
    _ connection: Connection,
    _ stopEvent: StopEvent,
    _ lifetime: Monitor<Lifetime>
  ) throws(FuseError) -> (requests: [NativeThread], workers: [NativeThread]) {
    let core = connection.core
    var requests: [NativeThread] = []
    var workers: [NativeThread] = []
    do throws(FuseError) {
      for index in 0..<core.options.readWorkerCount {
        workers.append(try .start(named: "fuse-read-\(index)") { core.performReads() })
      }
      if core.options.preparesDirectories {
        workers.append(try .start(named: "fuse-prepare") { connection.prepareDirectories() })
      }
      for index in 0..<core.options.requestThreadCount {
        let loop = RequestLoop(connection: connection, stopEvent: stopEvent)
        requests.append(
          try .start(named: "fuse-\(index)") {
            let end = loop.run()
            lifetime.update { $0.loopEnd = $0.loopEnd ?? end }
          }
        )
      }
    } catch {
      join(requests, workers, core, stopEvent)
      throw error
    }
    return (requests, workers)
  }

  /// Ends the threads: first those that take requests, so that no read is queued afterwards.
  private static func join(
    _ requests: [NativeThread],
    _ workers: [NativeThread],
    _ core: ServerCore,
    _ stopEvent: StopEvent
  ) {
    stopEvent.signal()
    requests.forEach { $0.join() }
    core.reads.close()
    core.preparations.close()
    workers.forEach { $0.join() }
  }

  deinit {
    stop()
    _ = waitUntilEnded()
  }

  /// Finds out early, before anything else is done, that no mount will be possible.
  ///
  /// - Throws: `.deviceMissing`, `.deviceNotPermitted`, `.deviceUnusable`.
  package static func requireDevice() throws(FuseError) {
    _ = try Mounter.openDevice()
  }

  /// Asks for the end, from any thread; `waitUntilEnded` brings it about.
  package func stop() {
    lifetime.update { $0.isStopRequested = true }
  }

  /// Waits until `stop` or an end from outside, cleans up, and tells which it was.
  ///
  /// May be called by several threads, and again later. The mount is gone from sight before the
  /// serving ends, so that nobody new can get in: reads under way are finished, waiting ones fail
  /// with EIO. Files that are still open then fail with ENOTCONN.
  package func waitUntilEnded() -> FuseSessionEnd {
    let known = lifetime.wait(until: { $0.needsShutdown || $0.end != nil }) { lifetime in
      lifetime.isShuttingDown = true
      return (end: lifetime.end, loopEnd: lifetime.loopEnd)
    }
    if let end = known.end { return end }
    let end = shutDown(after: known.loopEnd)
    lifetime.update { $0.end = end }
    return end
  }

  private func shutDown(after loopEnd: LoopEnd?) -> FuseSessionEnd {
    // First, while READs are answered that it may wait for.
    if let pushing {
      pushing.pusher.stop()
      pushing.threads.forEach { $0.join() }
    }
    switch loopEnd {
    case nil, .stopped:
      let failure = place.detach()
      closeConnection()
      return failure.map(FuseSessionEnd.failed) ?? .stopped
    case .disconnected:
      closeConnection()
      clearAborted()
      return .unmounted
    case .failed(let error):
      // The other way round: nobody may be left to answer whoever unmounts.
      closeConnection()
      _ = place.detach()
      return .failed(error)
    }
  }

  /// Removes the mount where the connection was aborted and not the mount removed.
  ///
  /// Only a dead one: by now another may be at the same path, with the same device number.
  private func clearAborted() {
    do throws(FuseError) {
      _ = try MountTable.clearDeadMount(at: place.path)
    } catch {
      // It is found dead the next time.
    }
  }

  private func closeConnection() {
    Self.join(requestThreads, readWorkers, core, stopEvent)
    connection.update { $0 = nil }
  }
}

extension FuseSession {
  /// The directory that the file system is mounted at, as the mount table has it.
  package var mountpoint: [UInt8] { place.path }

  /// How often the kernel asked for what so far, by the names of linux/fuse.h without `FUSE_`.
  ///
  /// Requests that libfuse answers by itself count too.
  package var requestCounts: [String: UInt64] { core.counters.snapshot }
}
