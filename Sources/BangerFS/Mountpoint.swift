// Where a mount goes: checked before anything is done, with a message for each way it can be wrong.

import FuseServer
import Glibc
import SystemPackage

/// A directory to mount at, by its absolute path.
struct Mountpoint {
  let path: [UInt8]

  var text: String { String(decoding: path, as: UTF8.self) }

  /// Checks the directory; a dead mount of ours on it is cleared first.
  ///
  /// Never asks the directory itself before the mount table: a dead mount may still answer.
  init(checking name: String, allowsNonEmpty: Bool) throws {
    path = try Self.absolute(name, orElse: .cannotCreate)
    do {
      if let mount = try MountTable.current().mount(at: path), mount.type != Array("autofs".utf8) {
        guard mount.isOurs else { throw Self.inUse(name, mount) }
        guard MountState.of(mount) == .dead, try MountTable.clearDeadMount(at: path) else {
          throw FuseError.alreadyMounted
        }
        StandardError.write("cleared a dead mount at \(name)\n")
      }
    } catch let error as FuseError {
      throw CommandFailure(error, at: name)
    }
    try checkDirectory(name, allowsNonEmpty: allowsNonEmpty)
  }

  /// The path as the mount table has it, also where the directory itself cannot be reached any more.
  ///
  /// Where there is nothing of that name, the failure has the given status.
  static func absolute(
    _ name: String,
    orElse status: ExitStatus
  ) throws(CommandFailure) -> [UInt8] {
    if let resolved = realpath(name, nil) {
      defer { free(resolved) }
      return Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
    }
    guard errno == ENOTCONN || errno == EACCES else {
      throw CommandFailure(
        status,
        "\(name): \(String(cString: strerror(errno)))",
        hint: errno == ENOENT && status == .cannotCreate ? "make the directory first" : nil
      )
    }
    // Nothing below can be asked; the parent still can.
    let path = FilePath(name)
    guard let last = path.lastComponent else { return Array("/".utf8) }
    let parent = path.removingLastComponent()
    let base = try absolute(parent.isEmpty ? "." : parent.string, orElse: status)
    return (base == Array("/".utf8) ? [] : base) + Array("/\(last.string)".utf8)
  }

  private static func inUse(_ name: String, _ mount: MountTable.Mount) -> CommandFailure {
    let type = String(decoding: mount.type, as: UTF8.self)
    return CommandFailure(
      .cannotCreate,
      "\(name): something else is mounted there already (\(type))",
      hint: "choose another directory"
    )
  }

  /// The directory, to be listed; `nil` with the reason in `errno`.
  func open() -> OpaquePointer? {
    opendir(path.map { CChar(bitPattern: $0) } + [0])
  }

  private func checkDirectory(_ name: String, allowsNonEmpty: Bool) throws(CommandFailure) {
    guard let stream = open() else {
      let cause = errno
      throw CommandFailure(
        cause == EACCES ? .notPermitted : .cannotCreate,
        "\(name): \(cause == ENOTDIR ? "the mount point is not a directory" : String(cString: strerror(cause)))"
      )
    }
    defer { closedir(stream) }
    if allowsNonEmpty { return }
    var count = 0
    while readdir(stream) != nil { count += 1 }
    if count > 2 {
      throw CommandFailure(
        .cannotCreate,
        "\(name): the mount point is not empty",
        hint: "choose an empty directory, or hide what is in it with -o nonempty"
      )
    }
  }
}
