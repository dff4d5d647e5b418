// Everything that can be wrong with the entries of a layer or with their merge.

package import Offsets

package enum TreeError: Error, Hashable, Sendable {
  /// An entry of a table points outside its pools: the index file is damaged.
  case malformedTable(entry: Int)
  /// More names, paths and attributes than 4 GiB.
  case tableTooLarge
  /// A table of more bytes than `TreeLimits` allows.
  case tooManyTableBytes(limit: Int, member: TarOffset)
  /// The tree, or one layer of it, is too large for numbers of 32 bits, or has too many layers for
  /// one of 16.
  case treeTooLarge
  /// More entries in one layer than `TreeLimits` allows.
  case tooManyEntries(limit: Int, member: TarOffset)
  /// The tree, or one layer of it, would have more files or names than `TreeLimits` allows.
  case tooManyFiles(limit: Int)
  /// `path` is as the archive has it.
  case invalidPath(PathProblem, path: [UInt8], member: TarOffset)
  /// A whiteout that hides nothing nameable: `.wh.`, `.wh..`, `.wh...`.
  case malformedWhiteout(path: [UInt8], member: TarOffset)
  /// An entry for the root that is not a directory.
  case rootIsNotADirectory(layer: Int, member: TarOffset)
  case emptySymbolicLink(path: [UInt8], member: TarOffset)
  /// A hard link to a path that neither this layer nor a lower one has.
  case hardLinkTargetMissing(path: [UInt8], target: [UInt8], layer: Int, member: TarOffset)
  case hardLinkToDirectory(path: [UInt8], target: [UInt8], layer: Int, member: TarOffset)
  /// A hard link whose target is, by way of others, the link itself.
  case hardLinkLoop(path: [UInt8], target: [UInt8], layer: Int, member: TarOffset)
  /// Symbolic links of one layer that lead to each other without end.
  case symbolicLinkLoop(path: [UInt8], layer: Int, member: TarOffset)
  /// Behind symbolic links the path is longer than any may be.
  case pathBehindLinksTooLong(path: [UInt8], layer: Int, member: TarOffset)
  /// Up to this member, paths lead through more bytes of links' targets than `TreeLimits` allows.
  case tooManyLinkBytes(limit: UInt64, path: [UInt8], layer: Int, member: TarOffset)
  /// An added layer's path leads through a symbolic link of the image that is not to be followed.
  case lowerSymbolicLink(
    path: [UInt8],
    link: [UInt8],
    target: [UInt8],
    layer: Int,
    member: TarOffset
  )
  /// An added file's path is a directory.
  case directoryInTheWay(path: [UInt8], layer: Int, member: TarOffset)
  /// An added file's path leads through something that is neither a directory nor a link.
  case parentIsNotADirectory(path: [UInt8], parent: [UInt8], layer: Int, member: TarOffset)
  /// Not `[u:|g:]FIRST:TO:COUNT`, or ids that there are none of.
  case malformedOwnerRange(String)
  /// A range of an owner map with an id that another one has, inside or outside.
  case overlappingOwnerRanges(String)
  /// An id of a file, of its access control list, or of the root that its capabilities are for.
  case ownerNotMapped(OwnerKind, id: UInt32, path: [UInt8])
}

extension TreeError: CustomStringConvertible {
  package var description: String {
    member.map { "\(problem) (member at tar byte \($0))" } ?? problem
  }

