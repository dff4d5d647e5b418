// Requests that look into directories which the file system has to make first, and the thread that makes
// them: whoever looks elsewhere does not wait. Source: linux/fuse.h.

import CFuse3
import Threading

/// Requests that wait for the preparing thread, first come first served.
///
/// As many as there are processes that ask, each of which waits for its answer.
final class PreparationQueue: Sendable {
  /// A request as the kernel sent it.
  struct Request: Sendable {
    let directory: InodeNumber
    var message: [UInt8]
  }

  private struct Waiting {
    var requests: [Request] = []
    var isClosed = false
  }

  private let waiting = Monitor(Waiting())

  func add(_ directory: UInt64, _ message: UnsafeRawBufferPointer) {
    let request = Request(directory: InodeNumber(rawValue: directory), message: Array(message))
    waiting.update { $0.requests.append(request) }
  }

  /// Waits for a request; `nil` when the queue is closed.
  func next() -> Request? {
    waiting.wait(until: { !$0.requests.isEmpty || $0.isClosed }) { waiting in
      waiting.isClosed ? nil : waiting.requests.removeFirst()
    }
  }

  /// Lets the thread end.
  ///
  /// What waits gets no answer; it fails when the connection is closed.
  func close() {
    waiting.update { $0.isClosed = true }
  }
}

extension ServerCore {
  /// Whether a request looks into a directory that is not prepared yet.
  func awaitsPreparation(_ header: fuse_in_header) -> Bool {
    guard options.preparesDirectories else { return false }
    switch header.opcode {
    case FUSE_LOOKUP.rawValue, FUSE_READDIR.rawValue, FUSE_READDIRPLUS.rawValue:
      return !fileSystem.isPrepared(InodeNumber(rawValue: header.nodeid))
    default:
      return false
    }
  }
}

extension Connection {
  /// What the preparing thread does until the queue is closed.
  func prepareDirectories() {
    core.withAnswerMemory {
      while var request = core.preparations.next() {
        core.fileSystem.prepare(request.directory)
        request.message.withUnsafeMutableBytes { bytes in
          var buffer = fuse_buf()
          buffer.size = bytes.count
          buffer.mem = bytes.baseAddress
          fuse_session_process_buf(session, &buffer)
        }
      }
    }
  }
}
