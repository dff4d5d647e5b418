// Everything that can keep files from being added to an image that is there already, in words.

import FileTree

/// Why nothing was added to an image, which is as it was.
package enum InjectionProblem: Hashable, Sendable {
  // The image.
  /// Features with which debugfs would not leave everything right.
  case unusableFeatures([String])
  /// e2fsck finds errors in the image as it was.
  case imageHasErrors(report: String)
  /// Somebody wrote to the image while a copy of it was worked on.
  case imageChanged
  /// More blocks or inodes than the image has left.
  case noRoom(Room, needed: UInt64, free: UInt64)
  /// debugfs found no room. `message` is its own text, bounded.
  case ranOutOfRoom(message: String)

  // The places in the image.
  /// The way to `path` leads through the symbolic link `link`, which ends at `leadsTo` in the
  /// image, or nowhere.
  case linkOnTheWay(path: [UInt8], link: [UInt8], target: [UInt8], leadsTo: [UInt8]?)
  /// What `path` is to be put into is neither a directory nor a link.
  case parentIsNotADirectory(path: [UInt8], parent: [UInt8])
  case directoryInTheWay(path: [UInt8])
  /// Two of the files to be added have the same place in the image.
  case addedTwice(path: [UInt8])

  // The files to be added.
  /// A line break in a name or a link's target: no command of debugfs can have one.
  case untellableName(path: [UInt8])
  case untellableTarget(path: [UInt8])
  case targetTooLong(path: [UInt8], byteCount: UInt64, limit: UInt64)
  case unreadable(path: [UInt8], reason: String)
  /// The image does not hold what was written to it, from this byte of the file on.
  case contentDiffers(path: [UInt8], byte: UInt64)

  package enum Room: String, Hashable, Sendable {
    case blocks
    case inodes
  }
}

extension InjectionProblem: CustomStringConvertible {
  package var description: String {
    imageDescription ?? placeDescription ?? fileDescription
  }

  private var imageDescription: String? {
    switch self {
    case .unusableFeatures(let names):
      "the image has features that debugfs cannot write to: \(names.joined(separator: ", "))"
    case .imageHasErrors(let report): "the image had errors before: \(report)"
    case .imageChanged: "the image was changed by somebody else meanwhile"
    case .noRoom(let room, let needed, let free):
      "the image is full: \(needed) \(room.rawValue) are needed, but \(free) are free"
    case .ranOutOfRoom(let message): "the image is full: \(message)"
    default: nil
    }
  }

  private var placeDescription: String? {
    switch self {
    case .linkOnTheWay(let path, let link, let target, _):
      "\(printable(path)): \(printable(link)) is a symbolic link to "
        + "\(EscapedBytes.string(target)) in the image"
    case .parentIsNotADirectory(let path, let parent):
      "\(printable(path)): \(printable(parent)) is not a directory in the image"
    case .directoryInTheWay(let path): "\(printable(path)): is a directory in the image"
    case .addedTwice(let path): "\(printable(path)): is the place of two added files"
    default: nil
    }
  }

  private var fileDescription: String {
    switch self {
    case .untellableName(let path):
      "\(printable(path)): a name with a line break cannot be written to an image"
    case .untellableTarget(let path):
      "\(printable(path)): this link target cannot be written to an image"
    case .targetTooLong(let path, let count, let limit):
      "\(printable(path)): link target of \(count) bytes, but the image takes at most \(limit)"
    case .unreadable(let path, let reason): "\(printable(path)): cannot be read: \(reason)"
    case .contentDiffers(let path, let byte):
      "\(printable(path)): differs in the image from byte \(byte) on"
    default: ""
    }
  }

  /// What the user can do about it, where there is something.
  package var hint: String? {
    switch self {
    case .imageHasErrors: "mend it with e2fsck -f"
    case .imageChanged: "stop what uses it, and try again"
    case .noRoom, .ranOutOfRoom: "make the image larger: truncate -s, then resize2fs"
    case .linkOnTheWay(_, _, _, let place?):
      "it leads to \(printable(place)): name that place, or use --follow-dirlinks"
    case .linkOnTheWay: "it leads nowhere in the image"
    case .directoryInTheWay: "end the name with / to put the file into it"
    default: nil
    }
  }

  private func printable(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }
}
