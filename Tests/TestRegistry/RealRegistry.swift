// A registry that others wrote: Debian's docker-registry in a process of its own, filled by skopeo.
// Source: distribution 2.8, "Configuring a registry"; skopeo-copy(1).

import Foundation
import Glibc
import TestKit

/// A running docker-registry on a port that the system chose; it ends with its last owner.
package final class RealRegistry {
  private let directory: TemporaryDirectory
  private let program: Program
  private let authority: TestAuthority?
  private let account: (user: String, password: String)?
  package let port: Int

  /// The registry's part of an image's name: `127.0.0.1:4711`.
  package var domain: String { "127.0.0.1:\(port)" }

  /// Starts it, and returns when it listens.
  ///
  /// - Parameters:
  ///   - authority: Who signs its certificate; plain HTTP without.
  ///   - account: The only one who may pull and push; everybody without.
  /// - Throws: What it says where it does not start.
  package init(
    authority: TestAuthority? = nil,
    account: (user: String, password: String)? = nil
  ) throws {
    directory = try TemporaryDirectory()
    self.authority = authority
    self.account = account
    var http = ["http:", "  addr: 127.0.0.1:0"]
    if let authority {
      let identity = try authority.server("docker-registry")
      http += [
        "  tls:", "    certificate: \(identity.certificateFile)", "    key: \(identity.keyFile)",
      ]
    }
    var lines = [
      "version: 0.1", "log:", "  level: info", "  accesslog:", "    disabled: true", "storage:",
      "  filesystem:", "    rootdirectory: \(directory.appending("storage"))",
    ]
    if let account {
      let words = ["htpasswd", "-Bbn", account.user, account.password]
      try Data(try Program.succeed(words))
        .write(to: URL(fileURLWithPath: directory.appending("htpasswd")))
      lines += [
        "auth:", "  htpasswd:", "    realm: test", "    path: \(directory.appending("htpasswd"))",
      ]
    }
    let file = directory.appending("config.yml")
    try Data((lines + http).map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: file))
    program = try Program(
      ["docker-registry", "serve", file],
      environment: ["OTEL_TRACES_EXPORTER": "none"]
    )
    port = try Self.port(of: program)
  }

  deinit { program.send(SIGKILL) }

  /// The port that it says it listens on.
  private static func port(of program: Program) throws -> Int {
    var found: Int?
    try Program.wait(for: "docker-registry") {
      let log = try program.errorsSoFar()
      found = log.firstMatch(of: /listening on [^ ]*:(\d+)/).flatMap { Int($0.output.1) }
      if found == nil, !program.isRunning { throw ProgramFailure("docker-registry: \(log)") }
      return found != nil
    }
    guard let found else { throw ProgramFailure("docker-registry has no port") }
    return found
  }

  /// Copies an image of a layout into it, with skopeo and without changing it.
  ///
  /// - Parameters:
  ///   - layout: `DIR:TAG`.
  ///   - name: `REPOSITORY:TAG`.
  /// - Throws: What skopeo says where it fails.
  package func push(layout: String, as name: String) throws {
    try push("oci:\(layout)", as: name, options: ["--all", "--preserve-digests"])
  }

  /// Copies any image into it, with options for skopeo's `copy`.
  package func push(_ source: String, as name: String, options: [String]) throws {
    try skopeo("dest", [source, "docker://\(domain)/\(name)"], options)
  }

  /// Copies an image out of it with skopeo, to any transport: `oci:DIR:TAG`.
  ///
  /// Out of an index, the image for `platform`, `OS/ARCHITECTURE`.
  package func pull(
    _ name: String,
    to destination: String,
    platform: String = "linux/amd64"
  ) throws {
    let parts = platform.split(separator: "/").map(String.init)
    let words = ["--override-os", parts[0], "--override-arch", parts[1]]
    try skopeo("src", ["docker://\(domain)/\(name)", destination], ["--preserve-digests"], words)
  }

  /// Runs `skopeo copy`; this registry is one side of it, `src` or `dest`.
  private func skopeo(
    _ side: String,
    _ places: [String],
    _ options: [String],
    _ globalOptions: [String] = []
  ) throws {
    var words = ["skopeo", "--insecure-policy"] + globalOptions + ["copy"] + options
    if let authority {
      let certificates = directory.appending("certificates")
      try FileManager.default.createDirectory(
        atPath: certificates,
        withIntermediateDirectories: true
      )
      let copy = certificates + "/ca.crt"
      if !FileManager.default.fileExists(atPath: copy) {
        try FileManager.default.copyItem(atPath: authority.certificateFile, toPath: copy)
      }
      words += ["--\(side)-cert-dir", certificates]
    } else {
      words += ["--\(side)-tls-verify=false"]
    }
    if let account { words += ["--\(side)-creds", "\(account.user):\(account.password)"] }
    // Somebody's own settings must not matter.
    try Program.succeed(words + places, environment: ["HOME": directory.path])
  }
}
