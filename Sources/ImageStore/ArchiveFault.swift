// Everything that can be wrong with an archive of images, as facts. Knows no path: whoever opened
// the archive says which one it was.

package import OCISpec
package import SeekableCompression
package import TarFormat

/// Why a file cannot be used as an archive of images.
///
/// Names of members are shortened and escaped before they are stored here, so every case is safe to
/// print.
package enum ArchiveFault: Error, Sendable, Equatable {
  // The file.
  case notAFile
  case unsupportedFormat(ForeignFormat)
  case notATarFile
  case tar(TarError)
  case compression(CompressionError)
  /// The file was written to while it was read.
  case changed

  // Its members.
  case tooManyMembers(limit: Int)
  case namesTooLong(limit: Int)
  /// The data of a member would end at `end`, which is behind the end of the archive.
  case memberBeyondEnd(String, at: UInt64, end: UInt64, archive: UInt64)
  case memberMissing(String)
  case memberNotAFile(String)
  case memberIsSparse(String)
  case memberUnsupportedFormat(String, ForeignFormat)
  /// What was decoded of a compressed archive has been removed from the cache meanwhile.
  case decodedFileRemoved(String)
  case linkLeavesArchive(String, target: String)
  case tooManyLinks(String, limit: Int)

  // Its documents.
  case noDockerManifest
  case invalidDocument(String, SpecError)
}

extension ArchiveFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notAFile: "not a file that can be read at any position"
    case .unsupportedFormat(let format): "the archive is \(format.rawValue), which is not supported"
    case .notATarFile: "not a tar archive"
    case .tar(let error): "\(error)"
    case .compression(let error): "\(error)"
    case .changed: "the archive was written to while it was read"
    case .tooManyMembers(let limit): "more than \(limit) members"
    case .namesTooLong(let limit): "the names of its members are longer than \(limit) bytes in all"
    case .noDockerManifest: "not a Docker archive: no manifest.json"
    case .invalidDocument(let name, let error): "\(name): \(error)"
    default: memberDescription
    }
  }

  private var memberDescription: String {
    switch self {
    case .memberBeyondEnd(let name, let at, let end, let archive):
      "\(name): the member at byte \(at) ends at byte \(end), the archive at byte \(archive)"
    case .memberMissing(let name): "\(name): not in the archive"
    case .memberNotAFile(let name): "\(name): not a file in the archive"
    case .memberIsSparse(let name): "\(name): stored as a sparse file, which is not supported here"
    case .memberUnsupportedFormat(let name, let format):
      "\(name): \(format.rawValue) is not supported"
    case .decodedFileRemoved(let name): "\(name): removed from the cache since it was decoded"
    case .linkLeavesArchive(let name, let target):
      "\(name): a link to \(target), which is outside the archive"
    case .tooManyLinks(let name, let limit): "\(name): more than \(limit) links in a row"
    default: "unusable"
    }
  }
}
