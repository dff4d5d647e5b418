// Which image, on which platform, with which cache: what all commands about an image take.

import ArgumentParser
import OCISpec

struct CacheOptions: ParsableArguments {
  @Option(
    name: .customLong("cache-dir"),
    help: ArgumentHelp(
      "Where indexes are kept (default: $BANGER_FS_CACHE, or banger/oci in the user's cache).",
      valueName: "dir"
    )
  )
  var cacheDirectory: String?
}

struct ImageOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The image, as oci:DIR[:TAG][@DIGEST].", valueName: "ref"))
  var reference: String

  @Option(help: ArgumentHelp("The platform, as OS/ARCHITECTURE[/VARIANT].", valueName: "platform"))
  var platform = "linux/amd64"

  @Flag(
    name: .customLong("follow-dirlinks"),
    help: """
      Where a layer puts a file below a symbolic link of a lower layer, put it where the link \
      leads. Otherwise a directory takes the link's place, as overlay file systems show it.
      """
  )
  var followsDirectoryLinks = false

  @OptionGroup var cache: CacheOptions
  @OptionGroup var progress: ProgressOptions
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
