// From a reference to an archive to a source of images. A plain archive is read where it is; one
// that is compressed cannot be, and is decoded into the cache once.

package import OCISpec
import SeekableCompression
import SystemPackage

/// Archives of images: image layouts in a tar file, and what `docker save` writes.
package enum ImageArchive {
  /// Opens the archive that `reference` names.
  ///
  /// The source of a Docker archive has the one image that `reference` chooses. The archive stays
  /// open as long as the source or a blob of it lives. Decoding calls `progress` on this thread
  /// with how much of the file was read, and its size; nothing else does.
  ///
  /// - Throws: `.noArchive`; `.badArchive` and the like for what is wrong with it; `.severalImages`
  /// and
  ///   `.noSuchName` for a choice that is missing or wrong; else the system's refusal.
  package static func open(
    _ reference: ArchiveReference,
    cache: ImageCache,
    limits: SpecLimits = SpecLimits(),
    progress: (_ readByteCount: UInt64, _ byteCount: UInt64) -> Void = { _, _ in }
  ) throws(ImageStoreError) -> any ImageSource {
    let path = reference.file.map { CChar(bitPattern: $0) } + [0]
    let file = try ArchiveFile(opening: FilePath(platformString: path))
    let cache = try ArchiveCache(cache)
    let table =
      switch try file.codec() {
      case .identity: try ArchiveScan.table(of: file)
      case .gzip, .zstd:
        try ArchiveDecoder.table(of: file, cache: cache, limits: limits, progress: progress)
      }
    let contents = ArchiveContents(file: file, table: table, cache: cache, limits: limits)
    switch reference.format {
    case .oci: return try ArchivedLayout(contents)
    case .docker:
      return try DockerArchive(contents, name: reference.name, position: reference.position)
    }
  }
}
