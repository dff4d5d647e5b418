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
    #expect(names == Self.usages.map(\.command))
    #expect(try place.names() == [])
  }

  struct Usage: Sendable {
    var command: String
    var usage: String
  }

  private static let image = "<ref> [--platform <platform>] [--follow-dirlinks] [--cache-dir <dir>]"

  static let usages = [
    Usage(
      command: "mount",
      usage: "\(image) <mountpoint> [--foreground] [-o <options> ...] [--log <file>]"
    ),
    Usage(command: "umount", usage: "<mountpoint> [--lazy]"),
    Usage(command: "mounts", usage: "[--format <format>]"),
    Usage(
      command: "materialize",
      usage: "\(image) <output> [--size <size>] [--free <size>] [--label <label>] "
        + "[--format <format>]"
    ),
    Usage(command: "ls", usage: "\(image) [<path>] [--long] [--recursive] [--format <format>]"),
    Usage(command: "stat", usage: "\(image) <path> [--dereference] [--format <format>]"),
    Usage(command: "cat", usage: "\(image) <path> ..."),
    Usage(command: "layers", usage: "\(image) [--warnings] [--format <format>]"),
    Usage(
      command: "inspect",
      usage: "\(image) [--raw-manifest] [--raw-config] [--format <format>]"
    ),
    Usage(command: "dump", usage: "\(image) [--no-content]"),
    Usage(command: "doctor", usage: "[--cache-dir <dir>] [--format <format>]"),
  ]

  @Test(arguments: usages)
  func `every subcommand shows its arguments and explains each`(_ row: Usage) throws {
    let place = try Workplace()
    let help = try place.run(row.command, "--help")
    #expect((help.status, help.errors) == (0, ""))
    #expect(try place.run("help", row.command) == help)
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

  @Test(arguments: usages)
  func `a missing or superfluous argument is a usage error`(_ row: Usage) throws {
    let place = try Workplace()
    let outcome = try place.run(row.command, "--no-such-option")
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(outcome.errors.contains("\nUsage: banger-fs \(row.command)"))
    #expect(try place.names() == [])
  }
}
