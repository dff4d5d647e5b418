// A batch on its way into the file that debugfs reads. It is written piece by piece while the image is
// compared: what corrects an inode is often longer than all that the tree says about it.

import Glibc
import SystemPackage

/// The unfinished batch of one build.
struct BatchFile: ~Copyable {
  private let work: WorkDirectory
  private let descriptor: Int32
  private var batch = DebugfsBatch()
  private(set) var correctionCount = 0
  private(set) var isEmpty = true

  private static let pieceByteCount = 1 << 20

  /// - Throws: `.diskFull`, `.systemCall`.
  init(in work: WorkDirectory) throws(Ext4Error) {
    self.work = work
    descriptor = try HostFile.createOpen(
      work.path.appending(WorkDirectory.batchName),
      permissions: 0o600
    )
  }

  deinit { close(descriptor) }

  mutating func append(_ correction: InodeCorrection) throws(Ext4Error) {
    batch.append(correction)
    correctionCount += 1
    if batch.text.count >= Self.pieceByteCount { try write() }
  }

  /// Writes what is left, with the commands that join links last, and the values that the batch names.
  mutating func finish(joining: LinkJoining) throws(Ext4Error) {
    batch.append(joining)
    try write()
    for (index, value) in batch.values.enumerated() {
      let path = work.path.appending(DebugfsBatch.valueFileName(index))
      try HostFile.create(path, permissions: 0o600, bytes: value)
    }
  }

  private mutating func write() throws(Ext4Error) {
    let text = batch.takeText()
    if text.isEmpty { return }
    isEmpty = false
    try HostFile.write(text, to: descriptor, work.path.appending(WorkDirectory.batchName))
  }
}
