// What a mount has to say while it is served: that it is there, and why a read failed.

import FileTree
import Foundation
import FuseServer
import Glibc
import ImageStore
import Layers
import OCISpec
import TreeMount
import Threading

/// Lines with a time, on a descriptor that stays open.
///
/// Usable from any thread.
final class MountLog: Sendable {
  private let descriptor: Int32
  /// Failed reads are told once for each file: a reader may try for ever.
  private let toldFailures = Mutex<Set<UInt64>>([])
  /// So many files with failures are told apart; beyond that all are silent.
  private static let toldLimit = 1000

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  func mounted(_ image: ResolvedImage, at place: Mountpoint) {
    line("mounted \(image.reference) (\(image.digest)) at \(place.text)")
  }

  func note(_ failure: ReadFailure) {
    let isNew = toldFailures.withLock { told in
      told.count < Self.toldLimit && told.insert(failure.inode.rawValue).inserted
    }
    if !isNew { return }
    let error = TerminalText.line("\(failure.error)")
    line(escaped: "/\(EscapedBytes.path(failure.path)): read failed: \(error)")
  }

  private func line(_ text: String) {
    line(escaped: EscapedBytes.string(text.utf8))
  }

  private func line(escaped text: String) {
    let bytes = Array("\(Date().formatted(.iso8601)) \(text)\n".utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }
}

/// How often the kernel asked for what, as a file for tests and benchmarks.
enum RequestCounts {
  static func write(_ counts: [String: UInt64], to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(counts).write(to: URL(fileURLWithPath: path))
  }
}
