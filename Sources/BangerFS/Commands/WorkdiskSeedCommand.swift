// workdisk seed: a directory of this machine as a file system that work disks begin as a copy of.

import ArgumentParser
import Ext4Image
import FileTree
import FlatArrays
import FuseServer
import ImageStore
import Layers
import SystemPackage

struct WorkdiskSeedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seed",
    abstract: "Make a file system out of a directory, for work disks to begin with."
  )

  @Argument(help: ArgumentHelp("The file to write.", valueName: "output"))
  var output: String

  @Option(name: .customLong("from"), help: ArgumentHelp("The directory.", valueName: "dir"))
  var directory: String

  @OptionGroup var owner: SeedOwnerOptions
  @OptionGroup var size: SizeOptions
  @OptionGroup var fileSystem: FileSystemOptions

  @Flag(
    inversion: .prefixedNo,
    help: "The same bytes each time, for the same files; else a random UUID, and the present time."
  )
  var reproducible = true

  @OptionGroup var cache: CacheOptions
  @OptionGroup var progress: ProgressOptions
  @OptionGroup var outputOptions: OutputOptions

  func run() async throws {
    let place = try OutputPlace(checking: output)
    let options = try fileSystem.ext4Options(
      size.ext4Size,
      standardLabel: FileSystemOptions.workDiskLabel
    )
    try options.check()
    let result = try await SeedSource(directory: directory, owner: owner.added, option: "--from")
      .make(
        at: place,
        options,
        try await E2fsTools.find(),
        cache,
        progress.style,
        isReproducible: reproducible
      )
    try DiskFacts(result, image: nil, isReproducible: reproducible, origin: .built)
      .show(as: outputOptions.format)
  }
}

/// A directory of this machine that becomes a file system.
struct SeedSource {
  var directory: String
  var owner: AddedOwner
  /// The option that named it, for messages.
  var option: String

  func make(
    at place: OutputPlace,
    _ options: Ext4Options,
    _ tools: E2fsTools,
    _ cache: CacheOptions,
    _ progress: Progress.Style,
    isReproducible: Bool = false
  ) async throws -> Ext4Result {
    try FuseSession.requireDevice()
    let cache = try Wiring.cache(cache)
    let opened = try endingOnSignals {
      try ImageOpener(store: LayerStore.noting(cache: cache)).open(additions: [
        .directory(FilePath(directory), owner: owner, option: option)
      ])
    }
    Wiring.tell(opened.additionWarnings)
    var options = options
    if isReproducible {
      let key = BuildKey(image: nil, additions: opened.additionsDigest, options: options)
      options.identity = key.identity(time: opened.files.tree.newestSeconds)
    }
    let progress = Progress(progress)
    defer { progress.close() }
    let maker = DiskMaker(tools: tools, cache: cache, progress: progress)
    let (chosen, name) = (options, directory)
    outliveClosedPipes()
    return try await cancellingOnSignals {
      let made = try await maker.make(opened.files, named: name, at: place.path, chosen)
      outliveSignals()
      return made.result
    }
  }
}

extension Tree {
  /// The latest time of a file's change, in seconds since 1970.
  fileprivate var newestSeconds: Int64 { nodes.reduce(0) { max($0, $1.seconds) } }
}