  /// The error without the member's position, for layers that are no tar streams.
  package var problem: String {
    switch self {
    case .malformedTable(let entry): "entry \(entry) of the layer's table is damaged"
    case .tableTooLarge: "more names and attributes than one layer's table can hold"
    case .treeTooLarge: "more names and attributes than one tree can hold"
    case .tooManyEntries(let limit, _): "more than \(limit) entries in one layer"
    case .tooManyTableBytes(let limit, _):
      "more than \(limit) bytes of entries, names, attributes and sparse files' runs in one layer"
    case .tooManyFiles(let limit): "more than \(limit) files or names in one tree"
    case .invalidPath(let problem, let path, _): "\(raw(path)): \(problem)"
    case .malformedWhiteout(let path, _): "\(raw(path)): whiteout that names nothing"
    case .rootIsNotADirectory: "the root is not a directory"
    case .emptySymbolicLink(let path, _): "\(printable(path)): symbolic link without a target"
    case .hardLinkTargetMissing(let path, let target, _, _):
      "\(printable(path)): hard link to \(printable(target)), which does not exist"
    case .hardLinkToDirectory(let path, let target, _, _):
      "\(printable(path)): hard link to the directory \(printable(target))"
    case .hardLinkLoop(let path, let target, _, _):
      "\(printable(path)): hard link to \(printable(target)), which leads back to it"
    case .symbolicLinkLoop(let path, _, _):
      "\(printable(path)): too many levels of symbolic links"
    case .pathBehindLinksTooLong(let path, _, _):
      "\(printable(path)): leads to a path over \(EntryPath.pathLimit) bytes"
    case .tooManyLinkBytes(let limit, let path, _, _):
      "\(printable(path)): paths up to here lead through more than \(limit) bytes of symbolic "
        + "links' targets"
    case .lowerSymbolicLink(let path, let link, let target, _, _):
      "\(printable(path)): \(printable(link)) is a symbolic link to "
        + "\(EscapedBytes.string(target)) in the image"
    case .directoryInTheWay(let path, _, _): "\(printable(path)): is a directory in the image"
    case .parentIsNotADirectory(let path, let parent, _, _):
      "\(printable(path)): \(printable(parent)) is not a directory in the image"
    case .malformedOwnerRange(let text):
      "\(text): not an owner range: FIRST:TO:COUNT, with u: or g: in front for one kind of ids"
    case .overlappingOwnerRanges(let text):
      "\(text): another owner range has some of these ids, inside or outside"
    case .ownerNotMapped(let kind, let id, let path):
      "\(printable(path)): no owner range has \(kind) \(id)"
    }
  }

  /// The layer, counted from the base, in which the merge met the error.
  package var layer: Int? {
    switch self {
    case .malformedTable, .tableTooLarge, .treeTooLarge, .tooManyEntries, .tooManyTableBytes,
      .tooManyFiles, .invalidPath, .malformedWhiteout, .emptySymbolicLink, .malformedOwnerRange,
      .overlappingOwnerRanges, .ownerNotMapped:
      nil
    case .rootIsNotADirectory(let layer, _), .symbolicLinkLoop(_, let layer, _),
      .pathBehindLinksTooLong(_, let layer, _), .tooManyLinkBytes(_, _, let layer, _),
      .hardLinkLoop(_, _, let layer, _),
      .hardLinkTargetMissing(_, _, let layer, _), .hardLinkToDirectory(_, _, let layer, _),
      .lowerSymbolicLink(_, _, _, let layer, _), .directoryInTheWay(_, let layer, _),
      .parentIsNotADirectory(_, _, let layer, _):
      layer
    }
  }

  /// The position of the member that it is about, in its layer's tar stream.
  package var member: TarOffset? {
    switch self {
    case .malformedTable, .tableTooLarge, .treeTooLarge, .tooManyFiles, .malformedOwnerRange,
      .overlappingOwnerRanges, .ownerNotMapped:
      nil
    case .tooManyEntries(_, let member), .tooManyTableBytes(_, let member),
      .invalidPath(_, _, let member), .tooManyLinkBytes(_, _, _, let member),
      .hardLinkLoop(_, _, _, let member),
      .malformedWhiteout(_, let member),
      .rootIsNotADirectory(_, let member), .emptySymbolicLink(_, let member),
      .pathBehindLinksTooLong(_, _, let member),
      .hardLinkTargetMissing(_, _, _, let member), .hardLinkToDirectory(_, _, _, let member),
      .symbolicLinkLoop(_, _, let member), .lowerSymbolicLink(_, _, _, _, let member),
      .directoryInTheWay(_, _, let member), .parentIsNotADirectory(_, _, _, let member):
      member
    }
  }

  /// Where an added layer's path leads that was refused for a symbolic link on its way; the rest of
  /// it may meet another one.
  package var pathBehindLink: [UInt8]? {
    guard case .lowerSymbolicLink(let path, let link, let target, _, _) = self else { return nil }
    let slash = [UInt8(ascii: "/")]
    let isAbsolute = target.first == slash[0]
    // A way through /lib was followed to /usr/lib: the path then says less than the link's.
    let count = link.count { $0 == slash[0] } + 1
    let rest = path.split(separator: slash[0]).dropFirst(
      isMerged(link, in: path) ? count - 1 : count
    )
    let start = isAbsolute ? target : EntryPath.split(link).directory + slash + target
    let whole = Array(start) + rest.flatMap { slash + $0 }
    do { return try EntryPath.normalize(whole, aboveRoot: .clamp) } catch { return nil }
  }

  private func isMerged(_ link: [UInt8], in path: [UInt8]) -> Bool {
    !path.starts(with: link)
  }

  private func printable(_ path: [UInt8]) -> String { "/" + raw(path) }

  private func raw(_ path: [UInt8]) -> String { EscapedBytes.path(path) }
}
