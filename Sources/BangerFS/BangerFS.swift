// The command: its subcommands, and what happens to an error that none of them handled.

import ArgumentParser
import FileTree
import Glibc

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

      Exit status: 0 done, 1 unclassified (of diff: something differs), 64 usage, 65 the image is \
      invalid, 66 no such image, layer or path, 69 a registry or a tool is unavailable, 73 cannot \
      create the output or the mount, 74 local input or output failed, 75 trying again may help, \
      77 not permitted, 78 a configuration file is wrong, 130 interrupted.
      """,
    version: version,
    subcommands: [
      PullCommand.self, ImagesCommand.self, MountCommand.self, UnmountCommand.self,
      MountsCommand.self, MaterializeCommand.self, SizeCommand.self,
      InjectCommand.self, WorkdiskCommand.self, ListCommand.self, DrawTreeCommand.self,
      StatCommand.self, CatCommand.self, CopyCommand.self, LayersCommand.self,
      SpaceCommand.self, ReportCommand.self, DiffCommand.self, InspectCommand.self,
      DumpCommand.self, CacheCommand.self, DoctorCommand.self,
    ]
  )

  static func main() async {
    StandardStreams.fillGaps()
    do {
      try checkArguments()
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

  /// Names would silently become others: Swift replaces what is not UTF-8 in an argument.
  private static func checkArguments() throws {
    for index in 1..<max(Int(CommandLine.argc), 1) {
      guard let argument = CommandLine.unsafeArgv[index] else { return }
      if String(validatingCString: argument) != nil { continue }
      let bytes = (0..<strlen(argument)).map { UInt8(bitPattern: argument[$0]) }
      throw CommandFailure(
        .usage,
        "argument \(index) is not UTF-8: \(EscapedBytes.string(bytes))",
        hint: "a mount shows files of any name"
      )
    }
  }

  /// Prints what went wrong and exits: our own errors in one line each, ArgumentParser's its own way.
  private static func finish(_ error: any Error) -> Never {
    guard let failure = CommandFailure(error) else { finishParsing(error) }
    StandardError.write("banger-fs: \(TerminalText.line(failure.message))\n")
    if let hint = failure.hint { StandardError.write("hint: \(TerminalText.line(hint))\n") }
    exit(withError: ExitCode(failure.status.rawValue))
  }

  /// Help as it is; a wrong argument, of which the parser repeats any character, without the dangerous.
  private static func finishParsing(_ error: any Error) -> Never {
    let message = fullMessage(for: error)
    guard exitCode(for: error) == .validationFailure, !message.isEmpty else {
      exit(withError: error)
    }
    StandardError.write(TerminalText.lines(message) + "\n")
    exit(withError: ExitCode(ExitStatus.usage.rawValue))
  }
}
