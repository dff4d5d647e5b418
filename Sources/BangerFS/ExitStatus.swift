// From an error to an exit status, a message and a remedy. The only place that chooses them.
// Source: sysexits.h, which ArgumentParser follows too.

import Ext4Image
import FileTree
import FuseServer
import ImageStore
import Layers
import OCISpec
import Registry
import SeekableCompression
import SystemPackage

/// The exit statuses of the program; the manual page lists them.
enum ExitStatus: Int32 {
  case unclassified = 1
  case usage = 64
  case invalidImage = 65
  case notFound = 66
  case unavailable = 69
  case cannotCreate = 73
  case inputOutput = 74
  case temporary = 75
  case notPermitted = 77
  case configuration = 78
  case interrupted = 130
}

/// An error as the user gets to see it.
struct CommandFailure: Error, Equatable {
  var status: ExitStatus
  var message: String
  var hint: String?

  init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
    self.status = status
    self.message = message
    self.hint = hint
  }

  /// `nil` for errors of the command line itself.
  init?(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as SpecError: self.init(error)
    case let error as ImageStoreError: self.init(error)
    case let error as RegistryError: self.init(error)
    case let error as LayersError: self.init(error)
    case let error as FuseError: self.init(error)
    case let error as Ext4Error: self.init(error)
    case is CancellationError: self.init(.interrupted, "interrupted")
    default: return nil
    }
  }

  /// The same failure, said of `subject`.
  func of(_ subject: String) -> CommandFailure {
    CommandFailure(status, "\(subject): \(message)", hint: hint)
  }
}

extension CommandFailure {
  /// Of a reference or a platform on the command line; documents' errors come as `ImageStoreError`.
  init(_ error: SpecError) {
    self.init(.usage, "\(error)")
    switch error {
    case .badImageName(let text, _) where text.hasPrefix("/") || text.hasPrefix("."):
      hint = "a layout directory is named oci:\(text)"
    case .badImageName, .badTag, .badDigest, .unsupportedDigestAlgorithm:
      hint = "an image is named \(Reference.grammar)"
    default: break
    }
  }

  init(_ error: ImageStoreError) {
    self.init(ExitStatus(error.kind), "\(error)")
    switch error {
    case .noSuchPlatform: hint = "choose one with --platform"
    case .severalImages: hint = "name one, like oci:DIR:TAG or oci-archive:FILE:TAG"
    case .invalidDocument(.cacheIndex, _):
      hint =
        MetLimit(error)?.hint
        ?? "the index.json of a cache may be removed: names are asked for again, blobs stay"
    default: hint = error.kind == .noSpace ? Self.roomHint : MetLimit(error)?.hint
    }
  }

  static let roomHint =
    "make room with banger-fs cache prune, or take another disk with --cache-dir"

  init(_ error: LayersError) {
    switch error {
    case .store(_, let cause):
      self.init(ExitStatus(cause.kind), "\(error)")
      hint = CommandFailure(cause).hint
    case .compression(_, .source): self.init(.inputOutput, "\(error)")
    case .compression(_, .outOfMemory): self.init(.temporary, "\(error)")
    case .addition(_, let fault):
      self.init(fault.exitStatus, "\(error)", hint: fault.hint ?? MetLimit(error)?.hint)
    case .scratch(let cause):
      self.init(ExitStatus(cause.kind), "\(error)", hint: CommandFailure(cause).hint)
    case .scratchEndsEarly: self.init(.inputOutput, "\(error)")
    case .merge(.ownerNotMapped(let kind, let id, _)):
      let prefix = kind == .user ? "u" : "g"
      self.init(
        .usage,
        "\(error)",
        hint: "add a range that has it, as --owner-map \(prefix):\(id):TO:1"
      )
    default: self.init(.invalidImage, "\(error)", hint: MetLimit(error)?.hint)
    }
  }
}

extension ExitStatus {
  init(_ kind: ImageStoreError.Kind) {
    switch kind {
    case .notFound: self = .notFound
    case .invalid: self = .invalidImage
    case .localIO, .noSpace: self = .inputOutput
    case .notPermitted: self = .notPermitted
    }
  }
}

