// Everything that can keep a tree from becoming an ext4 file: the tree, the options, the tools, the disk.

import FileTree
package import SystemPackage

package enum Ext4Error: Error, Equatable, Sendable {
  // The options.
  /// A volume label over 16 bytes, or with a control byte in it.
  case unusableLabel(String)
  /// The content does not fit: `smallest` bytes would do.
  case sizeTooSmall(requested: UInt64, smallest: UInt64)
  case sizeTooLarge(requested: UInt64, limit: UInt64)
  /// A journal of so many bytes: not whole MiB, or too few or too many of them.
  case unusableJournalSize(UInt64)
  /// A name that is none of the features in `Ext4Feature`.
  case unknownFeature(String)
  case featureNeedsAnother(String, needed: String)
  case featuresExclude(String, String)

  // The tree: what ext4 cannot hold.
  case tooManyLinks(path: [UInt8], count: UInt64)
  case symbolicLinkTooLong(path: [UInt8], byteCount: UInt64)
  case fileTooLarge(path: [UInt8], byteCount: UInt64)
  /// A file's extended attributes do not fit its inode and one block.
  case attributesTooLarge(path: [UInt8])
  /// An attribute name with a blank, a quote or a byte that is no printable ASCII.
  case unsafeAttributeName(path: [UInt8], name: [UInt8])
  case malformedAccessControlList(path: [UInt8], name: [UInt8])
  /// `/lost+found` of the tree is not a directory.
  case lostAndFoundIsNotADirectory

  // The tools.
  case missingTool(String)
  /// The version that a tool printed could not be understood.
  case unknownToolVersion(String)
  case toolTooOld(version: E2fsVersion)
  /// This version cannot copy files of 2 GiB and more, and the tree has one.
  case toolCannotCopyLargeFiles(version: E2fsVersion, path: [UInt8])
  /// A feature that was asked for, and that this version cannot make.
  case toolLacksFeature(version: E2fsVersion, feature: String)
  case toolNotStarted(tool: String, reason: String)
  /// A tool exited with a failure or complained. `message` is its own text, bounded.
  case toolFailed(tool: String, status: ToolStatus, message: String)
  /// mkfs.ext4 ran out of blocks or inodes.
  case imageFull(message: String)
  case fileSystemCheckFailed(report: String)

  // The host.
  case sourceIsNotADirectory(FilePath)
  /// A read from the source failed while it was copied.
  case sourceFailed
  case outputIsNotAFile(FilePath)
  case diskFull(FilePath)
  case systemCall(String, path: FilePath, errno: Errno)

  // Files and devices that are there already.
  /// A file was changed while it was copied.
  case sourceChanged(FilePath)
  case notAnExt4(FilePath)
  /// `what` about an ext4 file has to be mended by e2fsck or a mount before anything else.
  case fileSystemNotClean(FilePath, what: String)
  /// A mounted image, one that a loop device uses, or a mounted device.
  case inUse(FilePath)
  /// A seed does not fit: `smallest` bytes would do.
  case seedTooLarge(FilePath, requested: UInt64, smallest: UInt64)
  case notABlockDevice(FilePath)
  case deviceTooSmall(FilePath, byteCount: UInt64, needed: UInt64)
  /// A device gives back something else than what was written to it, from this byte on.
  case deviceDiffers(FilePath, byte: UInt64)

  /// Nothing was added to an image.
  case injection(InjectionProblem)

  // The result.
  /// The image is not the file system that was asked for: `what`, at this byte.
  case malformedImage(what: String, byte: UInt64)
  /// An inode is not what the tree says, and no command can mend it.
  case inodeDiffers(path: [UInt8], inode: UInt32, field: String, expected: String, actual: String)
  /// The directory at `path` does not hold the tree's names and inode numbers.
  case directoryDiffers(path: [UInt8], inode: UInt32, name: [UInt8])
  /// debugfs sees other inodes in use than the tree predicts.
  case numberingDiffers(expected: String, actual: String)
  case cancelled
}

extension Ext4Error: CustomStringConvertible {
  package var description: String {
    optionDescription ?? treeDescription ?? toolDescription ?? diskDescription
      ?? resultDescription
  }

