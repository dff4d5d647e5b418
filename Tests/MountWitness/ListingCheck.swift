// Whether directories list as they must: what readdir says is what lstat says, positions rise and can
// be gone back to, and `..` leads where one came from. Source: POSIX.1-2017, telldir and seekdir.

import Glibc
import TestKit

enum ListingCheck {
  /// Checks all directories from `path` down; how many there are.
  static func check(_ path: String) throws -> Int {
    let root = try OpenDirectory(path)
    // Above the root of a mount is another file system.
    return try check(root, parent: nil)
  }

  private static func check(_ directory: OpenDirectory, parent: OpenDirectory?) throws -> Int {
    let entries = try DirectoryStream(directory).entries()
    guard Set(entries.map(\.name)).count == entries.count else {
      throw WitnessFailure(description: "a name is listed twice")
    }
    try checkPositions(of: directory, entries)
    var count = 1
    for entry in entries {
      if entry.name.elementsEqual("..".utf8) {
        let inode = try parent?.status(of: Array(".".utf8)).st_ino
        try expect(inode == nil || inode == directory.status(of: entry.name).st_ino, entry, "..")
        continue
      }
      let status = try directory.status(of: entry.name)
      try expect(entry.inode == status.st_ino, entry, "inode number")
      // DT_DIR is S_IFDIR without its twelve zeros, and so are the others.
      try expect(UInt32(entry.type) == (status.st_mode & S_IFMT) >> 12, entry, "type")
      if entry.type == UInt8(DT_DIR), !entry.name.elementsEqual(".".utf8) {
        count += try check(try OpenDirectory(entry.name, in: directory), parent: directory)
      }
    }
    return count
  }

  /// Positions rise along a listing, and from each the rest of it is the same again.
  private static func checkPositions(
    of directory: OpenDirectory,
    _ entries: [DirectoryStream.Entry]
  ) throws {
    let stream = try DirectoryStream(directory)
    var positions: [Int] = []
    repeat { positions.append(stream.position) } while try stream.next() != nil
    guard positions.count == entries.count + 1, positions == positions.sorted(),
      Set(positions.dropLast()).count == entries.count
    else { throw WitnessFailure(description: "positions do not rise: \(positions)") }
    // Backwards, and by turns from both ends, in at most some dozen steps.
    let places = Array(positions.indices.dropLast())
    let stride = max(places.count / 24, 1)
    for place in places where place % stride == 0 {
      for place in [place, places.count - 1 - place] {
        stream.position = positions[place]
        try expect(try stream.next() == entries[place], entries[place], "seekdir")
      }
    }
    stream.position = positions[0]
    guard try stream.entries() == entries else {
      throw WitnessFailure(description: "another listing the second time")
    }
  }

  private static func expect(
    _ isRight: Bool,
    _ entry: DirectoryStream.Entry,
    _ what: String
  ) throws {
    guard isRight else {
      let name = String(decoding: entry.name, as: UTF8.self)
      throw WitnessFailure(description: "\(name): wrong \(what)")
    }
  }
}
