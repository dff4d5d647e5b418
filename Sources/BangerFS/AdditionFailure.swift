// What is wrong with what people lay over an image, as an exit status and a remedy; and what is odd about
// it, as lines of text.

import FileTree
import ImageStore
import Layers
import SystemPackage

extension AdditionFault {
  var exitStatus: ExitStatus {
    switch self {
    case .host(_, let fault): fault.exitStatus
    case .guest: .usage
    case .entries(let error), .members(let error): error.isRefusal ? .cannotCreate : .invalidImage
    case .archive(let error): CommandFailure(error).status
    case .store(let error): ExitStatus(error.kind)
    }
  }

  var hint: String? {
    switch self {
    case .host(_, .isADirectory): "a directory is laid over an image with --overlay"
    case .host(_, .changed): "try again when nobody writes to it"
    case .host: nil
    case .guest: nil
    case .entries(let error), .members(let error): error.hint
    case .archive: nil
    case .store(let error): CommandFailure(error).hint
    }
  }
}

extension HostFault {
  fileprivate var exitStatus: ExitStatus {
    switch self {
    case .system(_, .noSuchFileOrDirectory), .system(_, .notDirectory): .notFound
    case .system(_, .permissionDenied), .system(_, .notPermitted): .notPermitted
    case .system: .inputOutput
    case .changed: .temporary
    case .isADirectory, .notARegularFile, .notAnArchive, .tooLarge, .tooManyHoles, .containsItself:
      .usage
    }
  }
}

extension TreeError {
  /// Whether the layer is sound, and the image has no place for it.
  fileprivate var isRefusal: Bool {
    switch self {
    case .lowerSymbolicLink, .directoryInTheWay, .parentIsNotADirectory: true
    default: false
    }
  }

  fileprivate var hint: String? {
    switch self {
    case .lowerSymbolicLink:
      pathBehindLink.map {
        "name the place itself, /\(EscapedBytes.string($0)), or pass --follow-dirlinks"
      }
    case .directoryInTheWay: "name a file in it, or end the path with a slash"
    default: nil
    }
  }
}

extension AdditionWarning {
  var text: String {
    let path = first.map { EscapedBytes.string($0) }
    if count == 1 { return "\(name): \(kind.text)" + (path.map { ": " + $0 } ?? "") }
    return "\(name): \(kind.text) (\(count) times)" + (path.map { ", first " + $0 } ?? "")
  }
}

extension AdditionWarning.Kind {
  fileprivate var text: String {
    switch self {
    case .socket: "socket left out"
    case .cache: "the cache of banger-fs left out"
    case .extendedAttribute(let refusal): refusal.text
    case .merge(let kind): kind.text
    case .archive(let kind): kind.text
    }
  }
}
