// The debt of one answer to the kernel. Knows how libfuse answers; a request that is dropped
// without an answer is answered EIO, and one cannot be answered twice. Source: fuse_lowlevel.h.

import CFuse3
import Glibc

/// The one answer that a request is owed: consumed by giving it, on any thread.
struct FuseReply: ~Copyable {
  /// How long the kernel may keep what it is told: some 31 years, so for the life of the mount.
  private static var keepSeconds: Double { 1e9 }

  private let request: fuse_req_t

  /// Takes over the debt for a request that libfuse handed to a handler.
  init(to request: fuse_req_t) {
    self.request = request
  }

  deinit {
    fuse_reply_err(request, EIO)
  }

  /// Who asks.
  var caller: FuseCaller {
    guard let context = fuse_req_ctx(request) else {
      return FuseCaller(userID: UInt32.max, groupID: UInt32.max)
    }
    return FuseCaller(userID: context.pointee.uid, groupID: context.pointee.gid)
  }

  consuming func fail(_ error: POSIXErrno) {
    fuse_reply_err(request, error.rawValue)
    discard self
  }

  /// Answers a lookup; `nil` says that there is no such name, in a way that the kernel keeps.
  consuming func entry(_ attributes: FuseAttributes?) {
    var entry = attributes.map(Self.entryParameters) ?? fuse_entry_param()
    entry.entry_timeout = Self.keepSeconds
    fuse_reply_entry(request, &entry)
    discard self
  }

  consuming func attributes(_ attributes: FuseAttributes) {
    var status = attributes.status
    fuse_reply_attr(request, &status, Self.keepSeconds)
    discard self
  }

  /// Answers with the first `count` bytes of `memory`; with EIO if there are not so many.
  consuming func bytes(prefix count: Int, of memory: UnsafeMutableRawBufferPointer) {
    guard (0...memory.count).contains(count) else { return fail(.inputOutput) }
    fuse_reply_buf(request, memory.baseAddress?.assumingMemoryBound(to: CChar.self), count)
    discard self
  }

  /// Answers an open: what the kernel has cached stays valid.
  consuming func openedKeepingCache() {
    var file = fuse_file_info()
    file.keep_cache = 1
    fuse_reply_open(request, &file)
    discard self
  }

  /// Answers how large an extended attribute, or the list of them, is.
  consuming func extendedAttributeSize(_ byteCount: Int) {
    fuse_reply_xattr(request, byteCount)
    discard self
  }

  consuming func statistics(_ statistics: FuseStatistics) {
    var status = statistics.status
    fuse_reply_statfs(request, &status)
    discard self
  }

  /// An inode as a name leads to it; the kernel keeps the name and the attributes.
  static func entryParameters(_ attributes: FuseAttributes) -> fuse_entry_param {
    var entry = fuse_entry_param()
    entry.ino = attributes.inode.rawValue
    entry.attr = attributes.status
    entry.attr_timeout = keepSeconds
    entry.entry_timeout = keepSeconds
    return entry
  }
}
