// What the command says about itself: the version, and one page of help for each subcommand.

import Foundation
import TestKit
import Testing

struct HelpTests {
  @Test func `the version is printed`() throws {
    expect(try Workplace().run("--version"), is: .success("0.1.0\n"))
  }

  @Test(arguments: Role.all)
  func `without a subcommand the help is printed`(_ role: Role) throws {
    let place = try Workplace(role)
    let help = try place.run("--help")
    #expect((help.status, help.errors) == (0, ""))
    #expect(try place.run() == help)
    let start = try #require(help.text.range(of: "SUBCOMMANDS:\n"))
    let names = help.text[start.upperBound...].split(separator: "\n")
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("See '") }
      .map { String($0.split(separator: " ")[0]) }
    let groups: Set = ["cache", "workdisk"]
    #expect(names.filter { !groups.contains($0) } == Self.usages.map(\.command))
    #expect(try place.names() == [])
  }

  struct Usage: Sendable {
    var command: String
    var usage: String

    var words: [String] { command.split(separator: " ").map(String.init) }
  }

  /// Where there are more than a dozen options they are only explained below.
  private static let image = "[<options>] <ref>"
  private static let pull =
    "<ref> ... [--platform <platform>] [--limit <name=value> ...] [--cache-dir <dir>] "
    + "[--authfile <file>] [--cert-dir <dir>] [--allow-foreign-layers] [--jobs <count>] [--progress <style>] [--quiet] [--format <format>]"

  private static let inject =
    "<file> [<host:guest[:mode[:uid:gid]]> ...] [--overlay <dir|tar> ...] "
    + "[--overlay-owner <uid:gid|host>] [--inject <host:guest[:mode[:uid:gid]]> ...] "
    + "[--enable-unit <name> ...] [--owner-map <first:to:count> ...] [--follow-dirlinks] "
    + "[--limit <name=value> ...] [--cache-dir <dir>] [--progress <style>] [--format <format>]"
  private static let workdisk =
    "<output> [--size <size>] [--seed <seed>] [--owner <uid:gid|host>] [--label <label>] "
    + "[--journal-size <size>] [--no-journal] [--fs-feature <feature> ...] [--cache-dir <dir>] "
    + "[--progress <style>] [--format <format>]"

  static let usages = [
    Usage(command: "pull", usage: pull),
    Usage(command: "images", usage: "[--cache-dir <dir>] [--bytes] [--format <format>]"),
    Usage(command: "mount", usage: "\(image) <mountpoint>"),
    Usage(command: "umount", usage: "<mountpoint> [--lazy]"),
    Usage(command: "mounts", usage: "[--verbose] [--format <format>]"),
    Usage(command: "materialize", usage: "\(image) <output>"),
    Usage(command: "size", usage: image),
    Usage(command: "inject", usage: inject),
    Usage(command: "ls", usage: "\(image) [<path>]"),
    Usage(command: "tree", usage: "\(image) [<path>]"),
    Usage(command: "stat", usage: "\(image) <path>"),
    Usage(command: "cat", usage: "\(image) <path> ..."),
    Usage(command: "cp", usage: "\(image) <path> <host>"),
    Usage(command: "layers", usage: "\(image) [<path>]"),
    Usage(command: "du", usage: "\(image) [<path>]"),
    Usage(command: "report", usage: "\(image) --output <file>"),
    Usage(command: "diff", usage: "\(image) [<other>] [<path>]"),
    Usage(command: "inspect", usage: image),
    Usage(command: "dump", usage: image),
    Usage(command: "doctor", usage: "[--cache-dir <dir>] [--format <format>]"),
  ]

  static let cacheUsages = [
    Usage(command: "cache df", usage: "[--cache-dir <dir>] [--bytes] [--format <format>]"),
    Usage(
      command: "cache verify",
      usage: "[--remove] [--cache-dir <dir>] [--progress <style>] [--format <format>]"
    ),
    Usage(
      command: "cache prune",
      usage: "[--all] [--older-than <age>] [--max-size <size>] [--dry-run] [--cache-dir <dir>] "
        + "[--format <format>]"
    ),
    Usage(command: "cache remove", usage: "<ref> ... [--cache-dir <dir>] [--format <format>]"),
  ]

  static let workdiskUsages = [
    Usage(command: "workdisk new", usage: workdisk),
    Usage(command: "workdisk seed", usage: "[<options>] <output> --from <dir>"),
  ]

  @Test(arguments: usages + cacheUsages + workdiskUsages)
  func `every subcommand shows its arguments and explains each`(_ row: Usage) throws {
    let place = try Workplace()
    let help = try place.start(row.words + ["--help"]).finish()
    #expect((help.status, help.errors) == (0, ""))
    #expect(try place.start(["help"] + row.words).finish() == help)
    let lines = help.text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = try #require(lines.firstIndex { $0.hasPrefix("USAGE: ") })
    let end = try #require(lines[first...].firstIndex(of: ""))
    let usage = lines[first..<end].joined(separator: " ").split(separator: " ")
    #expect(
      usage.joined(separator: " ") == "USAGE: banger-fs \(row.command) \(row.usage)"
    )
    #expect(lines.first?.hasPrefix("OVERVIEW: ") == true)
    #expect(lines.filter { $0.count > 80 && !$0.hasPrefix("USAGE: ") } == [])
    // What is not explained is a line of its own with nothing behind it, and nothing below it.
    let unexplained = zip(lines, lines.dropFirst()).filter { line, next in
      line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.dropFirst(2).contains("  ")
        && !next.hasPrefix("      ")
    }
    #expect(unexplained.map(\.0) == [])
  }

  @Test(arguments: usages + cacheUsages + workdiskUsages)
  func `a missing or superfluous argument is a usage error`(_ row: Usage) throws {
    let place = try Workplace()
    let outcome = try place.start(row.words + ["--no-such-option"]).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(outcome.errors.contains("\nUsage: banger-fs \(row.command)"))
    #expect(try place.names() == [])
  }
}
