// Running programs of the machine, for tests that compare with what they say.

package import Foundation

/// What a witness could not find out.
package struct WitnessFailure: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) {
    self.description = description
  }
}

/// Programs of the machine that tests use as witnesses.
package enum HostTool {
  /// Runs a program to its end; it may need the directories of root's programs, and speaks English.
  package static func run(
    _ name: String,
    _ arguments: [String],
    in directory: URL? = nil,
    input: [UInt8] = []
  ) throws -> Outcome {
    try Program.run(
      [name] + arguments,
      environment: [
        "LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ],
      directory: directory?.path,
      input: input
    )
  }

  /// SHA-256 of each file in hexadecimal.
  ///
  /// The names must not need escaping.
  package static func digests(of files: [URL]) throws -> [String] {
    var digests: [String] = []
    // well below the limit on the length of a command
    for start in stride(from: 0, to: files.count, by: 500) {
      let some = files[start..<min(start + 500, files.count)].map(\.path)
      let output = try run("sha256sum", some)
      digests += output.output.split(separator: UInt8(ascii: "\n")).map { line in
        Array(line.prefix(64)).text
      }
    }
    guard digests.count == files.count else {
      throw WitnessFailure(description: "sha256sum: \(digests.count) of \(files.count) files")
    }
    return digests
  }

  /// SHA-256 of `bytes` in hexadecimal.
  package static func digest(of bytes: [UInt8]) throws -> String {
    Array(try run("sha256sum", [], input: bytes).output.prefix(64)).text
  }

  /// For clean-up, whose failure is no failure of the test.
  package static func attempt(_ body: () throws -> Void) {
    do { try body() } catch {}
  }
}
