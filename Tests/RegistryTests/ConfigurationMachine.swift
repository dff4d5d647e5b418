// A machine of its own for tests of configuration: a home directory, a root, and an environment.

import Foundation
import OCISpec
import Registry
import SystemPackage
import TestKit

/// A user's files in a temporary directory.
struct ConfigurationMachine {
  let directory: TemporaryDirectory
  var environment: [String: String] = [:]
  var userID: UInt32 = 1000

  init() throws {
    directory = try TemporaryDirectory()
    for name in ["home", "root"] {
      try FileManager.default.createDirectory(
        atPath: directory.appending(name),
        withIntermediateDirectories: false
      )
    }
  }

  var places: ConfigurationPlaces {
    ConfigurationPlaces(
      environment: environment,
      home: FilePath(directory.appending("home")),
      root: FilePath(directory.appending("root")),
      userID: userID
    )
  }

  /// Where `home/…` and `root/…` really are.
  func path(_ name: String) -> FilePath {
    FilePath(directory.appending(name))
  }

  func write(_ name: String, _ text: String) throws {
    try write(name, Array(text.utf8))
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = URL(fileURLWithPath: directory.appending(name))
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    try Data(bytes).write(to: file)
  }

  /// Writes a program for the shell into a directory of PATH.
  mutating func writeProgram(_ name: String, _ script: String) throws {
    try write("bin/\(name)", "#!/bin/sh\n\(script)\n")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755],
      ofItemAtPath: directory.appending("bin/\(name)")
    )
    environment["PATH"] = "\(directory.appending("bin")):/usr/bin:/bin"
  }
}

/// The full name in a reference.
func imageName(_ text: String) throws -> ImageName {
  try registryReference(text).dockerName
}

func registryReference(_ text: String) throws -> RegistryReference {
  guard case .registry(let reference) = try Reference(text) else { throw NotAName(text: text) }
  return reference
}

struct NotAName: Error {
  let text: String
}
