// What a file system is made like: the options that all commands share that make one.

import ArgumentParser
import Ext4Image

/// Label, journal and features.
struct FileSystemOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The volume label, at most 16 bytes (default: banger-rootfs, of a work disk banger-work).",
      valueName: "label"
    )
  )
  var label: String?

  @Option(
    name: .customLong("journal-size"),
    help: ArgumentHelp(
      "The journal's size, like 16M (default: what mkfs.ext4 takes for the size).",
      valueName: "size"
    )
  )
  var journalSize: ByteCountArgument?

  @Flag(name: .customLong("no-journal"), help: "Make no journal.")
  var hasNoJournal = false

  @Option(
    name: .customLong("fs-feature"),
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      A feature of ext4 to turn on, or off with ^ in front, as mkfs.ext4 -O names it; may be given \
      several times.
      """,
      valueName: "feature"
    )
  )
  var features: [String] = []

  func validate() throws {
    if hasNoJournal, journalSize != nil {
      throw ValidationError("--no-journal contradicts --journal-size")
    }
  }

  /// Whether anything but the label was asked for.
  var asksForLayout: Bool { journalSize != nil || hasNoJournal || !features.isEmpty }

  static let workDiskLabel = "banger-work"

  /// The options for mkfs.ext4, with an identity that is still to be chosen.
  func ext4Options(
    _ size: Ext4Size,
    standardLabel: String = VolumeLabel.standard.text
  ) throws(Ext4Error) -> Ext4Options {
    Ext4Options(
      size: size,
      label: try VolumeLabel(label ?? standardLabel),
      journal: journal,
      features: try Ext4Features(features),
      identity: .random
    )
  }

  private var journal: Ext4Journal {
    if hasNoJournal { return .none }
    return journalSize.map { .byteCount($0.byteCount) } ?? .standard
  }
}

/// How large the file becomes.
struct SizeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The file's size, like 4G, or auto.", valueName: "size"))
  var size = SizeArgument.automatic

  @Option(
    help: ArgumentHelp(
      "Free space beside the content, with --size auto (default: 256M or 20 %, the larger).",
      valueName: "size"
    )
  )
  var free: ByteCountArgument?

  func validate() throws {
    if case .exact = size, free != nil {
      throw ValidationError("--free goes with --size auto")
    }
  }

  /// Whether anything but the standard was asked for.
  var isGiven: Bool { size != .automatic || free != nil }

  var ext4Size: Ext4Size {
    switch size {
    case .automatic: .automatic(free: free?.byteCount)
    case .exact(let byteCount): .exact(byteCount)
    }
  }
}
