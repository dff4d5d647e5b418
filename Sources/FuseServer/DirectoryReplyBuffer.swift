// The answer to one READDIR or READDIRPLUS while it is filled. Knows the packing of entries, by way
// of libfuse; knows nothing of the directory. Source: fuse_lowlevel.h, fuse_add_direntry_plus.

import CFuse3

/// The room for one answer to a directory listing.
package struct DirectoryReplyBuffer: ~Copyable {
  /// The longest name of a directory entry, as `NAME_MAX`.
  package static var longestName: Int { 255 }

  private let memory: UnsafeMutableRawBufferPointer
  private let carriesAttributes: Bool
  /// The bytes of `memory` that are used so far.
  private(set) var byteCount = 0
  /// Whether an entry was refused that no directory can have.
  private(set) var isMalformed = false

  /// An empty answer in `memory`; `carriesAttributes` tells READDIRPLUS from READDIR.
  init(memory: UnsafeMutableRawBufferPointer, carriesAttributes: Bool) {
    self.memory = memory
    self.carriesAttributes = carriesAttributes
  }

  /// Appends one entry; `cookie` is where the listing goes on behind it.
  ///
  /// A name that is empty, longer than 255 bytes, or contains `/` or NUL makes the whole answer
  /// EIO.
  ///
  /// - Returns: `false` when there is no room left: the kernel will ask again from the last entry.
  package mutating func append(
    _ name: UnsafeRawBufferPointer,
    _ attributes: FuseAttributes,
    cookie: UInt64
  ) -> Bool {
    guard Self.isEntryName(name), cookie != 0, cookie <= UInt64(Int64.max) else {
      isMalformed = true
      return false
    }
    let entryByteCount = withUnsafeTemporaryAllocation(
      of: CChar.self,
      capacity: Self.longestName + 1
    ) { terminated in
      UnsafeMutableRawBufferPointer(terminated).copyMemory(from: name)
      terminated[name.count] = 0
      return pack(terminated.baseAddress, attributes, cookie: cookie)
    }
    guard entryByteCount <= memory.count - byteCount else { return false }
    byteCount += entryByteCount
    return true
  }

  /// Writes an entry if it fits; returns the bytes that it takes either way.
  private func pack(
    _ name: UnsafePointer<CChar>?,
    _ attributes: FuseAttributes,
    cookie: UInt64
  ) -> Int {
    let free = UnsafeMutableRawBufferPointer(rebasing: memory[byteCount...])
    let target = free.baseAddress?.assumingMemoryBound(to: CChar.self)
    guard carriesAttributes else {
      var status = attributes.status
      return fuse_add_direntry(nil, target, free.count, name, &status, off_t(cookie))
    }
    var entry = FuseReply.entryParameters(attributes)
    return fuse_add_direntry_plus(nil, target, free.count, name, &entry, off_t(cookie))
  }

  private static func isEntryName(_ name: UnsafeRawBufferPointer) -> Bool {
    guard (1...longestName).contains(name.count) else { return false }
    return !name.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
  }
}
