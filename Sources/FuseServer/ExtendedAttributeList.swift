// The answer to one LISTXATTR while it is filled: names, each ended by NUL. Source: listxattr(2).

/// The room for the names of one inode's extended attributes.
package struct ExtendedAttributeList: ~Copyable {
  private let memory: UnsafeMutableRawBufferPointer
  /// The bytes of `memory` that are used so far.
  private(set) var byteCount = 0
  /// Whether a name was left out for want of room.
  private(set) var isTooLong = false

  init(memory: UnsafeMutableRawBufferPointer) {
    self.memory = memory
  }

  /// Appends a name with its prefix, such as `user.comment`, without NUL.
  ///
  /// A list of more than 64 KiB, which no caller can receive, is answered E2BIG.
  package mutating func append(_ name: UnsafeRawBufferPointer) {
    guard name.count < memory.count - byteCount else {
      isTooLong = true
      return
    }
    let free = UnsafeMutableRawBufferPointer(rebasing: memory[byteCount...])
    free.copyMemory(from: name)
    free[name.count] = 0
    byteCount += name.count + 1
  }
}
