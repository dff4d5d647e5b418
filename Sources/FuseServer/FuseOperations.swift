// The table of C functions that libfuse calls: decode the arguments, ask the file system, answer.
// What is not in the table libfuse answers by itself: ENOSYS, which the kernel remembers, and
// nothing for FORGET, which a file system of fixed inodes has no use for. Source: fuse_lowlevel.h.

import CFuse3
import Glibc

/// The handlers of one session.
///
/// They are called on the session's request threads and may capture nothing; what they need they
/// reach through the request.
enum FuseOperations {
  /// The largest value and the longest list of extended attributes, as `XATTR_SIZE_MAX`.
  private static var largestExtendedAttribute: Int { 64 << 10 }
  /// The longest target of a symbolic link, as `PATH_MAX`.
  private static var longestTarget: Int { 4096 }

  static func table(for options: FuseOptions) -> fuse_lowlevel_ops {
    var operations = fuse_lowlevel_ops()
    operations.lookup = { FuseOperations.lookUp($0, $1, $2) }
    operations.getattr = { request, inode, _ in FuseOperations.attributes(request, inode) }
    operations.readlink = { FuseOperations.readLink($0, $1) }
    operations.open = { request, _, _ in FuseOperations.open(request) }
    operations.read = { request, inode, size, offset, _ in
      FuseOperations.read(request, inode, size, offset)
    }
    operations.opendir = { request, _, _ in FuseOperations.openDirectory(request) }
    operations.readdir = { request, inode, size, offset, _ in
      FuseOperations.readDirectory(request, inode, size, offset, carriesAttributes: false)
    }
    operations.readdirplus = { request, inode, size, offset, _ in
      FuseOperations.readDirectory(request, inode, size, offset, carriesAttributes: true)
    }
    operations.statfs = { request, _ in
      FuseOperations.serve(request) { core, reply in reply.statistics(core.fileSystem.statistics())
      }
    }
    if options.servesExtendedAttributes {
      operations.getxattr = { FuseOperations.extendedAttribute($0, $1, $2, $3) }
    }
    if options.servesExtendedAttributes, options.listsExtendedAttributes {
      operations.listxattr = { FuseOperations.extendedAttributeNames($0, $1, $2) }
    }
    return operations
  }

  /// Calls `body` with the session's state, which outlives every request, and the debt of an
  /// answer.
  private static func serve(
    _ request: fuse_req_t?,
    _ body: (ServerCore, consuming FuseReply) -> Void
  ) {
    guard let request else { return }
    guard let state = fuse_req_userdata(request) else {
      return FuseReply(to: request).fail(.inputOutput)
    }
    // Without reference counting, which two threads would do on one cache line for every request.
    Unmanaged<ServerCore>.fromOpaque(state)._withUnsafeGuaranteedRef { core in
      body(core, FuseReply(to: request))
    }
  }

  private static func lookUp(
    _ request: fuse_req_t?,
    _ parent: fuse_ino_t,
    _ name: UnsafePointer<CChar>?
  ) {
    serve(request) { core, reply in
      let parent = InodeNumber(rawValue: UInt64(parent))
      do throws(POSIXErrno) {
        let name = UnsafeRawBufferPointer(start: name, count: name.map { strlen($0) } ?? 0)
        let isItself = name.count == 1 && name[0] == UInt8(ascii: ".")
        let found =
          try isItself
          ? core.fileSystem.attributes(of: parent) : core.fileSystem.lookUp(name, in: parent)
        reply.entry(found)
      } catch {
        reply.fail(error)
      }
    }
  }

  private static func attributes(_ request: fuse_req_t?, _ inode: fuse_ino_t) {
    serve(request) { core, reply in
      do throws(POSIXErrno) {
        let attributes = try core.fileSystem.attributes(
          of: InodeNumber(rawValue: UInt64(inode))
        )
        reply.attributes(attributes)
      } catch {
        reply.fail(error)
      }
    }
  }

  private static func readLink(_ request: fuse_req_t?, _ link: fuse_ino_t) {
    serve(request) { core, reply in
      guard let memory = core.answerMemory(longestTarget) else { return reply.fail(.inputOutput) }
      do throws(POSIXErrno) {
        let count = try core.fileSystem.copyTarget(
          of: InodeNumber(rawValue: UInt64(link)),
          into: memory
        )
        reply.bytes(prefix: count, of: memory)
      } catch {
        reply.fail(error)
      }
    }
  }

