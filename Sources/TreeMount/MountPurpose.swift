// Who a mount is for, and what follows from that for the session. Source: docs/SEMANTICS.md, "Mount".

import FileTree
package import FuseServer
package import Layers

package enum MountPurpose: Sendable, Equatable {
  /// To be looked at and run from; `allowsOtherUsers` lets in more than the mounter.
  ///
  /// Serves extended attributes of the mount's own, also where the image has none; then there is nothing
  /// to list.
  case use(allowsOtherUsers: Bool)
  /// The same, to look into layers and trees below them, most of which are made only then.
  case layers(allowsOtherUsers: Bool)
  /// To be copied once, by mkfs.ext4 -d of this very process.
  ///
  /// Serves no extended attributes: asking for them would cost a round trip for each file, and they
  /// are set in the result afterwards.
  case copying
}

extension FuseOptions {
  /// How to mount `files` for `purpose`; `sourceName` is what the mount table shows, cut to 1 KiB.
  package init(for purpose: MountPurpose, of files: ImageFiles, sourceName: [UInt8]) {
    // mount(2) refuses 4,096 bytes; fusermount3 puts it into one option with others.
    self.init(sourceName: Array(sourceName.prefix(1024)))
    switch purpose {
    case .use(let allowsOtherUsers):
      self.allowsOtherUsers = allowsOtherUsers
      servesExtendedAttributes = true
      listsExtendedAttributes = files.tree.totals.hasExtendedAttributes
    case .layers(let allowsOtherUsers):
      self.allowsOtherUsers = allowsOtherUsers
      servesExtendedAttributes = true
      preparesDirectories = true
    case .copying:
      servesExtendedAttributes = false
    }
  }
}
