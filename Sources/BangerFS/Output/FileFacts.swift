// What is known of one file, for JSON.

import FileTree
import FlatArrays

struct FileFacts: Encodable {
  var path: String
  /// Where the path is not UTF-8: its bytes.
  var pathBase64: String?
  var type: String
  /// Octal, with setuid, setgid and sticky bits.
  var mode: String
  var uid: UInt32
  var gid: UInt32
  var size: UInt64
  var linkCount: UInt32
  var inode: UInt64
  var mtimeSeconds: Int64
  var mtimeNanoseconds: UInt32
  var target: String?
  var targetBase64: String?
  var deviceMajor: UInt32?
  var deviceMinor: UInt32?

  init(_ step: WalkStep, in tree: Tree) {
    let node = tree[step.node]
    let path = JSONBytes(step.path)
    self.path = path.text
    pathBase64 = path.base64
    type = Self.name(of: node.kind)
    mode = ModeText.octal(node.mode)
    uid = node.uid
    gid = node.gid
    size = node.kind == .regular || node.kind == .symbolicLink ? node.size : 0
    linkCount = node.linkCount
    inode = step.node.inodeNumber
    mtimeSeconds = node.seconds
    mtimeNanoseconds = node.nanoseconds
    if node.kind == .symbolicLink {
      let bytes = JSONBytes(tree.target(of: node).array)
      target = bytes.text
      targetBase64 = bytes.base64
    }
    if node.kind == .characterDevice || node.kind == .blockDevice {
      deviceMajor = node.deviceMajor
      deviceMinor = node.deviceMinor
    }
  }

  static func name(of kind: NodeKind) -> String {
    switch kind {
    case .directory: "directory"
    case .regular: "regular"
    case .symbolicLink: "symlink"
    case .characterDevice: "character-device"
    case .blockDevice: "block-device"
    case .fifo: "fifo"
    }
  }
}

extension Tree {
  /// The node at a path of the command line, with that path in normal form.
  func find(_ path: String, followingLast: Bool) throws(CommandFailure) -> WalkStep {
    let bytes = Array(path.utf8)
    if bytes.isEmpty { throw CommandFailure(.usage, "the path is empty") }
    do throws(LookupFailure) {
      let node = try lookUp(bytes, followingLast: followingLast)
      return WalkStep(path: Self.normal(bytes), node: node)
    } catch {
      throw CommandFailure(.notFound, "\(EscapedBytes.string(bytes)): \(error.text)")
    }
  }

  /// A path of the command line, `..` taken textually and never above the root.
  static func normal(_ path: [UInt8]) -> [UInt8] {
    do {
      return try EntryPath.normalize(path, aboveRoot: .clamp)
    } catch {
      return path
    }
  }
}

extension LookupFailure {
  var text: String {
    switch self {
    case .notFound: "no such file or directory in the image"
    case .notADirectory: "not a directory in the image"
    case .tooManyLinks: "too many levels of symbolic links in the image"
    }
  }
}
