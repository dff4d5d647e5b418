// The fixture's tree as a file system, with the faults that tests ask for. Linear searches will do.

import FuseServer
import Glibc
import Synchronization

/// Serves a `FixtureTree`.
final class FixtureFileSystem: FuseFileSystem {
  /// No request waits longer than this for a test to go on: 20 s.
  private static let longestWaitMilliseconds = 20_000

  private let tree = FixtureTree()
  private let gate: String?
  private let isHealed = Atomic<Bool>(false)
  private let arrivals = Atomic<Int>(0)
  private let isPrepared = Atomic<Bool>(false)

  /// `gate` is the file whose existence lets reads of the gated file go on.
  init(gate: String?) {
    self.gate = gate
  }

  /// Lets reads of the broken file succeed from now on.
  func heal() {
    isHealed.store(true, ordering: .releasing)
  }

  func lookUp(
    _ name: UnsafeRawBufferPointer,
    in parent: InodeNumber
  ) throws(POSIXErrno) -> FuseAttributes? {
    let directory = try node(parent)
    guard let names = FixtureTree.names(of: directory.content) else { throw .notADirectory }
    if name.elementsEqual("..".utf8) { return tree.nodes[directory.parent].attributes }
    guard let found = names.first(where: { name.elementsEqual($0.name) }) else { return nil }
    if case .meetingPlace = directory.content { try meet() }
    return tree.nodes[found.node].attributes
  }

  func attributes(of inode: InodeNumber) throws(POSIXErrno) -> FuseAttributes {
    try node(inode).attributes
  }

  func copyTarget(
    of link: InodeNumber,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    guard case .link(let target) = try node(link).content else { throw .invalidArgument }
    buffer.copyBytes(from: target)
    return target.count
  }

  func readDirectory(
    _ directory: InodeNumber,
    after cookie: UInt64,
    into reply: inout DirectoryReplyBuffer
  ) throws(POSIXErrno) {
    let node = try node(directory)
    guard let names = FixtureTree.names(of: node.content) else { throw .notADirectory }
    let own = Int(directory.rawValue) - 1
    let entries = [(Array(".".utf8), own), (Array("..".utf8), node.parent)] + names
    for (index, entry) in entries.enumerated().dropFirst(Int(cookie)) {
      let fits = entry.0.withUnsafeBytes {
        reply.append($0, tree.nodes[entry.1].attributes, cookie: UInt64(index) + 1)
      }
      guard fits else { return }
    }
  }

  func readImmediately(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    guard case .ready(let bytes) = try node(file).content else { return nil }
    return copy(from: offset, of: UInt64(bytes.count), into: buffer) { bytes[Int($0)] }
  }

  func read(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    let node = try node(file)
    switch node.content {
    case .pattern: break
    case .broken:
      guard isHealed.load(ordering: .acquiring) else { throw .inputOutput }
    case .gated: try waitForGate()
    case .short: return min(buffer.count, 3000)
    default: throw .isADirectory
    }
    return copy(
      from: offset,
      of: node.attributes.byteCount,
      into: buffer,
      FixtureTree.patternByte(at:)
    )
  }

  func extendedAttribute(
    _ name: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    let attributes = try node(inode).extendedAttributes
    guard let found = attributes.first(where: { name.elementsEqual($0.name) }) else { return nil }
    buffer.copyBytes(from: found.value)
    return found.value.count
  }

  func extendedAttributeNames(
    of inode: InodeNumber,
    for caller: FuseCaller,
    into list: inout ExtendedAttributeList
  ) throws(POSIXErrno) {
    for (name, _) in try node(inode).extendedAttributes {
      name.withUnsafeBytes { list.append($0) }
    }
  }

  /// `nested` has to be prepared, which waits for the gate.
  func isPrepared(_ directory: InodeNumber) -> Bool {
    isPrepared.load(ordering: .acquiring)
      || FixtureTree.names(of: tree.nodes[0].content)?
        .first { $0.name == Array("nested".utf8) }?.node != Int(directory.rawValue) - 1
  }

  func prepare(_ directory: InodeNumber) {
    if isPrepared(directory) { return }
    // Late or never is the same to the tests: the directory is there.
    do { try waitForGate() } catch {}
    isPrepared.store(true, ordering: .releasing)
  }

  func statistics() -> FuseStatistics {
    FuseStatistics(blockCount: 5000, inodeCount: UInt64(tree.nodes.count))
  }

  private func node(_ inode: InodeNumber) throws(POSIXErrno) -> FixtureNode {
    guard (1...UInt64(tree.nodes.count)).contains(inode.rawValue) else { throw .stale }
    return tree.nodes[Int(inode.rawValue) - 1]
  }

  private func copy(
    from offset: UInt64,
    of byteCount: UInt64,
    into buffer: UnsafeMutableRawBufferPointer,
    _ byte: (UInt64) -> UInt8
  ) -> Int {
    guard offset < byteCount else { return 0 }
    let count = Int(min(byteCount - offset, UInt64(buffer.count)))
    for index in 0..<count { buffer[index] = byte(offset + UInt64(index)) }
    return count
  }

  /// Waits until a second lookup is here, which only happens if the kernel sends both at once.
  private func meet() throws(POSIXErrno) {
    arrivals.add(1, ordering: .acquiringAndReleasing)
    try wait { arrivals.load(ordering: .acquiring) >= 2 }
  }

  private func waitForGate() throws(POSIXErrno) {
    say("GATED")
    try wait { gate.map { access($0, F_OK) == 0 } ?? true }
  }

  private func wait(until isDone: () -> Bool) throws(POSIXErrno) {
    for _ in 0..<Self.longestWaitMilliseconds {
      if isDone() { return }
      usleep(1000)
    }
    throw .timedOut
  }
}

/// Prints a line at once.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}
