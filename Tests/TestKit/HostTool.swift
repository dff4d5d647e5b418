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
  package struct Output {
    package var output: [UInt8]
    package var error: [UInt8]
    package var status: Int32
  }

  /// Runs a program to its end; its output goes through files, so that no pipe can fill up.
  package static func run(
    _ name: String,
    _ arguments: [String],
    in directory: URL? = nil,
    input: [UInt8] = []
  ) throws -> Output {
    let files = FileManager.default.temporaryDirectory
      .appendingPathComponent("host-tool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: files, withIntermediateDirectories: false)
    defer { attempt { try FileManager.default.removeItem(at: files) } }
    func file(_ name: String, _ content: [UInt8] = []) throws -> URL {
      let url = files.appendingPathComponent(name)
      try Data(content).write(to: url)
      return url
    }
    let (output, error) = (try file("output"), try file("error"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.environment = [
      "LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    process.currentDirectoryURL = directory
    process.standardInput = try FileHandle(forReadingFrom: try file("input", input))
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: error)
    try process.run()
    process.waitUntilExit()
    return Output(
      output: Array(try Data(contentsOf: output)),
      error: Array(try Data(contentsOf: error)),
      status: process.terminationStatus
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
