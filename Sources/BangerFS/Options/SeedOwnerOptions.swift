// Whose the files of a directory become that a work disk begins with.

import ArgumentParser
import Layers

struct SeedOwnerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Whose the files of the directory become: UID:GID, or host to keep their owners (default: 0:0).",
      valueName: "uid:gid|host"
    )
  )
  var owner: OverlayOwnerArgument?

  var isGiven: Bool { owner != nil }

  var added: AddedOwner { owner?.owner ?? .root }
}