  /// Says that files need no opening, where the kernel can do without.
  private static func open(_ request: fuse_req_t?) {
    serve(request) { core, reply in
      core.offer.includes(FUSE_NO_OPEN_SUPPORT)
        ? reply.fail(.notImplemented) : reply.openedKeepingCache()
    }
  }

  /// Says that directories need no opening, where the kernel can do without and should.
  private static func openDirectory(_ request: fuse_req_t?) {
    serve(request) { core, reply in
      core.options.directoryOpening == .cached && core.offer.includes(FUSE_NO_OPENDIR_SUPPORT)
        ? reply.fail(.notImplemented) : reply.openedKeepingCache()
    }
  }

  private static func read(
    _ request: fuse_req_t?,
    _ file: fuse_ino_t,
    _ size: Int,
    _ offset: off_t
  ) {
    serve(request) { core, reply in
      guard let memory = core.answerMemory(size), let offset = UInt64(exactly: offset) else {
        return reply.fail(.invalidArgument)
      }
      let file = InodeNumber(rawValue: UInt64(file))
      let ready: Int?
      do throws(POSIXErrno) {
        ready = try core.fileSystem.readImmediately(file, at: offset, into: memory)
      } catch {
        return reply.fail(error)
      }
      let job = ReadJob(reply: reply, file: file, offset: offset, byteCount: size)
      if let ready {
        core.finish(job, count: ready, memory: memory)
      } else if let refused = core.reads.offer(job) {
        core.perform(refused)
      }
    }
  }

  private static func readDirectory(
    _ request: fuse_req_t?,
    _ directory: fuse_ino_t,
    _ size: Int,
    _ offset: off_t,
    carriesAttributes: Bool
  ) {
    serve(request) { core, reply in
      guard let memory = core.answerMemory(min(size, ServerCore.answerByteCount)),
        let cookie = UInt64(exactly: offset)
      else { return reply.fail(.invalidArgument) }
      var list = DirectoryReplyBuffer(memory: memory, carriesAttributes: carriesAttributes)
      do throws(POSIXErrno) {
        try core.fileSystem.readDirectory(
          InodeNumber(rawValue: UInt64(directory)),
          after: cookie,
          into: &list
        )
      } catch {
        return reply.fail(error)
      }
      list.isMalformed
        ? reply.fail(.inputOutput) : reply.bytes(prefix: list.byteCount, of: memory)
    }
  }

  private static func extendedAttribute(
    _ request: fuse_req_t?,
    _ inode: fuse_ino_t,
    _ name: UnsafePointer<CChar>?,
    _ size: Int
  ) {
    serve(request) { core, reply in
      guard let memory = core.answerMemory(largestExtendedAttribute) else {
        return reply.fail(.inputOutput)
      }
      do throws(POSIXErrno) {
        let count = try core.fileSystem.extendedAttribute(
          UnsafeRawBufferPointer(start: name, count: name.map { strlen($0) } ?? 0),
          of: InodeNumber(rawValue: UInt64(inode)),
          for: reply.caller,
          into: memory
        )
        guard let count else { return reply.fail(.noAttribute) }
        answer(reply, memory, count: count, roomFor: size)
      } catch {
        reply.fail(error)
      }
    }
  }

  private static func extendedAttributeNames(
    _ request: fuse_req_t?,
    _ inode: fuse_ino_t,
    _ size: Int
  ) {
    serve(request) { core, reply in
      guard let memory = core.answerMemory(largestExtendedAttribute) else {
        return reply.fail(.inputOutput)
      }
      var list = ExtendedAttributeList(memory: memory)
      do throws(POSIXErrno) {
        try core.fileSystem.extendedAttributeNames(
          of: InodeNumber(rawValue: UInt64(inode)),
          for: reply.caller,
          into: &list
        )
      } catch {
        return reply.fail(error)
      }
      guard !list.isTooLong else { return reply.fail(.listTooLong) }
      answer(reply, memory, count: list.byteCount, roomFor: size)
    }
  }

  /// Answers a question for extended attributes: the size to who has no room, else all or ERANGE.
  private static func answer(
    _ reply: consuming FuseReply,
    _ memory: UnsafeMutableRawBufferPointer,
    count: Int,
    roomFor size: Int
  ) {
    if size == 0 {
      reply.extendedAttributeSize(count)
    } else if count > size {
      reply.fail(.bufferTooSmall)
    } else {
      reply.bytes(prefix: count, of: memory)
    }
  }
}
