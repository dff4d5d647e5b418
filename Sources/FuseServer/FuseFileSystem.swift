// What a file system must answer to be mounted: one method per kernel request that is served.
// Knows when the kernel asks and what it does with an answer; knows nothing of libfuse.
// Source: fuse(4), fuse_lowlevel.h, Linux Documentation/filesystems/fuse.

/// An immutable, read-only file system, as the kernel sees it.
///
/// Every method is called concurrently, from any thread of the session. All but `read` are called
/// on the few threads that take requests from the kernel, and must answer from memory: while one of
/// them waits, one thread less answers. Every method must return within a time the file system
/// bounds itself: a request that has no answer cannot be killed by its caller.
/// Directories that have to be made first are prepared on a thread of their own.
///
/// Nothing here may touch a path below the mountpoint of its own session.
///
/// Pointers are valid until the method returns. An error is the answer to the caller as it is; the
/// kernel does not keep errors, so the next request asks again.
package protocol FuseFileSystem: Sendable {
  /// Finds a name in a directory. Asked once per name that `readDirectory` did not tell already.
  ///
  /// `name` is bytes without `/` and NUL, and never `.`; it is `..` when a file handle is resolved,
  /// and then stands for the parent, which for the root is the root.
  ///
  /// - Returns: `nil` when there is no such name, which the kernel then keeps like a name.
  /// - Throws: `.stale` when `parent` is no inode of this file system.
  func lookUp(
    _ name: UnsafeRawBufferPointer,
    in parent: InodeNumber
  ) throws(POSIXErrno) -> FuseAttributes?

  /// Tells the attributes of an inode. Asked for the root, and where the kernel dropped an inode.
  ///
  /// - Throws: `.stale` when there is no such inode.
  func attributes(of inode: InodeNumber) throws(POSIXErrno) -> FuseAttributes

  /// Copies the target of a symbolic link to the start of `buffer`, which holds the longest one.
  ///
  /// - Returns: the bytes of the target, which must be the `byteCount` of the link's attributes.
  /// - Throws: `.invalidArgument` when the inode is no symbolic link.
  func copyTarget(
    of link: InodeNumber,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int

  /// Lists entries of a directory, `.` and `..` included, from behind the one with `cookie`.
  ///
  /// Appends until an append answers `false` or the directory ends; nothing appended means the end.
  /// `cookie` is 0 at the start, else one that was appended before: cookies are not 0, rise along
  /// the listing, are below 2^63, and mean the same place in every call.
  func readDirectory(
    _ directory: InodeNumber,
    after cookie: UInt64,
    into reply: inout DirectoryReplyBuffer
  ) throws(POSIXErrno)

  /// Reads from a file if that takes no decoding and no waiting. Asked before every `read`.
  ///
  /// - Returns: what `read` would, or `nil` when only `read` can tell.
  func readImmediately(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int?

  /// Reads from a file, on a worker thread, or on any thread when all workers are far behind.
  ///
  /// May block. Fills `buffer` whole unless the file ends first: then up to the end, and at or
  /// behind the end nothing. Whatever else is short is answered to the caller as EIO, because the
  /// kernel takes a short answer for the end of the file and believes that for the life of the
  /// mount.
  ///
  /// - Returns: the count of bytes read.
  func read(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int

  /// Copies the value of an extended attribute to the start of `buffer`, 64 KiB.
  ///
  /// Asked only in sessions that serve extended attributes, for every access to one.
  ///
  /// - Returns: the bytes of the value, or `nil` when the inode has no such attribute for `caller`.
  func extendedAttribute(
    _ name: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int?

  /// Appends names of extended attributes that `extendedAttribute` answers to `caller`.
  ///
  /// A name that is listed and then cannot be read makes archivers fail; one that is not listed is not
  /// copied along with the file.
  func extendedAttributeNames(
    of inode: InodeNumber,
    for caller: FuseCaller,
    into list: inout ExtendedAttributeList
  ) throws(POSIXErrno)

  /// Tells the size of the whole file system.
  func statistics() -> FuseStatistics

  /// Whether a directory can be looked into at once.
  ///
  /// Asked in sessions that prepare directories, before each `lookUp` and `readDirectory` that the
  /// kernel asks for, by which it comes to know all other inodes.
  func isPrepared(_ directory: InodeNumber) -> Bool

  /// Makes what is in a directory, on the thread that does nothing else; may take long.
  ///
  /// Whoever looks into the directory waits for it, and nobody else.
  func prepare(_ directory: InodeNumber)
}

extension FuseFileSystem {
  package func isPrepared(_ directory: InodeNumber) -> Bool { true }
  package func prepare(_ directory: InodeNumber) {}
}
