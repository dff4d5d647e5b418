// Where the user's machine says how registries are to be used: the environment, the home directory and
// the system's directories, as values, so that tests have their own. Reads no file.
// Source: XDG Base Directory Specification 0.8.

package import SystemPackage

/// The environment and the directories that configuration is looked for in.
package struct ConfigurationPlaces: Sendable, Hashable {
  package let environment: [String: String]
  /// The user's home directory; `nil` where there is none, and then nothing in it is read.
  package let home: FilePath?
  /// What stands for `/` in the system's own places.
  package let root: FilePath
  /// The user whose files these are.
  package let userID: UInt32

  package init(
    environment: [String: String],
    home: FilePath?,
    root: FilePath = "/",
    userID: UInt32
  ) {
    self.environment = environment
    self.home = home
    self.root = root
    self.userID = userID
  }

  /// The places of a real user: `$HOME`, where it is an absolute path, and `/`.
  package init(environment: [String: String], userID: UInt32) {
    let home = environment["HOME"].map { FilePath($0) }
    self.init(
      environment: environment,
      home: home.flatMap { $0.isAbsolute ? $0 : nil },
      userID: userID
    )
  }

  /// A variable's value; an empty one is none.
  func variable(_ name: String) -> String? {
    environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A directory that a variable of the XDG specification names: a relative one is ignored.
  func directory(_ name: String) -> FilePath? {
    variable(name).map { FilePath($0) }.flatMap { $0.isAbsolute ? $0 : nil }
  }

  /// A path below the home directory.
  func inHome(_ path: String) -> FilePath? {
    home?.appending(path)
  }

  /// A path of the system, without its leading slash.
  func inRoot(_ path: String) -> FilePath {
    root.appending(path)
  }

  /// The path as people write it: `~/.docker/config.json`.
  func words(_ path: FilePath) -> String {
    var rest = path
    guard let home, !home.isEmpty, rest.removePrefix(home), !rest.isEmpty else {
      return path.string
    }
    return "~/\(rest)"
  }
}
