// cp: files and directories of an image, as files of this machine.

import ArgumentParser
import FileTree
import Glibc
import Layers

struct CopyCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp",
    abstract: "Copy a file, or a directory with all that is in it, out of an image.",
    discussion: """
      As cp -a: with modes, times, extended attributes, hard links and holes, and, for root, owners \
      and devices. What is there stays: a directory is copied to a new name, or into a directory \
      that has nothing of its name.
      """
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Argument(help: ArgumentHelp("A path in the image.", valueName: "path"))
  var path: String

  @Argument(
    help: ArgumentHelp(
      "Where to: a new name, or a directory that the file goes into.",
      valueName: "host"
    )
  )
  var host: String

  @Flag(name: [.customShort("L"), .long], help: "Follow a symbolic link at the end of the path.")
  var dereference = false

  @Flag(name: .shortAndLong, help: "Replace a file that is there.")
  var force = false

  func run() async throws {
    let files = try await Wiring.open(source).opened.files
    let start = try files.tree.find(path, followingLast: dereference)
    let isDirectory = files.tree[start.node].kind == .directory
    let place = try CopyPlace(host, for: start, mayReplace: force && !isDirectory)
    var copy = HostCopy(of: files)
    do {
      try endingOnSignals {
        try place.fill { name in
          try copy.copy(start.node, as: name, in: place.directory)
          if !isDirectory, copy.losses.devices > 0 { throw refusal }
        }
      }
    } catch let error as LayersError {
      let remedied = try image.place.remedied(error)
      let failure = CommandFailure(remedied) ?? CommandFailure(error)
      throw failure.of(EscapedBytes.string(path.utf8))
    }
    for text in copy.losses.texts { StandardError.write("warning: \(text)\n") }
  }

  /// Of a device that is all there is to copy.
  private var refusal: CommandFailure {
    let name = EscapedBytes.string(path.utf8)
    return CommandFailure(.notPermitted, "\(name): devices are root's to make")
  }
}

/// Where a copy goes: a name that is free, or that may be replaced.
private struct CopyPlace {
  let directory: HostDirectory
  private let name: [UInt8]
  private let replacesFile: Bool

  init(_ host: String, for start: WalkStep, mayReplace: Bool) throws(CommandFailure) {
    if host.isEmpty { throw CommandFailure(.usage, "the name to copy to is empty") }
    var status = stat()
    let isDirectory = stat(host, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    if isDirectory {
      directory = try HostDirectory(opening: host)
      name = Array(EntryPath.split(start.path).name)
      if name.isEmpty {
        throw CommandFailure(
          .cannotCreate,
          "\(host): is there already",
          hint: "name a new directory for the root of the image"
        )
      }
    } else {
      let slash = host.lastIndex(of: "/")
      let parent = slash.map { String(host[...$0]) } ?? "."
      directory = try HostDirectory(opening: parent)
      name = Array((slash.map { host[host.index(after: $0)...] } ?? host[...]).utf8)
      if name.isEmpty {
        throw CommandFailure(
          .cannotCreate,
          "\(host): no such directory",
          hint: "make the directory first"
        )
      }
    }
    let present = directory.type(ofName: name)
    replacesFile = present != nil
    if present == nil || mayReplace && present != S_IFDIR { return }
    let subject = isDirectory ? "\(host): \(EscapedBytes.string(name))" : "\(host):"
    throw CommandFailure(
      .cannotCreate,
      "\(subject) is there already",
      hint: present == S_IFDIR || mayReplace ? "choose another name" : "replace a file with --force"
    )
  }

  /// Has `copy` make the file under the name that it is given.
  ///
  /// What is replaced stays as it is until the copy is whole.
  func fill(_ copy: ([UInt8]) throws -> Void) throws {
    guard replacesFile else { return try copy(name) }
    let pending = Array(".banger-fs-\(getpid())".utf8)
    do {
      try copy(pending)
      try directory.rename(pending, to: name)
    } catch {
      directory.remove(pending)
      throw error
    }
  }
}
