// The command: its subcommands, and what happens to an error that none of them handled.

import ArgumentParser
import FileTree

@main
struct BangerFS: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "banger-fs",
    abstract: "Gives people the file system of an OCI image: at once, and without privileges.",
    discussion: """
      Images are named as docker names them, NAME[:TAG][@DIGEST], and pulled into the cache when \
      they are not there; or as skopeo names them where they lie: oci:DIR[:TAG][@DIGEST], \
      oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG]. Nothing is unpacked: files are read \
      out of the compressed layers, of which indexes are kept in the cache.

      Images are bounded in what they may ask for, each bound for its reason; --limit NAME=VALUE \
      moves one:

      \(Limit.table)

      Exit status: 0 done, 1 unclassified, 64 usage, 65 the image is invalid, 66 no such image, \
      layer or path, 69 a registry or a tool is unavailable, 73 cannot create the output or the \
      mount, 74 local input or output failed, 75 trying again may help, 77 not permitted, 78 a \
      configuration file is wrong, 130 interrupted.
      """,
    version: version,
    subcommands: [
      PullCommand.self, ImagesCommand.self, MountCommand.self, UnmountCommand.self,
      MountsCommand.self, MaterializeCommand.self, SizeCommand.self,
      InjectCommand.self, WorkdiskCommand.self, ListCommand.self, StatCommand.self,
      CatCommand.self, LayersCommand.self, InspectCommand.self, DumpCommand.self,
      CacheCommand.self, DoctorCommand.self,
    ]
  )

  static func main() async {
    StandardStreams.fillGaps()
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      finish(error)
    }
  }

  /// Prints what went wrong and exits: our own errors in one line each, ArgumentParser's its own way.
  private static func finish(_ error: any Error) -> Never {
    guard let failure = CommandFailure(error) else { exit(withError: error) }
    StandardError.write("banger-fs: \(oneLine(failure.message))\n")
    if let hint = failure.hint { StandardError.write("hint: \(oneLine(hint))\n") }
    exit(withError: ExitCode(failure.status.rawValue))
  }

  /// The text without anything that moves a terminal's cursor: paths and names may be anybody's.
  private static func oneLine(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
        result.append(contentsOf: EscapedBytes.string(String(scalar).utf8).unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}
