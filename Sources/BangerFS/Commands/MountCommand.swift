// mount: an image as a read-only file system, in the background unless told otherwise.

import ArgumentParser
import FileTree
import FuseServer
import Glibc
import ImageStore
import Layers
import OCISpec
import TreeMount
import Threading

struct MountCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount",
    abstract: "Mount an image read-only.",
    discussion: """
      Returns when the mount can be used; the file system is then served by a process in the \
      background, until it is unmounted. Anybody may mount at an empty directory of their own, through \
      fusermount3; what is mounted is for its mounter alone, unless -o allow_other lets others in.
      """
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Flag(
    name: .customLong("layers"),
    help: """
      Show all layers at once: layers/N is layer N alone, upto/N the tree as of layer N, merged the \
      whole image.
      """
  )
  var showsLayers = false

  @Argument(help: ArgumentHelp("An empty directory.", valueName: "mountpoint"))
  var mountpoint: String

  @Flag(name: [.customShort("f"), .long], help: "Stay in front, and unmount on Ctrl-C.")
  var foreground = false

  @Option(
    name: .customShort("o"),
    parsing: .singleValue,
    help: ArgumentHelp("Mount options: allow_other, nonempty.", valueName: "options")
  )
  var options: [String] = []

  @Option(
    name: .customLong("log"),
    help: ArgumentHelp(
      "Where a mount in the background says why a read failed (default: nowhere).",
      valueName: "file"
    )
  )
  var logFile: String?

  @Flag(help: .hidden)
  var background = false

  @Option(help: .hidden)
  var requestCounts: String?

  /// Whom to push files for; for tests, and to find out who is to blame.
  @Option(help: .hidden)
  var pump = PumpChoice.follow

  enum PumpChoice: String, ExpressibleByArgument, CaseIterable {
    case off
    case follow
    case walk
  }

  func validate() throws {
    if !showsLayers { return }
    if selection != .all { throw ValidationError("--layers contradicts --layer and --upto") }
    if !additions.isEmpty {
      throw ValidationError("--layers shows an image as it is: nothing can be laid over it")
    }
  }

  func run() async throws {
    let options = try MountOptions(options)
    let place = try Mountpoint(checking: mountpoint, allowsNonEmpty: options.allowsNonEmpty)
    try FuseSession.requireDevice()
    if foreground || background {
      try await serve(at: place, options)
    } else {
      try await startInBackground(at: place)
    }
  }

  // MARK: In front

  private func startInBackground(at place: Mountpoint) async throws {
    let pulled = try await pullIfNeeded()
    // It holds the blobs until the child has them.
    defer { withExtendedLifetime(pulled) {} }
    // Right behind the subcommand's name: behind a "--" it would be a mount point.
    var arguments = CommandLine.arguments
    arguments.insert(contentsOf: ["--background"] + (try pulled.map(Self.pin) ?? []), at: 2)
    let child = try BackgroundProcess(arguments: arguments)
    let isInterrupted = Mutex(false)
    let watcher = SignalWatcher { _ in
      isInterrupted.withLock { $0 = true }
      kill(child.processID, SIGTERM)
    }
    defer { withExtendedLifetime(watcher) {} }
    let status = child.waitUntilReady()
    // Also where the child was ready first: it unmounts.
    if isInterrupted.withLock({ $0 }) { throw ExitCode(ExitStatus.interrupted.rawValue) }
    if let status { throw ExitCode(status) }
    guard let root = place.open() else {
      throw CommandFailure(
        .cannotCreate,
        "\(mountpoint): mounted, but cannot be listed: \(String(cString: strerror(errno)))"
      )
    }
    closedir(root)
  }

  /// The image, if it comes from a registry or the cache: in front, so that people see it come and can
  /// interrupt it.
  private func pullIfNeeded() async throws -> ResolvedImage? {
    guard case .registry = try Reference(source.image.reference) else { return nil }
    let progress = Progress(source.image.progress.style)
    defer { progress.close() }
    return try await Wiring.resolve(source.image, progress)
  }

  /// What makes the child take this very image, without the network.
  private static func pin(_ image: ResolvedImage) throws -> [String] {
    try PinnedImage(image).map { ["--pinned", $0.text] } ?? []
  }

  // MARK: In the serving process

  private func serve(at place: Mountpoint, _ options: MountOptions) async throws {
    if background { BackgroundProcess.keepReadyDescriptor() }
    let (resolved, opened) = try await Wiring.open(source)
    let logger = try makeLogger()
    let choice = MountContent.Choice(
      showsLayers: showsLayers,
      allowsOtherUsers: options.allowsOtherUsers,
      nodeLimit: image.limits.limits.layers.tree.entryCount
    )
    let content = MountContent(resolved, opened, choice, log: logger) {
      makePump(of: $0, at: place)
    }
    // Before there is a mount, so that none is left behind.
    outliveClosedPipes()
    let interruption = Interruption()
    let watcher = SignalWatcher { _ in interruption.request() }
    defer { withExtendedLifetime(watcher) {} }
    let session: FuseSession
    do {
      session = try FuseSession(
        serving: content.fileSystem,
        at: place.path,
        options: content.options,
        pusher: content.pump
      )
    } catch {
      throw CommandFailure(error, at: mountpoint)
    }
    interruption.whenRequested { session.stop() }
    // In the background the terminal belongs to somebody else: success says nothing there.
    if !background || logFile != nil { logger.mounted(resolved, at: place) }
    if background { detach(session) }
    let end = session.waitUntilEnded()
    try writeRequestCounts(of: session)
    if case .failed(let error) = end { throw CommandFailure(error, at: mountpoint) }
  }

  private func makePump(of files: ImageFiles, at place: Mountpoint) -> Pump? {
    switch pump {
    case .off: nil
    case .follow: Pump(files, for: .anybody)
    case .walk: Pump(files, for: .walker(mountpoint: place.path))
    }
  }

  /// Leaves the terminal and the current directory to their owners.
  private func detach(_ session: FuseSession) {
    let isAwaited = BackgroundProcess.sayReady()
    chdir("/")
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    dup2(null, STDOUT_FILENO)
    dup2(null, STDERR_FILENO)
    close(null)
    // Whoever started us was interrupted meanwhile and does not know of a mount.
    if !isAwaited { session.stop() }
  }

  private func makeLogger() throws(CommandFailure) -> MountLog {
    guard let logFile else { return MountLog(descriptor: STDERR_FILENO) }
    let descriptor = open(logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotCreate, "\(logFile): \(String(cString: strerror(errno)))")
    }
    return MountLog(descriptor: descriptor)
  }

  private func writeRequestCounts(of session: FuseSession) throws {
    guard let requestCounts else { return }
    try RequestCounts.write(session.requestCounts, to: requestCounts)
  }
}
