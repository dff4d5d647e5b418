// materialize: an image as an ext4 file for a virtual machine.

import ArgumentParser
import Ext4Image
import FileTree
import FuseServer
import Glibc
import ImageStore
import Layers
import OCISpec
import SystemPackage

struct MaterializeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "materialize",
    abstract: "Write an image as an ext4 file system.",
    discussion: """
      The file appears under its name when it is complete and checked. Owners, modes, devices, \
      extended attributes and times are those of the image, whoever runs the command.
      """
  )

  @OptionGroup var image: ImageOptions

  @Argument(help: ArgumentHelp("The file to write.", valueName: "output"))
  var output: String

  @Option(help: ArgumentHelp("The file's size, like 4G, or auto.", valueName: "size"))
  var size = SizeArgument.automatic

  @Option(
    help: ArgumentHelp(
      "Free space beside the content, with --size auto (default: 256M or 20 %, the larger).",
      valueName: "size"
    )
  )
  var free: ByteCountArgument?

  @Option(help: ArgumentHelp("The volume label, at most 16 bytes.", valueName: "label"))
  var label = VolumeLabel.standard.text

  @OptionGroup var outputOptions: OutputOptions

  @Option(help: .hidden)
  var requestCounts: String?

  func validate() throws {
    if case .exact = size, free != nil {
      throw ValidationError("--free goes with --size auto")
    }
  }

  func run() async throws {
    // Out of the way before a layer is read, which may take long, and before anything is mounted: the
    // rest can be interrupted without a trace.
    try checkOutput()
    let options = Ext4Options(size: try size.ext4Size(free: free), label: try VolumeLabel(label))
    let tools = try await E2fsTools.find()
    try FuseSession.requireDevice()
    let (resolved, opened) = try await Wiring.open(image)
    outliveClosedPipes()
    let result = try await cancellingOnSignals {
      let result = try await materialize(resolved, opened, options, tools)
      // The file is there, and nobody shall be told otherwise.
      outliveSignals()
      return result
    }
    try report(result)
  }

  /// Whether a file can be made there; the build finds out by itself, but late.
  private func checkOutput() throws {
    do throws(Ext4Error) {
      let target = try OutputTarget(FilePath(output))
      guard target.directory.withPlatformString({ access($0, W_OK | X_OK) }) != 0 else { return }
      throw .systemCall("write", path: target.directory, errno: Errno(rawValue: errno))
    } catch {
      guard case .systemCall(_, _, let cause) = error else { throw error }
      let isForbidden = cause == .permissionDenied || cause == .notPermitted
      throw CommandFailure(
        isForbidden ? .notPermitted : .cannotCreate,
        "\(output): cannot be created: \(cause)",
        hint: cause == .noSuchFileOrDirectory ? "make the directory first" : nil
      )
    }
  }

  private func materialize(
    _ resolved: ResolvedImage,
    _ opened: OpenedImage,
    _ options: Ext4Options,
    _ tools: E2fsTools
  ) async throws -> Ext4Result {
    guard !resolved.layers.isEmpty else {
      throw CommandFailure(.invalidImage, "\(resolved.reference): the image has no layers")
    }
    let mountpoints = try Wiring.cache(image.cache).path.appending("banger/mounts")
    let mount = try PrivateMount(opened.files, of: resolved, below: mountpoints)
    defer { mount.end() }
    let progress = Progress(image.progress.style)
    defer { progress.close() }
    do {
      let result = try await Ext4Builder(tools: tools).build(
        opened.files.tree,
        from: mount.path,
        to: FilePath(output),
        options: options,
        isSourceSound: { mount.readFailure == nil },
        progress: BuildProgress(progress).show
      )
      progress.end()
      if let requestCounts { try RequestCounts.write(mount.requestCounts, to: requestCounts) }
      return result
    } catch {
      // What the layers said is the cause of what the tools say.
      throw mount.readFailure.map { CommandFailure($0) } ?? error
    }
  }

  private func report(_ result: Ext4Result) throws {
    var out = StandardOutput()
    let facts = Facts(result)
    switch outputOptions.format {
    case .text: try out.line(EscapedBytes.string(result.path.bytes) + ": " + facts.text)
    case .json: try out.line(try JSONDocument(facts).text())
    }
    try out.flush()
  }

  private struct Facts: Encodable {
    var path: String
    var pathBase64: String?
    var bytes: UInt64
    var allocatedBytes: UInt64
    var blocks: UInt64
    var freeBlocks: UInt64
    var inodes: UInt32
    var freeInodes: UInt32
    var uuid: String
    var label: String
    var splitLinks: Int

    init(_ result: Ext4Result) {
      let name = JSONBytes(result.path.bytes)
      path = name.text
      pathBase64 = name.base64
      bytes = result.byteCount
      allocatedBytes = result.allocatedByteCount
      blocks = result.blockCount
      freeBlocks = result.freeBlockCount
      inodes = result.inodeCount
      freeInodes = result.freeInodeCount
      uuid = result.uuidText
      label = result.label
      splitLinks = result.splitLinkCount
    }

    var text: String {
      "\(ByteCount.text(bytes)), \(ByteCount.text(allocatedBytes)) allocated, "
        + "\(freeBlocks) of \(blocks) blocks and \(freeInodes) of \(inodes) inodes free, "
        + "UUID \(uuid)"
    }
  }
}
