// Which image, on which platform, with which cache: what all commands about an image take.

import ArgumentParser
import OCISpec

struct CacheOptions: ParsableArguments {
  @Option(
    name: .customLong("cache-dir"),
    help: ArgumentHelp(
      "Where images and indexes are kept (default: $BANGER_FS_CACHE, or banger/oci in the user's cache).",
      valueName: "dir"
    )
  )
  var cacheDirectory: String?
}

struct PlatformOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The platform, as OS/ARCHITECTURE[/VARIANT].", valueName: "platform"))
  var platform = "linux/amd64"

  func parsed() throws -> Platform { try Platform(parsing: platform) }
}

struct ImageOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      """
      The image: NAME[:TAG][@DIGEST] as docker reads it, oci:DIR[:TAG][@DIGEST], \
      oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG].
      """,
      valueName: "ref"
    )
  )
  var reference: String

  @OptionGroup var platform: PlatformOptions

  @Flag(
    name: .customLong("follow-dirlinks"),
    help: """
      Where a layer puts a file below a symbolic link of a lower layer, put it where the link \
      leads. Otherwise a directory takes the link's place, as overlay file systems show it.
      """
  )
  var followsDirectoryLinks = false

  @Option(
    help: ArgumentHelp(
      """
      How much decoded layers may take in memory, beside what is being read: half of it bytes that \
      may be read again, half of it decoders.
      """,
      valueName: "size"
    )
  )
  var memory = MemoryArgument()

  @OptionGroup var limits: LimitOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var pull: PullOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var progress: ProgressOptions

  /// What the reference was found to mean by the process that started this one in the background.
  @Option(help: .hidden)
  var pinned: String?
}

/// How facts are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

struct OutputOptions: ParsableArguments {
  @Option(help: "How to print: text or json.")
  var format = OutputFormat.text
}
