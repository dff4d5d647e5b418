// materialize: an image as an ext4 file system for a virtual machine, in a file or on a block device.

import ArgumentParser
import Ext4Image
import FileTree
import FuseServer
import ImageStore
import Layers
import SystemPackage

struct MaterializeCommand: AsyncParsableCommand, TreeCommand {
  static let configuration = CommandConfiguration(
    commandName: "materialize",
    abstract: "Write an image as an ext4 file system.",
    discussion: """
      The file appears under its name when it is complete and checked. Owners, modes, devices, \
      extended attributes and times are those of the image, whoever runs the command. The same image \
      with the same additions and options gives the same bytes; where files can share blocks, the \
      second time takes no time and no room.
      """
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions

  @Argument(
    help: ArgumentHelp("The file to write; with --device a block device.", valueName: "output")
  )
  var output: String

  @OptionGroup var size: SizeOptions
  @OptionGroup var fileSystem: FileSystemOptions

  @Flag(
    inversion: .prefixedNo,
    help: """
      The same bytes each time: UUID, hash seed and times follow from the image, the additions and \
      the options. Otherwise the UUID is random and the time the present.
      """
  )
  var reproducible = true

  @Flag(
    help: """
      Write to a block device, all of which the file system takes. What is on it is lost; one that is \
      mounted or in use is refused.
      """
  )
  var device = false

  @Flag(
    help: """
      Write an empty file system for an image without layers, which is refused otherwise: it is \
      mostly a mistake.
      """
  )
  var allowEmpty = false

  @Flag(help: "Neither look for an earlier result in the cache nor keep this one there.")
  var noCache = false

  @OptionGroup var outputOptions: OutputOptions

  @Option(help: .hidden)
  var requestCounts: String?

  func validate() throws {
    if device, size.isGiven {
      throw ValidationError("--device goes without --size and --free: the device has its size")
    }
  }

  func run() async throws {
    // Out of the way before a layer is read, which may take long, and before anything is mounted: the
    // rest can be interrupted without a trace.
    let target = try DiskTarget(output, isDevice: device)
    defer { target.close() }
    var options = try fileSystem.ext4Options(
      target.byteCount.map { .exact($0) } ?? size.ext4Size
    )
    try options.check()
    let tools = try await E2fsTools.find()
    try FuseSession.requireDevice()
    let (resolved, opened) = try await Wiring.open(source)
    guard allowEmpty || !resolved.layers.isEmpty || opened.additionsDigest != nil else {
      throw CommandFailure(
        .invalidImage,
        "\(resolved.reference): the image has no layers",
        hint: "with --allow-empty an empty file system is written"
      )
    }
    let key = BuildKey(
      image: resolved.digest,
      additions: opened.additionsDigest,
      owners: try source.additions.owners(),
      followsDirectoryLinks: source.image.followsDirectoryLinks,
      options: options
    )
    if reproducible { options.identity = key.identity(time: resolved.createdSeconds) }
    let made = try await make(
      opened.files,
      named: resolved.reference,
      target,
      options,
      tools,
      key: reproducible && !noCache ? key.resultKey(tools: tools.version) : nil
    )
    try DiskFacts(
      made.result,
      image: resolved.digest,
      isReproducible: reproducible,
      origin: made.origin
    ).show(as: outputOptions.format)
  }

  private func make(
    _ files: ImageFiles,
    named name: String,
    _ target: DiskTarget,
    _ options: Ext4Options,
    _ tools: E2fsTools,
    key: [UInt8]?
  ) async throws -> DiskMaker.Made {
    let progress = Progress(source.image.progress.style)
    defer { progress.close() }
    let maker = DiskMaker(
      tools: tools,
      cache: try Wiring.cache(source.image.cache),
      progress: progress,
      requestCounts: requestCounts
    )
    let path = try target.buildPath(in: maker.cache)
    outliveClosedPipes()
    do {
      return try await cancellingOnSignals {
        var made = try await maker.make(files, named: name, at: path, options, key: key)
        made.result = try target.deliver(made.result, progress)
        // The file is there, and nobody shall be told otherwise.
        outliveSignals()
        return made
      }
    } catch Ext4Error.sizeTooSmall(let requested, let smallest) where device {
      // It was the device that chose the size.
      throw Ext4Error.deviceTooSmall(FilePath(output), byteCount: requested, needed: smallest)
    } catch let error as LayersError {
      throw try source.image.place.remedied(error)
    }
  }
}
