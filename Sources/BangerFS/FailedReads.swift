// Which reads of a mount failed, and why: kept by the serving process, told as an attribute of the mount's
// root, and read there by `mounts -v`. Nothing is left when the mount is gone. docs/JSON.md describes it.

import FileTree
import Foundation
import FuseServer
import Glibc
import OCISpec
import TreeMount
import Threading

/// Failed reads as JSON: the attribute's value, and a part of what `mounts` prints.
struct FailedReads: Codable, Equatable {
  /// Of all reads there were.
  var count: UInt64 = 0
  /// The last files, the one that failed last first.
  var files: [File] = []

  struct File: Codable, Equatable {
    /// From the mount's root.
    var path: String
    var pathBase64: String?
    /// Where the file comes from, as `stat` has it.
    var layer: Int?
    var layerDigest: String?
    var addedBy: String?
    /// Of the last failed read: where it began.
    var offset: UInt64
    var message: String
    var count: UInt64
    /// In UTC, as ISO 8601 has it.
    var lastTime: String

    init(_ failure: ReadFailure, _ origin: Origin?, count: UInt64, at time: Date) {
      let path = JSONBytes(failure.path)
      self.path = path.text
      pathBase64 = path.base64
      layer = origin?.layer
      layerDigest = origin?.layerDigest
      addedBy = origin?.addedBy
      offset = failure.offset
      message = "\(failure.error)"
      self.count = count
      lastTime = time.formatted(.iso8601)
    }
  }
}

/// Takes note of failed reads.
///
/// Usable from any thread.
final class FailedReadRecord: Sendable {
  /// A person reads them.
  private static let fileLimit = 20
  /// What an extended attribute can hold.
  private static let byteLimit = 64 << 10

  private struct State {
    var count: UInt64 = 0
    /// The one that failed last at the end.
    var files: [(inode: InodeNumber, file: FailedReads.File)] = []
  }

  private let state = Mutex(State())

  func note(_ failure: ReadFailure, _ origin: Origin?, at time: Date = Date()) {
    state.withLock { state in
      state.count += 1
      var count: UInt64 = 1
      if let known = state.files.firstIndex(where: { $0.inode == failure.inode }) {
        count += state.files.remove(at: known).file.count
      }
      if state.files.count == Self.fileLimit { state.files.removeFirst() }
      let file = FailedReads.File(failure, origin, count: count, at: time)
      state.files.append((failure.inode, file))
    }
  }

  /// The value of the attribute; names and messages may be so long that only some files fit.
  var attribute: [UInt8] {
    var told = state.withLock { state in
      FailedReads(count: state.count, files: state.files.reversed().map(\.file))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    while true {
      do {
        let value = Array(try encoder.encode(told))
        if value.count <= Self.byteLimit || told.files.isEmpty { return value }
      } catch {
        return []
      }
      told.files.removeLast()
    }
  }

  /// What the mount answers: the names of files that others may not list are for those who could read
  /// them anyway.
  func attribute(for caller: FuseCaller) -> [UInt8]? {
    caller.userID == 0 || caller.userID == geteuid() ? attribute : nil
  }
}

/// What became of asking a mount for its failed reads.
enum FailedReadsAnswer {
  case told(FailedReads)
  case refused(String)

  init(asking mount: MountTable.Mount) {
    do throws(POSIXErrno) {
      self.init(decoding: try mount.attribute(MountFacts.failuresName))
    } catch {
      self = .refused("\(error)")
    }
  }

  /// Anybody can serve a mount that looks like ours.
  init(decoding value: [UInt8]) {
    do {
      self = .told(try JSONDecoder().decode(FailedReads.self, from: Data(value)))
    } catch {
      self = .refused("the mount's answer makes no sense")
    }
  }
}
