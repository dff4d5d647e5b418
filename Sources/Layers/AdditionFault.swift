// Everything that can be wrong with what is laid over an image. The option that asked for it stands in
// front of each message: see LayersError.addition.

package import FileTree
package import ImageStore
package import SystemPackage

/// What is wrong with something to be added.
package enum AdditionFault: Error, Equatable, Sendable {
  /// A file of this machine, by the path it was reached by.
  case host([UInt8], HostFault)
  /// A path in the tree, as it was written.
  case guest([UInt8], GuestFault)
  /// Entries made from this machine's files, or their merge.
  case entries(TreeError)
  /// As above, of an archive: errors have positions.
  case members(TreeError)
  indirect case archive(LayersError)
  /// The cache, where contents are kept meanwhile.
  case store(ImageStoreError)
}

/// Why a file of this machine cannot be added.
package enum HostFault: Equatable, Sendable {
  case system(operation: String, Errno)
  /// It was written to, or became another file, again and again while it was read.
  case changed
  case isADirectory
  case notARegularFile
  /// Neither a directory nor something to read an archive from.
  case notAnArchive
  case tooLarge(limit: UInt64)
  case tooManyHoles(limit: Int)
  /// A directory that is its own parent, as a mount can make it.
  case containsItself
}

/// Why a file cannot have a place in the tree.
package enum GuestFault: Hashable, Sendable {
  case path(PathProblem)
  case isRoot
  /// Names that begin with `.wh.` take things away from layers.
  case reservedName
}

extension AdditionFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .host(let path, let fault): "\(EscapedBytes.string(path)): \(fault)"
    case .guest(let path, let fault): "\(EscapedBytes.string(path)): \(fault)"
    case .entries(let error): error.problem
    case .members(let error): "\(error)"
    case .archive(let error): error.problem
    case .store(let error): "\(error)"
    }
  }
}

extension HostFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .system(let operation, let errno): "cannot \(operation): \(errno)"
    case .changed: "changes while it is read"
    case .isADirectory: "is a directory"
    case .notARegularFile: "not a regular file"
    case .notAnArchive: "neither a directory nor an archive"
    case .tooLarge(let limit): "larger than \(limit >> 40) TiB"
    case .tooManyHoles(let limit): "more than \(limit) holes"
    case .containsItself: "the directory contains itself"
    }
  }
}

extension GuestFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .path(let problem): "\(problem)"
    case .isRoot: "names no file"
    case .reservedName: "names that begin with .wh. are reserved"
    }
  }
}

/// Something odd about an addition that has a defined result.
package struct AdditionWarning: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// Sockets cannot be in an image.
    case socket
    /// The cache in which the files are kept meanwhile.
    case cache
    case extendedAttribute(ExtendedAttributeRefusal)
    case merge(TreeWarning.Kind)
    /// Of an archive.
    case archive(LayerWarning.Kind)
  }

  /// The option, with its value.
  package var name: String
  package var kind: Kind
  package var count: Int
  /// The path of the first one, where it has one.
  package var first: [UInt8]?
}

/// Warnings of one addition, counted by kind.
struct AdditionWarnings {
  private(set) var all: [AdditionWarning] = []
  let name: String

  init(_ name: String) {
    self.name = name
  }

  mutating func note(_ kind: AdditionWarning.Kind, at path: [UInt8]?, count: Int = 1) {
    if let known = all.firstIndex(where: { $0.kind == kind }) {
      all[known].count += count
    } else {
      all.append(AdditionWarning(name: name, kind: kind, count: count, first: path))
    }
  }
}
