// A process that looks at a mount for a test, so that the test can kill it when the mount hangs. Says
// what is there on standard output; what must not be is an error.

import FileTree
import Foundation
import TestKit

@main struct MountWitness {
  static func main() {
    do {
      try answer(Array(CommandLine.arguments.dropFirst()))
    } catch {
      FileHandle.standardError.write(Data("mount-witness: \(error)\n".utf8))
      exit(1)
    }
  }

  private static func answer(_ words: [String]) throws {
    switch (words.first, words.count) {
    case ("dump", 2...):
      let isExt4 = words.dropFirst(2).contains("--without-lost-and-found")
      let rows = try DirectoryWitness.rows(of: words[1], leavingOutLostAndFound: isExt4)
      print(DumpRow.text(rows), terminator: "")
    case ("list", 2):
      print(try ListingCheck.check(words[1]), "directories")
    case ("change", 3):
      for attempt in try ChangeAttempts.all(in: words[1], file: words[2]) { print(attempt) }
    case ("compare", 5):
      guard let seed = UInt64(words[3]), let count = Int(words[4]) else { return try usage() }
      var comparison = try ReadComparison(words[1], with: words[2], seed: seed)
      for _ in 0..<count { try comparison.compare() }
      print(comparison.totals)
    default:
      try usage()
    }
  }

  private static func usage() throws {
    throw WitnessFailure(
      description: """
        usage: mount-witness dump DIR [--without-lost-and-found]
               mount-witness list DIR
               mount-witness change DIR FILE
               mount-witness compare DIR ORACLE SEED COUNT
        """
    )
  }
}
