// Everything that can be wrong with the entries of a layer or with their merge.

package import Offsets

package enum TreeError: Error, Hashable, Sendable {
  /// An entry of a table points outside its pools: the index file is damaged.
  case malformedTable(entry: Int)
  /// More names, paths and attributes than 4 GiB, or more than 2²⁴ entries.
  case tableTooLarge
  /// The tree, or one layer of it, would have more than 2²⁴ nodes or names, or is too large for 32
  /// bits elsewhere.
  case treeTooLarge
  case invalidPath(PathProblem, member: TarOffset)
  /// A whiteout that hides nothing nameable: `.wh.`, `.wh..`, `.wh...`.
  case malformedWhiteout(member: TarOffset)
  /// An entry for the root that is not a directory.
  case rootIsNotADirectory(layer: Int, member: TarOffset)
  case emptySymbolicLink(member: TarOffset)
  /// A hard link to a path that neither this layer nor a lower one has.
  case hardLinkTargetMissing(path: [UInt8], target: [UInt8], layer: Int, member: TarOffset)
  case hardLinkToDirectory(path: [UInt8], target: [UInt8], layer: Int, member: TarOffset)
  /// Symbolic links of one layer that lead to each other without end.
  case symbolicLinkLoop(path: [UInt8], layer: Int, member: TarOffset)
}

extension TreeError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformedTable(let entry): "entry \(entry) of the layer's table is damaged"
    case .tableTooLarge: "more entries or names than one layer's table can hold"
    case .treeTooLarge: "more files than one tree can hold"
    case .invalidPath(let problem, let member): "\(problem) (member at tar byte \(member))"
    case .malformedWhiteout(let member):
      "whiteout that names nothing (member at tar byte \(member))"
    case .rootIsNotADirectory(_, let member):
      "the root is not a directory (member at tar byte \(member))"
    case .emptySymbolicLink(let member):
      "symbolic link without a target (member at tar byte \(member))"
    case .hardLinkTargetMissing(let path, let target, _, let member):
      "\(printable(path)): hard link to \(printable(target)), which does not exist "
        + "(member at tar byte \(member))"
    case .hardLinkToDirectory(let path, let target, _, let member):
      "\(printable(path)): hard link to the directory \(printable(target)) "
        + "(member at tar byte \(member))"
    case .symbolicLinkLoop(let path, _, let member):
      "\(printable(path)): too many levels of symbolic links (member at tar byte \(member))"
    }
  }

  /// The layer, counted from the base, in which the merge met the error.
  package var layer: Int? {
    switch self {
    case .malformedTable, .tableTooLarge, .treeTooLarge, .invalidPath, .malformedWhiteout,
      .emptySymbolicLink:
      nil
    case .rootIsNotADirectory(let layer, _), .symbolicLinkLoop(_, let layer, _),
      .hardLinkTargetMissing(_, _, let layer, _), .hardLinkToDirectory(_, _, let layer, _):
      layer
    }
  }

  private func printable(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }
}