  /// What the user can do about it, where there is something.
  package var hint: String? {
    switch self {
    case .unusableLabel: "a label has at most \(VolumeLabel.byteLimit) bytes"
    case .sizeTooSmall(_, let smallest): "use --size \(smallest), or --size auto"
    case .unusableJournalSize:
      "a journal has whole MiB, from 4 MiB to 40000 MiB, and takes less than half of the file system"
    case .unknownFeature:
      "the features are \(Ext4Feature.allCases.map(\.rawValue).joined(separator: ", ")); "
        + "^ turns one off"
    case .toolLacksFeature: "install a newer e2fsprogs, or leave the feature out"
    case .missingTool, .unknownToolVersion: "install the package e2fsprogs"
    case .toolTooOld: "install e2fsprogs \(E2fsVersion.oldest) or newer"
    case .toolCannotCopyLargeFiles:
      "install another version of e2fsprogs: 1.47.4 has the fault mended"
    case .imageFull: "use a larger --size"
    case .diskFull: "free some space, or write to another disk"
    case .outputIsNotAFile: "name a file that does not exist yet, or a regular file to replace"
    case .injection(let problem): problem.hint
    default: diskHint
    }
  }

  private var optionDescription: String? {
    switch self {
    case .unusableLabel(let label):
      "\(EscapedBytes.string(label.utf8)): not usable as a volume label"
    case .sizeTooSmall(let requested, let smallest):
      "\(requested) bytes cannot hold the content: \(smallest) bytes are needed"
    case .sizeTooLarge(let requested, let limit):
      "\(requested) bytes are more than the \(limit) bytes that a file system can have"
    case .unusableJournalSize(let bytes): "\(bytes) bytes: not usable as the size of a journal"
    case .unknownFeature(let name): "\(EscapedBytes.string(name.utf8)): not a known feature"
    case .featureNeedsAnother(let name, let needed): "\(name): needs the feature \(needed)"
    case .featuresExclude(let one, let other): "\(one): cannot be together with \(other)"
    default: nil
    }
  }

  private var treeDescription: String? {
    switch self {
    case .tooManyLinks(let path, let count):
      "\(printable(path)): \(count) links, but ext4 has at most \(Ext4Limits.linkCount)"
    case .symbolicLinkTooLong(let path, let count):
      "\(printable(path)): link target of \(count) bytes, but ext4 takes "
        + "at most \(Ext4Limits.linkTargetByteCount)"
    case .fileTooLarge(let path, let count):
      "\(printable(path)): \(count) bytes, but ext4 takes at most \(Ext4Limits.fileByteCount)"
    case .attributesTooLarge(let path):
      "\(printable(path)): extended attributes do not fit in one block"
    case .unsafeAttributeName(let path, let name):
      "\(printable(path)): extended attribute name cannot be written safely: "
        + EscapedBytes.string(name)
    case .malformedAccessControlList(let path, let name):
      "\(printable(path)): malformed access control list in \(EscapedBytes.string(name))"
    case .lostAndFoundIsNotADirectory: "/lost+found: is not a directory"
    default: nil
    }
  }

  private var toolDescription: String? {
    switch self {
    case .missingTool(let name): "\(name): not found"
    case .unknownToolVersion(let text): "mkfs.ext4: unknown version: \(text)"
    case .toolTooOld(let version): "mkfs.ext4: version \(version) is too old"
    case .toolCannotCopyLargeFiles(let version, let path):
      "\(printable(path)): mkfs.ext4 \(version) cannot copy files over 2 GiB"
    case .toolLacksFeature(let version, let feature):
      "mkfs.ext4 \(version) does not know the feature \(feature)"
    case .toolNotStarted(let tool, let reason): "\(tool): could not be started: \(reason)"
    case .toolFailed(let tool, let status, let message):
      message.isEmpty ? "\(tool): \(status)" : "\(tool): \(status): \(message)"
    case .imageFull(let message): "mkfs.ext4: the file system is full: \(message)"
    case .fileSystemCheckFailed(let report): "e2fsck: the file system has errors: \(report)"
    default: nil
    }
  }

  private var resultDescription: String {
    switch self {
    case .sourceIsNotADirectory(let path): "\(printable(path)): is not a directory"
    case .outputIsNotAFile(let path): "\(printable(path)): is not a regular file"
    case .diskFull(let path): "\(printable(path)): no space left on the disk"
    case .systemCall(let call, let path, let errno):
      "\(printable(path)): \(call): \(errno.description.lowercased())"
    case .malformedImage(let what, let byte): "image: \(what) at image byte \(byte)"
    case .inodeDiffers(let path, let inode, let field, let expected, let actual):
      "\(printable(path)): inode \(inode): \(field) is \(actual), expected \(expected)"
    case .directoryDiffers(let path, let inode, let name):
      "\(printable(path)): inode \(inode): entry differs from the tree: "
        + EscapedBytes.string(name)
    case .numberingDiffers(let expected, let actual):
      "debugfs: inodes are not numbered as predicted: expected \(expected), got \(actual)"
    case .injection(let problem): problem.description
    case .sourceFailed: "a read from the source failed"
    case .cancelled: "interrupted"
    default: ""
    }
  }

  private func printable(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }

  func printable(_ path: FilePath) -> String { EscapedBytes.string(path.rawBytes) }
}