// MARK: - Mounts

extension CommandFailure {
  init(_ error: FuseError) {
    self.init(error.status, "\(error)", hint: error.hint)
  }

  /// Of a mount at `place`, which is named unless the machine is at fault.
  init(_ error: FuseError, at place: String) {
    self.init(error)
    switch error {
    case .deviceMissing, .deviceNotPermitted, .deviceUnusable, .helperMissing,
      .allowOtherNotPermitted, .unsupportedProtocol, .libraryRefused:
      break
    default: self = of(place)
    }
  }
}

extension FuseError {
  fileprivate var status: ExitStatus {
    switch self {
    case .invalidPath: .usage
    case .deviceMissing, .helperMissing, .unsupportedProtocol, .handshakeFailed, .libraryRefused:
      .unavailable
    case .deviceNotPermitted, .allowOtherNotPermitted, .mountpointNotPermitted, .mountedByAnother:
      .notPermitted
    case .mountpointMissing, .mountpointNotADirectory, .mountpointDead, .alreadyMounted,
      .mountpointUnreachable, .helperRefused, .mountRefused:
      .cannotCreate
    case .deviceUnusable, .systemCall: .inputOutput
    case .notMounted, .notOurMount: .notFound
    case .unmountRefused: .temporary
    }
  }

  fileprivate var hint: String? {
    switch self {
    case .mountpointMissing: "make the directory first"
    case .mountpointNotPermitted: "choose a directory of your own"
    case .mountpointDead: "clear it with banger-fs umount"
    case .alreadyMounted: "unmount it first with banger-fs umount"
    case .deviceMissing:
      "load the driver with modprobe fuse; in a container, pass --device /dev/fuse"
    case .deviceNotPermitted: "ask for read and write permission on /dev/fuse"
    case .helperMissing: "install the package fuse3"
    case .helperRefused(let message) where message.contains("/etc/mtab"):
      "this root lacks what installed systems have: ln -s ../proc/self/mounts /etc/mtab"
    case .allowOtherNotPermitted: "add user_allow_other to /etc/fuse.conf, or leave allow_other out"
    case .unmountRefused: "somebody may be using it; banger-fs umount --lazy hides it at once"
    default: nil
    }
  }
}

// MARK: - Materializing

extension CommandFailure {
  init(_ error: Ext4Error) {
    self.init(error.exitStatus, "\(error)", hint: error.hint)
  }
}

extension Ext4Error {
  fileprivate var exitStatus: ExitStatus {
    switch self {
    case .unusableLabel, .sizeTooSmall, .sizeTooLarge, .seedTooLarge, .unusableJournalSize,
      .unknownFeature, .featureNeedsAnother, .featuresExclude:
      .usage
    case .tooManyLinks, .symbolicLinkTooLong, .fileTooLarge, .attributesTooLarge,
      .unsafeAttributeName, .malformedAccessControlList, .lostAndFoundIsNotADirectory:
      .invalidImage
    case .missingTool, .unknownToolVersion, .toolTooOld, .toolCannotCopyLargeFiles,
      .toolNotStarted, .toolLacksFeature:
      .unavailable
    case .imageFull, .outputIsNotAFile, .sourceIsNotADirectory, .notABlockDevice,
      .deviceTooSmall:
      .cannotCreate
    case .notAnExt4, .fileSystemNotClean: .invalidImage
    case .inUse: .temporary
    case .toolFailed, .fileSystemCheckFailed, .malformedImage, .inodeDiffers, .directoryDiffers,
      .numberingDiffers:
      .unclassified
    case .diskFull, .sourceFailed, .sourceChanged, .deviceDiffers: .inputOutput
    case .injection(let problem): problem.exitStatus
    case .systemCall(_, _, let errno):
      errno == .permissionDenied || errno == .notPermitted ? .notPermitted : .inputOutput
    case .cancelled: .interrupted
    }
  }
}
