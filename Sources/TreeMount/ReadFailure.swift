// What is known of a read that failed, for whoever tells people.

package import FileTree
package import FuseServer
package import Layers

/// A read that was answered with EIO, and why.
package struct ReadFailure: Sendable, Equatable {
  package let inode: InodeNumber
  /// From the mount's root, without a slash at its beginning; of a file with several names any.
  package let path: [UInt8]
  /// Where in the file the read began.
  package let offset: UInt64
  /// The file; `nil` where there is no tree that it could be in.
  package let node: Node?
  package let error: LayersError
}
