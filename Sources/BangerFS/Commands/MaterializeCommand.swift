// materialize: an image as an ext4 file system for a virtual machine, in a file or on a block device.

import ArgumentParser
import Ext4Image
import FileTree
import FuseServer
import ImageStore
import Layers
import SystemPackage

struct MaterializeCommand: AsyncParsableCommand {
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

  @OptionGroup var source: TreeOptions

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
    let place = try OutputPlace(checking: output)
    var options = try fileSystem.ext4Options(size.ext4Size)
    try options.check()
    let tools = try await E2fsTools.find()
    try FuseSession.requireDevice()
    let (resolved, opened) = try await Wiring.open(source)
    guard !resolved.layers.isEmpty || opened.additionsDigest != nil else {
      throw CommandFailure(.invalidImage, "\(resolved.reference): the image has no layers")
    }
    let key = BuildKey(
      image: resolved.digest,
      additions: opened.additionsDigest,
      owners: try source.additions.owners(),
      followsDirectoryLinks: source.image.followsDirectoryLinks,
      options: options
    )
    if reproducible { options.identity = key.identity(time: resolved.createdSeconds) }
    let maker = DiskMaker(
      tools: tools,
      cache: try Wiring.cache(source.image.cache),
      progress: source.image.progress.style,
      requestCounts: requestCounts
    )
    let chosen = options
    outliveClosedPipes()
    let result = try await cancellingOnSignals {
      let result = try await maker.make(opened.files, named: resolved.reference, at: place, chosen)
      // The file is there, and nobody shall be told otherwise.
      outliveSignals()
      return result
    }
    try DiskFacts(
      result,
      image: resolved.digest,
      isReproducible: reproducible,
      origin: .built
    ).print(outputOptions.format)
  }
}
