// One listening port and the connections that came in by it. Knows sockets and TLS, not HTTP.

import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestKit

/// The threads of all servers of ours; apart from those of the clients under test.
enum ServerThreads {
  static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
}

/// A port that the system chose; closed, with all its connections, by `close()`.
final class Listener: Sendable {
  private let channel: any Channel
  private let connections: ConnectionSet
  let port: Int

  /// Listens; `configure` adds handlers to each new connection, on its event loop.
  init(
    address: String,
    tls: NIOSSLContext?,
    configure: @escaping @Sendable (any Channel) throws -> Void
  ) throws {
    let connections = ConnectionSet()
    channel = try ServerBootstrap(group: ServerThreads.group)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          connections.insert(channel)
          if let tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
          }
          try configure(channel)
        }
      }
      .bind(host: address, port: 0)
      .wait()
    self.connections = connections
    guard let port = channel.localAddress?.port else {
      throw ProgramFailure("no port for \(address)")
    }
    self.port = port
  }

  /// How many connections have come in.
  var connectionCount: Int { connections.count }

  func close() {
    channel.close(promise: nil)
    connections.closeAll()
  }
}

/// The connections that are open.
private final class ConnectionSet: Sendable {
  private struct State {
    var open: [ObjectIdentifier: any Channel] = [:]
    var count = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  var count: Int { state.withLock { $0.count } }

  func insert(_ channel: any Channel) {
    let isClosed = state.withLock { state in
      state.count += 1
      state.open[ObjectIdentifier(channel)] = channel
      return state.isClosed
    }
    if isClosed { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { [weak self] _ in
      self?.state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }
  }

  func closeAll() {
    let open = state.withLock { state in
      state.isClosed = true
      return state.open.values.map(\.self)
    }
    // The goodbye of TLS would wait for a client that may be gone.
    for channel in open { ConnectionReset.reset(channel) }
  }
}
