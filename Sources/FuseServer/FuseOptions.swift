// How a session is mounted and served, as a value, and how that is spelled for mount(2) and for
// fusermount3. Source: mount.fuse3(8), fusermount3(1), Linux Documentation/filesystems/fuse.

/// How a session is mounted and served.
///
/// Every mount is read-only, `nosuid`, `nodev`, and of type `fuse.banger-fs`.
package struct FuseOptions: Sendable, Equatable {
  /// What happens when a directory is opened.
  package enum DirectoryOpening: Sendable, Equatable {
    /// The kernel keeps listings and never asks again; best where the same directories are listed
    /// over and over.
    case cached
    /// Each open is answered and each listing is asked for anew, so that its entries' attributes
    /// come with it even when the kernel had dropped them; best for one long walk.
    case eachTime
  }

  /// The first column of the mount table.
  package var sourceName: [UInt8]
  /// Lets other users in.
  ///
  /// The kernel then checks permissions; else the mounter may read everything.
  package var allowsOtherUsers = false
  package var directoryOpening = DirectoryOpening.cached
  /// Without, the kernel is told once that there are no extended attributes and never asks again.
  package var servesExtendedAttributes = false
  /// Without, the kernel is told once that none are listed and never asks for a list again; for single
  /// ones it asks nevertheless.
  package var listsExtendedAttributes = true
  /// Without, the file system is never asked to prepare a directory.
  package var preparesDirectories = false
  /// Threads that take requests from the kernel and answer all but slow reads.
  ///
  /// At least 1.
  package var requestThreadCount = 2
  /// Threads that do the slow reads.
  ///
  /// At least 1; each holds 1 MiB for its answer.
  package var readWorkerCount = 4
  /// Slow reads that wait for a worker.
  ///
  /// At least 1. The kernel sends at most 64 read-ahead requests at a time and otherwise one per
  /// reading thread: 1,024 x 40 bytes is room for many readers.
  package var readQueueCapacity = 1024

  package init(sourceName: [UInt8]) {
    self.sourceName = sourceName
  }
}

extension FuseOptions {
  /// The file system type in the mount table: `fuse` and our subtype.
  static var mountType: String { "fuse.banger-fs" }
  private static var subtype: String { "banger-fs" }

  /// What both ways to mount need beside the descriptor.
  private var accessOptions: [String] {
    allowsOtherUsers ? ["allow_other", "default_permissions"] : []
  }

  /// The data of mount(2): the descriptor of `/dev/fuse`, the type of the root, and who mounts.
  func kernelOptions(descriptor: Int32, userID: UInt32, groupID: UInt32) -> String {
    let fixed = [
      "fd=\(descriptor)", "rootmode=40000", "user_id=\(userID)", "group_id=\(groupID)",
    ]
    return (fixed + accessOptions).joined(separator: ",")
  }

  /// The argument of `fusermount3 -o`, in which commas and backslashes of a value are escaped.
  var helperOptions: [UInt8] {
    var options = Array("ro,nosuid,nodev,subtype=\(Self.subtype),fsname=".utf8)
    for byte in sourceName {
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\\") {
        options.append(UInt8(ascii: "\\"))
      }
      options.append(byte)
    }
    for option in accessOptions {
      options.append(UInt8(ascii: ","))
      options.append(contentsOf: option.utf8)
    }
    return options
  }
}
