// Paths inside a layer: from the bytes an archive holds to components that can be looked up. Textual
// only; symbolic links are the merge's business. Source: image-spec layer.md, "File Attributes".

/// What is wrong with a path of an archive.
package enum PathProblem: Hashable, Sendable {
  /// `..` leads above the root.
  case leavesRoot
  /// A component over 255 bytes: neither FUSE nor ext4 can hold it.
  case componentTooLong
  /// More than 64 KiB in all.
  case tooLong
  /// A NUL byte inside.
  case containsNUL
  /// A symbolic link's target of 4096 bytes or more: no Linux file system can give it back.
  case linkTargetTooLong
}

/// A normal form for paths: components joined by `/`, none of them empty, `.` or `..`, no slash at
/// either end.
///
/// The root is the empty path.
package enum EntryPath {
  /// NAME_MAX of Linux file systems.
  package static let componentLimit = 255
  /// Far beyond PATH_MAX, which bounds one system call and not a tree; bounds memory per entry.
  package static let pathLimit = 64 << 10
  /// PATH_MAX of Linux, 4096, less the NUL byte: what readlink(2) can give back of any file system.
  package static let linkTargetLimit = 4096 - 1

  /// What to do with a `..` that would leave the root.
  package enum AboveRoot: Sendable {
    case refuse
    /// Stay at the root, as chroot(2) does: for the targets of links.
    case clamp
  }

  /// The normal form of `raw`.
  ///
  /// A leading slash, `.` and empty components fall away; `..` takes back the component before it,
  /// textually.
  package static func normalize(
    _ raw: [UInt8],
    aboveRoot: AboveRoot = .refuse
  ) throws(EntryPathError) -> [UInt8] {
    if raw.count > pathLimit { throw EntryPathError(problem: .tooLong) }
    if isNormal(raw) { return raw }
    var path: [UInt8] = []
    path.reserveCapacity(raw.count)
    var start = 0
    while start < raw.count {
      var end = start
      while end < raw.count, raw[end] != UInt8(ascii: "/") { end += 1 }
      try append(raw[start..<end], to: &path, aboveRoot: aboveRoot)
      start = end + 1
    }
    return path
  }

  /// Whether nothing needs to be done: so most paths are, and nothing is allocated for them.
  private static func isNormal(_ path: [UInt8]) -> Bool {
    let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))
    var byteCount = 0
    var dotCount = 0
    for byte in path {
      if byte != slash {
        if byte == 0 { return false }
        byteCount += 1
        if byte == dot { dotCount += 1 }
      } else {
        if byteCount > componentLimit || (byteCount == dotCount && byteCount <= 2) { return false }
        (byteCount, dotCount) = (0, 0)
      }
    }
    // The root is nothing; a path that ends in a slash is no normal one.
    if path.isEmpty { return true }
    return byteCount <= componentLimit && (byteCount != dotCount || byteCount > 2)
  }

  private static func append(
    _ component: ArraySlice<UInt8>,
    to path: inout [UInt8],
    aboveRoot: AboveRoot
  ) throws(EntryPathError) {
    let dots = component.count <= 2 && component.allSatisfy { $0 == UInt8(ascii: ".") }
    if dots {
      if component.count == 2 { try removeLast(of: &path, aboveRoot: aboveRoot) }
      return
    }
    if component.count > componentLimit { throw EntryPathError(problem: .componentTooLong) }
    if component.contains(0) { throw EntryPathError(problem: .containsNUL) }
    if !path.isEmpty { path.append(UInt8(ascii: "/")) }
    path += component
  }

  private static func removeLast(
    of path: inout [UInt8],
    aboveRoot: AboveRoot
  ) throws(EntryPathError) {
    if path.isEmpty, aboveRoot == .refuse { throw EntryPathError(problem: .leavesRoot) }
    path.removeLast(path.count - (path.lastIndex(of: UInt8(ascii: "/")) ?? 0))
  }

  /// Splits a normal path into the directory's path and the last component.
  ///
  /// The root gives two empty halves.
  package static func split(
    _ path: [UInt8]
  ) -> (directory: ArraySlice<UInt8>, name: ArraySlice<UInt8>) {
    guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return ([], path[...]) }
    return (path[..<slash], path[(slash + 1)...])
  }
}

/// A path that cannot be put into normal form.
package struct EntryPathError: Error, Hashable {
  package var problem: PathProblem
}

extension PathProblem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .leavesRoot: "path leaves the root"
    case .componentTooLong: "path component over \(EntryPath.componentLimit) bytes"
    case .tooLong: "path over \(EntryPath.pathLimit) bytes"
    case .containsNUL: "path contains a NUL byte"
    case .linkTargetTooLong: "link target over \(EntryPath.linkTargetLimit) bytes"
    }
  }
}
