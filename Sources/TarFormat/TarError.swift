// What can be wrong with a tar stream, each with the byte where it was found.
// Does not know of layers or members' paths: whoever reads the stream adds those, the path from
// `TarScanner.pathUnderWay`.

package import Offsets

/// A number that a tar stream carries, as error messages call it.
package enum TarField: String, Sendable {
  case mode
  case userID = "uid"
  case groupID = "gid"
  case size
  case modificationTime = "mtime"
  case accessTime = "atime"
  case changeTime = "ctime"
  case deviceMajor = "device major"
  case deviceMinor = "device minor"
  case realSize = "real size of a sparse file"
  case sparseMap = "sparse map"
  case sparseVersion = "sparse version"
}

/// Something `TarLimits` bounds, as error messages call it.
package enum TarLimit: String, Sendable {
  case specialHeader = "extension header"
  case specialHeadersPerMember = "extension headers of one member"
  case path
  case symbolicLinkTarget = "symbolic link target"
  case attributeName = "extended attribute name"
  case attributeValue = "extended attribute value"
  case attributeList = "extended attribute names of one member"
  case sparseSegments = "sparse map"
  case sparseMapText = "text of the sparse map"
  case fileSize = "file"

  fileprivate var verb: String {
    self == .specialHeadersPerMember || self == .attributeList ? "are" : "is"
  }

  fileprivate var unit: String { self == .sparseSegments ? "segments" : "bytes" }
}

/// Everything that makes a tar stream unreadable.
///
/// Every position is a byte of the tar stream: of the field or record at fault where there is one,
/// else of the header block.
package enum TarError: Error, Sendable, Equatable {
  /// The stream ended inside a block, an extension header or a file's data.
  case truncated(at: TarOffset)
  /// The header's checksum fits neither the unsigned nor the signed sum of its bytes.
  case checksumMismatch(at: TarOffset)
  /// A block follows a single zero block; only a second zero block or the end may.
  case dataAfterZeroBlock(at: TarOffset)
  /// A field holds no number, or one beyond 64 bits.
  case badNumber(TarField, at: TarOffset)
  /// A number that its field cannot mean: a negative size, an owner beyond 32 bits.
  case outOfRange(TarField, at: TarOffset)
  /// A type flag that no dialect we know defines.
  case unknownType(UInt8, at: TarOffset)
  /// A type flag we know and cannot serve: multi-volume parts and the like.
  case unsupportedType(UInt8, at: TarOffset)
  /// The archive ends between extension headers and the member they belong to.
  case extensionWithoutMember(at: TarOffset)
  /// A pax record that is not `LENGTH KEY=VALUE\n`.
  case badRecord(at: TarOffset)
  /// A NUL byte in the key or the name value of a pax record.
  case nulInRecord(at: TarOffset)
  /// Two `size` records of one member differ.
  case conflictingSizes(at: TarOffset)
  /// A GNU header and a pax record give one member different names or targets.
  case conflictingNames(at: TarOffset)
  /// An extended attribute that has no name, or whose encoding is broken.
  case badAttribute(at: TarOffset)
  /// A hard or symbolic link to nothing.
  case emptyLinkTarget(at: TarOffset)
  /// A sparse map that is malformed, out of order, beyond the file, or of another size than the
  /// stored data.
  case badSparseMap(at: TarOffset)
  /// A sparse file in a format or on a type of member we do not know.
  case unsupportedSparse(at: TarOffset)
  /// Something is larger than `TarLimits` allows; the limit is in bytes, or segments for
  /// `.sparseSegments`.
  case exceedsLimit(TarLimit, limit: UInt64, at: TarOffset)
}

extension TarError: CustomStringConvertible {
  package var description: String {
    "tar: \(fact.what) at tar byte \(fact.position)"
  }

  private var fact: (what: String, position: TarOffset) {
    switch self {
    case .truncated(let at): ("the stream ends too early", at)
    case .checksumMismatch(let at): ("header checksum does not match", at)
    case .dataAfterZeroBlock(let at): ("data after a single zero block", at)
    case .badNumber(let field, let at): ("\(field.rawValue) is not a number", at)
    case .outOfRange(let field, let at): ("\(field.rawValue) is out of range", at)
    case .unknownType(let flag, let at): ("unknown type flag \(Self.spelling(of: flag))", at)
    case .unsupportedType(let flag, let at):
      ("unsupported type flag \(Self.spelling(of: flag))", at)
    case .extensionWithoutMember(let at): ("extension header without a member", at)
    case .badRecord(let at): ("malformed pax record", at)
    case .nulInRecord(let at): ("NUL in a pax record", at)
    case .conflictingSizes(let at): ("conflicting pax size records", at)
    case .conflictingNames(let at): ("conflicting names in GNU and pax headers", at)
    case .badAttribute(let at): ("malformed extended attribute", at)
    case .emptyLinkTarget(let at): ("empty link target", at)
    case .badSparseMap(let at): ("malformed sparse map", at)
    case .unsupportedSparse(let at): ("unsupported sparse format", at)
    case .exceedsLimit(let what, let limit, let at):
      ("\(what.rawValue) \(what.verb) larger than \(limit) \(what.unit)", at)
    }
  }

  /// Printable ASCII as itself, anything else as a number: flags come from outside.
  private static func spelling(of flag: UInt8) -> String {
    (0x21...0x7e).contains(flag)
      ? "'\(Character(Unicode.Scalar(flag)))'" : "0x\(String(flag, radix: 16))"
  }
}
