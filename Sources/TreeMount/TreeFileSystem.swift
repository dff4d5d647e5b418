// A Tree served to the kernel: answers each request from flat arrays, and reads from layers. Knows no
// libfuse and no compression. docs/SEMANTICS.md says what a mount promises.

import FileTree
import FlatArrays
package import FuseServer
package import Layers

/// A flattened image as a file system.
///
/// Everything but `read`, and attributes that the image has not, is answered from memory, without a lock
/// and without an allocation.
package struct TreeFileSystem: FuseFileSystem {
  private let files: ImageFiles
  private let place: TreePlace
  private let totals: FuseStatistics
  private let facts: MountFacts?
  /// Called once for each failed read, on the thread that read.
  private let reportFailure: @Sendable (ReadFailure) -> Void
  private let pump: Pump?

  /// The tree as all that a mount shows; without `facts` files have no attributes but the image's.
  ///
  /// `pump` is told of what is read; it does not run before the session that is given both.
  package init(
    files: ImageFiles,
    pump: Pump? = nil,
    facts: MountFacts? = nil,
    reportFailure: @escaping @Sendable (ReadFailure) -> Void
  ) {
    self.init(files, at: .whole, pump, facts, reportFailure)
  }

  /// The tree as a part of a mount, without a pump.
  init(
    files: ImageFiles,
    at place: TreePlace,
    facts: MountFacts,
    reportFailure: @escaping @Sendable (ReadFailure) -> Void
  ) {
    self.init(files, at: place, nil, facts, reportFailure)
  }

  private init(
    _ files: ImageFiles,
    at place: TreePlace,
    _ pump: Pump?,
    _ facts: MountFacts?,
    _ reportFailure: @escaping @Sendable (ReadFailure) -> Void
  ) {
    self.files = files
    self.place = place
    self.pump = pump
    self.facts = facts
    self.reportFailure = reportFailure
    totals = NodeAttributes.statistics(of: files.tree)
  }

  private var tree: Tree { files.tree }

  private func id(_ inode: InodeNumber) throws(POSIXErrno) -> NodeID {
    guard let id = place.node(of: inode), Int(id.index) < tree.nodeCount else { throw .stale }
    return id
  }

  private func node(_ inode: InodeNumber) throws(POSIXErrno) -> Node { tree[try id(inode)] }

  private func attributes(_ id: NodeID) -> FuseAttributes {
    if id == .root, let frame = place.frame { return frame.root }
    return NodeAttributes.attributes(of: tree[id], inode: place.inode(of: id))
  }

  /// The directory that holds a directory, which for the mount's root is the root.
  private func holder(of directory: InodeNumber, _ node: Node) -> FuseAttributes {
    if directory == place.root, let frame = place.frame { return frame.holder }
    return attributes(node.parent)
  }

  package func lookUp(
    _ name: UnsafeRawBufferPointer,
    in parent: InodeNumber
  ) throws(POSIXErrno) -> FuseAttributes? {
    let directory = try node(parent)
    guard directory.kind == .directory else { throw .notADirectory }
    if name.elementsEqual("..".utf8) { return holder(of: parent, directory) }
    return tree.child(of: directory) { $0.compare(to: name) }.map(attributes)
  }

  package func attributes(of inode: InodeNumber) throws(POSIXErrno) -> FuseAttributes {
    try attributes(id(inode))
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
    if cookie < 2, !reply.append("..", holder(of: directory, node), cookie: 2) { return }
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
      throw fail(error, file, at: offset)
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
      throw fail(error, file, at: offset)
    }
  }

  private func regular(_ file: InodeNumber) throws(POSIXErrno) -> Node {
    let node = try node(file)
    guard node.kind == .regular else {
      throw node.kind == .directory ? .isADirectory : .invalidArgument
    }
    return node
  }

  private func fail(
    _ error: LayersError,
    _ file: InodeNumber,
    at offset: UInt64
  ) -> POSIXErrno {
    guard let id = place.node(of: file) else { return .stale }
    reportFailure(
      ReadFailure(
        inode: file,
        path: place.path(to: tree.path(of: id)),
        offset: offset,
        node: tree[id],
        error: error
      )
    )
    return .inputOutput
  }

  package func extendedAttribute(
    _ name: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    let node = try node(inode)
    for attribute in tree.extendedAttributes(of: node) {
      if attribute.name.compare(to: name) == 0, isVisible(attribute.name, to: caller) {
        return attribute.value.copy(to: buffer)
      }
    }
    if let facts, MountFacts.has(name) {
      if inode == .root, let count = facts.copyFailures(name, for: caller, into: buffer) {
        return count
      }
      return facts.copyProvenance(name, of: node, into: buffer)
    }
    // Who asks for the access control lists of a whole directory then asks once, and not for each file.
    // Not in a part of a mount: others may have some.
    if place.frame == nil, !tree.totals.hasExtendedAttributes { throw .notSupported }
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
