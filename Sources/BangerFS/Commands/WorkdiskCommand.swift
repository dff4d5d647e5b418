// workdisk: disks beside the root file system of a virtual machine: empty ones, and grown copies of seeds.

import ArgumentParser
import Ext4Image
import Glibc
import ImageStore
import Layers
import SystemPackage

struct WorkdiskCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workdisk",
    abstract: "Make a work disk: an ext4 file system that is empty, or begins as a copy.",
    discussion: """
      banger-fs workdisk OUTPUT --size 8G makes an empty one, at once and in a few MiB of the disk. \
      With --seed it begins with the files of a directory, or as a copy of a file system that grows to \
      the size; workdisk seed makes such a file system. A file whose name is seed is written ./seed.
      """,
    subcommands: [WorkdiskNewCommand.self, WorkdiskSeedCommand.self],
    defaultSubcommand: WorkdiskNewCommand.self
  )
}

struct WorkdiskNewCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Make a work disk; what workdisk does when it is told nothing else."
  )

  @Argument(help: ArgumentHelp("The file to write.", valueName: "output"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "The file's size, like 8G; with --seed it may be left out, and is what the seed needs.",
      valueName: "size"
    )
  )
  var size: ByteCountArgument?

  @Option(
    help: ArgumentHelp(
      "What the disk begins with: a directory, or a file with an ext4 file system.",
      valueName: "seed"
    )
  )
  var seed: String?

  @OptionGroup var owner: SeedOwnerOptions
  @OptionGroup var fileSystem: FileSystemOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var progress: ProgressOptions
  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    if size == nil, seed == nil {
      throw ValidationError("--size is missing: only a disk with a --seed has one by itself")
    }
    if seed == nil, owner.isGiven { throw ValidationError("--owner goes with --seed DIR") }
  }

  func run() async throws {
    let place = try OutputPlace(checking: output)
    let kind = try seed.map { try SeedKind(of: $0) }
    let options = try fileSystem.ext4Options(
      size.map { .exact($0.byteCount) } ?? .automatic(free: nil),
      standardLabel: FileSystemOptions.workDiskLabel
    )
    try options.check()
    let tools = try await E2fsTools.find()
    let result =
      switch (seed, kind) {
      case (let seed?, .directory):
        try await SeedSource(directory: seed, owner: owner.added, option: "--seed")
          .make(at: place, options, tools, cache, progress.style)
      case (let seed?, .file): try await grow(seed, place, tools)
      default:
        try await cancellingOnSignals {
          let result = try await WorkDiskBuilder(tools: tools).make(place.path, options: options)
          outliveSignals()
          return result
        }
      }
    try DiskFacts(result, image: nil, isReproducible: false, origin: .built)
      .show(as: outputOptions.format)
  }

  private func grow(
    _ seed: String,
    _ place: OutputPlace,
    _ tools: E2fsTools
  ) async throws -> Ext4Result {
    if fileSystem.asksForLayout {
      throw CommandFailure(
        .usage,
        "\(seed): a copy has the journal and the features of its seed",
        hint: "leave out --journal-size, --no-journal and --fs-feature, or seed with a directory"
      )
    }
    if owner.isGiven {
      throw CommandFailure(
        .usage,
        "\(seed): a copy has the owners of its seed",
        hint: "leave out --owner, or seed with a directory"
      )
    }
    let label = try fileSystem.label.map { (text) throws(Ext4Error) in try VolumeLabel(text) }
    let byteCount = size?.byteCount
    return try await cancellingOnSignals {
      let result = try await WorkDiskBuilder(tools: tools).grow(
        FilePath(seed),
        to: place.path,
        byteCount: byteCount,
        label: label
      )
      outliveSignals()
      return result
    }
  }
}

/// What a seed is.
private enum SeedKind {
  case directory
  case file

  init(of path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let cause = errno
      throw CommandFailure(
        cause == EACCES ? .notPermitted : .notFound,
        "\(path): \(String(cString: strerror(cause)))",
        hint: "a seed is a directory, or a file with an ext4 file system"
      )
    }
    self = status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
  }
}
