// A Tree served to the kernel: answers each request from flat arrays, and reads from layers. Knows no
// libfuse and no compression. docs/SEMANTICS.md says what a mount promises.

import FileTree
import FlatArrays
package import FuseServer
package import Layers

/// A flattened image as a file system.
///
/// Everything but `read` is answered from memory, without a lock and without an allocation.
package struct TreeFileSystem: FuseFileSystem {
  private let files: ImageFiles
  private let totals: FuseStatistics
  /// Called once for each failed read, on the thread that read.
  private let reportFailure: @Sendable (ReadFailure) -> Void
  private let pump: Pump?

  /// `pump` is told of what is read; it does not run before the session that is given both.
  package init(
    files: ImageFiles,
    pump: Pump? = nil,
    reportFailure: @escaping @Sendable (ReadFailure) -> Void
  ) {
    self.files = files
    self.pump = pump
    self.reportFailure = reportFailure
    totals = NodeAttributes.statistics(of: files.tree)
  }

  private var tree: Tree { files.tree }

  private func node(_ inode: InodeNumber) throws(POSIXErrno) -> Node {
    guard inode.rawValue >= 1, let index = UInt32(exactly: inode.rawValue - 1),
      let node = tree.node(NodeID(index))
    else { throw .stale }
    return node
  }

  private func attributes(_ id: NodeID) -> FuseAttributes {
    NodeAttributes.attributes(of: tree[id], id: id)
  }

  package func lookUp(
    _ name: UnsafeRawBufferPointer,
    in parent: InodeNumber
  ) throws(POSIXErrno) -> FuseAttributes? {
    let directory = try node(parent)
    guard directory.kind == .directory else { throw .notADirectory }
    if name.elementsEqual("..".utf8) { return attributes(directory.parent) }
    return tree.child(of: directory) { $0.compare(to: name) }.map(attributes)
  }

  package func attributes(of inode: InodeNumber) throws(POSIXErrno) -> FuseAttributes {
    _ = try node(inode)
    return attributes(NodeID(UInt32(truncatingIfNeeded: inode.rawValue - 1)))
  }

  package func copyTarget(
    of link: InodeNumber,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    let node = try node(link)
    guard node.kind == .symbolicLink else { throw .invalidArgument }
    return tree.target(of: node).copy(to: buffer)
  }

  /// Cookies: 1 behind `.`, 2 behind `..`, *i* + 3 behind child *i*.
  package func readDirectory(
    _ directory: InodeNumber,
    after cookie: UInt64,
    into reply: inout DirectoryReplyBuffer
  ) throws(POSIXErrno) {
    let node = try node(directory)
    guard node.kind == .directory else { throw .notADirectory }
    let own = try attributes(of: directory)
    if cookie < 1, !reply.append(".", own, cookie: 1) { return }
    if cookie < 2, !reply.append("..", attributes(node.parent), cookie: 2) { return }
    let places = tree.childRange(of: node)
    let done = cookie < 2 ? 0 : Int(clamping: cookie - 2)
    // Whoever asks for more has what there is, and so has the kernel.
    if done >= places.count { pump?.note(listed: directory) }
    for place in places.dropFirst(done) {
      let child = tree.childTable[place]
      let next = UInt64(place - places.lowerBound) + 3
      let attributes = attributes(child.node)
      let fits = tree.name(of: child).withUnsafeBytes {
        reply.append($0, attributes, cookie: next)
      }
      if !fits { return }
    }
  }

  package func readImmediately(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    let node = try regular(file)
    pump?.note(file, at: offset)
    do {
      return try files.read(node, at: offset, into: buffer, decoding: .never)
    } catch {
      throw fail(error, file)
    }
  }

  package func read(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    let node = try regular(file)
    do {
      return try files.read(node, at: offset, into: buffer)
    } catch {
      throw fail(error, file)
    }
  }

  private func regular(_ file: InodeNumber) throws(POSIXErrno) -> Node {
    let node = try node(file)
    guard node.kind == .regular else {
      throw node.kind == .directory ? .isADirectory : .invalidArgument
    }
    return node
  }

  private func fail(_ error: LayersError, _ file: InodeNumber) -> POSIXErrno {
    reportFailure(ReadFailure(inode: file, error: error))
    return .inputOutput
  }

  package func extendedAttribute(
    _ name: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    for attribute in tree.extendedAttributes(of: try node(inode)) {
      if attribute.name.compare(to: name) == 0, isVisible(attribute.name, to: caller) {
        return attribute.value.copy(to: buffer)
      }
    }
    return nil
  }

  package func extendedAttributeNames(
    of inode: InodeNumber,
    for caller: FuseCaller,
    into list: inout ExtendedAttributeList
  ) throws(POSIXErrno) {
    for attribute in tree.extendedAttributes(of: try node(inode))
    where isVisible(attribute.name, to: caller) {
      attribute.name.withUnsafeBytes { list.append($0) }
    }
  }

  /// The kernel lists `trusted.` names to everyone and then refuses to read them to all but root, so
  /// that whoever copies what is listed would fail.
  private func isVisible(_ name: ByteSlice, to caller: FuseCaller) -> Bool {
    caller.userID == 0 || !name.hasPrefix("trusted.")
  }

  package func statistics() -> FuseStatistics { totals }
}

/// A read that was answered with EIO, and why.
package struct ReadFailure: Sendable, Equatable {
  package let inode: InodeNumber
  package let error: LayersError
}

extension DirectoryReplyBuffer {
  fileprivate mutating func append(
    _ name: StaticString,
    _ attributes: FuseAttributes,
    cookie: UInt64
  ) -> Bool {
    let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return append(bytes, attributes, cookie: cookie)
  }
}
