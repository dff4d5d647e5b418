// inject: files into an ext4 file system that exists.

import ArgumentParser
import Ext4Image
import FileTree
import Glibc
import ImageStore
import Layers
import SystemPackage

struct InjectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inject",
    abstract: "Put files into an ext4 file system that exists, without mounting it.",
    discussion: """
      Takes files as HOST:GUEST[:MODE[:UID:GID]], and what materialize takes to lay over an image. Works \
      on a copy beside the file, which shares its blocks where files can, reads everything back and \
      checks it, and only then puts it into its place: whatever goes wrong, the file is as it was.
      """
  )

  @Argument(help: ArgumentHelp("A file with a file system that is not mounted.", valueName: "file"))
  var image: String

  @Argument(
    help: ArgumentHelp("Files to put into it.", valueName: "host:guest[:mode[:uid:gid]]")
  )
  var files: [InjectArgument] = []

  @OptionGroup var additions: AdditionOptions

  @Flag(
    name: .customLong("follow-dirlinks"),
    help:
      "Put a file whose parent is a symbolic link where the link leads; otherwise it is refused."
  )
  var followsDirectoryLinks = false

  @OptionGroup var limits: LimitOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var progress: ProgressOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if files.isEmpty, additions.overlay.isEmpty, additions.inject.isEmpty,
      additions.enableUnit.isEmpty
    {
      throw ValidationError("nothing to inject: name HOST:GUEST, --overlay or --enable-unit")
    }
  }

  func run() async throws {
    var additions = additions
    additions.inject += files
    try additions.checkUnitNames()
    let (added, owners) = (try additions.additions(), try additions.owners())
    let place = try ExistingFile(checking: image).path
    let tools = try await E2fsTools.find()
    let opener = ImageOpener(
      store: LayerStore.noting(cache: try Wiring.cache(cache), limits: limits.limits.layers)
    )
    var opened = try endingOnSignals { try opener.open(additions: added, owners: owners) }
    if !additions.enableUnit.isEmpty {
      let links = try SystemdUnits.links(
        for: additions.enableUnit,
        read: ImageUnitFiles(added: opened.files, image: place).look
      )
      opened = try opened.adding([.links(links)])
    }
    Wiring.tell(opened.additionWarnings)
    let result = try await inject(opened.files, into: place, tools)
    try InjectionFacts(result).show(as: output.format)
  }

  private func inject(
    _ files: ImageFiles,
    into image: FilePath,
    _ tools: E2fsTools
  ) async throws -> Ext4InjectionResult {
    let progress = Progress(progress.style)
    defer { progress.close() }
    let follows = followsDirectoryLinks
    let show = BuildProgress(progress).show
    outliveClosedPipes()
    do {
      let result = try await cancellingOnSignals {
        let result = try await Ext4Injector(tools: tools).inject(
          files.tree,
          reading: { try files.read($0, at: $1, into: $2) },
          into: image,
          followingLinks: follows,
          keepingDirectories: true,
          progress: show
        )
        // The files are there, and nobody shall be told otherwise.
        outliveSignals()
        return result
      }
      progress.end()
      return result
    } catch Ext4Error.diskFull {
      // Whichever file beside it had no room.
      throw Ext4Error.diskFull(image)
    }
  }
}

/// A regular file that is there.
private struct ExistingFile {
  let path: FilePath

  init(checking text: String) throws(CommandFailure) {
    path = FilePath(text)
    var status = stat()
    guard stat(text, &status) == 0, access(text, R_OK | W_OK) == 0 else {
      let isForbidden = errno == EACCES || errno == EPERM || errno == EROFS
      throw CommandFailure(
        isForbidden ? .notPermitted : .notFound,
        "\(text): \(String(cString: strerror(errno)))"
      )
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CommandFailure(
        .usage,
        "\(text): is not a regular file",
        hint: "inject works on files; materialize --device writes to devices, and takes --inject"
      )
    }
  }
}

/// Unit files of a file system, and of what is about to be laid over it.
private struct ImageUnitFiles {
  let added: ImageFiles
  let image: FilePath

  /// Far beyond any unit file.
  private static let byteLimit = 64 << 10

  func look(at path: [UInt8]) throws -> UnitLookup {
    let found = try UnitFiles(files: added).look(at: path)
    guard found == .missing else { return found }
    return try Ext4ImageReader.with(image) { (reader) throws(Ext4Error) in
      guard let place = try reader.lookUp(path) else { return .missing }
      if place.inode.isSymbolicLink {
        let target = try reader.target(of: place.inode)
        if target == Array("/dev/null".utf8) { return .masked }
        let other = EntryPath.split(target).name
        if !other.elementsEqual(EntryPath.split(path).name) {
          return .alias(of: String(decoding: other, as: UTF8.self))
        }
      }
      guard let file = try reader.lookUp(path, followingLast: true)?.inode, file.isRegular,
        let bytes = try reader.content(of: file, limit: Self.byteLimit)
      else { return .missing }
      return bytes.isEmpty ? .masked : .file(bytes)
    }
  }
}

/// What became of a file system, for text and JSON.
private struct InjectionFacts: Encodable {
  private let fileSystem: FileSystemFacts
  private let added: Int
  private let replaced: Int
  private let madeDirectories: Int
  private let changedDirectories: Int

  private enum CodingKeys: String, CodingKey {
    case added, replaced, madeDirectories, changedDirectories
  }

  init(_ result: Ext4InjectionResult) {
    fileSystem = FileSystemFacts(result.image)
    added = result.addedCount
    replaced = result.replacedCount
    madeDirectories = result.madeDirectoryCount
    changedDirectories = result.changedDirectoryCount
  }

  func encode(to encoder: any Encoder) throws {
    try fileSystem.encode(to: encoder)
    var own = encoder.container(keyedBy: CodingKeys.self)
    try own.encode(added, forKey: .added)
    try own.encode(replaced, forKey: .replaced)
    try own.encode(madeDirectories, forKey: .madeDirectories)
    try own.encode(changedDirectories, forKey: .changedDirectories)
  }

  func show(as format: OutputFormat) throws {
    var out = StandardOutput()
    switch format {
    case .text:
      let made = madeDirectories == 1 ? "1 directory" : "\(madeDirectories) directories"
      try out.line(
        "\(EscapedBytes.string(fileSystem.path.utf8)): \(added) added, \(replaced) replaced, "
          + "\(made) made; \(fileSystem.room)"
      )
    case .json: try out.line(try JSONDocument(self).text())
    }
    try out.flush()
  }
}
