// An OCI image layout on disk, read in place: its marker, its index, its blobs. Chooses nothing;
// which of the images is meant is the resolver's business. Never writes.
// Source: OCI image-spec 1.1, image-layout.md.

import Glibc
package import OCISpec
package import SystemPackage

/// An open image layout directory.
///
/// Usable from any thread. Holds the directory open, so that renaming it changes nothing.
package final class ImageLayout: ImageSource {
  package let path: FilePath
  /// The content of `index.json` when the layout was opened.
  package let index: ImageIndex
  package let limits: SpecLimits
  private let directory: DirectoryHandle

  /// Opens the layout at `path`, which may itself be a symbolic link; nothing below it may.
  ///
  /// - Throws: `.noLayout` when there is no such directory, `.notALayout` when it is another kind.
  package init(
    opening path: FilePath,
    limits: SpecLimits = SpecLimits()
  ) throws(ImageStoreError) {
    self.limits = limits
    do {
      directory = try DirectoryHandle.open(path)
    } catch Errno.noSuchFileOrDirectory, Errno.notDirectory {
      throw .noLayout(path)
    } catch {
      throw .system("open", path, error)
    }
    self.path = path
    let (markerName, indexName) = ("oci-layout", "index.json")
    let marker = ImageStoreError.Document.layoutMarker(path.appending(markerName))
    let version = try Self.file(markerName, marker, in: directory)
    _ = try parsing(marker) { () throws(SpecError) in try LayoutVersion(parsing: version) }
    let document = ImageStoreError.Document.layoutIndex(path.appending(indexName))
    let text = try Self.file(indexName, document, in: directory, limits: limits)
    index = try parsing(document) { () throws(SpecError) in
      try ImageIndex(parsingLayoutIndex: text, limits: limits)
    }
  }

  /// Opens a blob and checks its type and size, not its content.
  ///
  /// - Throws: `.blobMissing`, `.blobNotAPlainFile`, `.blobSizeMismatch`, or the system's refusal.
  package func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile {
    try BlobFile.open(blob, in: directory)
  }

  /// Where a blob is, for messages; use `openBlob` to read it.
  package func place(of digest: Digest) -> FilePath {
    path.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
  }

  /// Reads one of the two files that no descriptor points to.
  static func file(
    _ name: String,
    _ document: ImageStoreError.Document,
    in directory: DirectoryHandle,
    limits: SpecLimits = SpecLimits()
  ) throws(ImageStoreError) -> [UInt8] {
    let path = directory.path.appending(name)
    let descriptor: FileDescriptor
    do {
      descriptor = try directory.openFile(name, O_RDONLY)
    } catch Errno.noSuchFileOrDirectory {
      throw .notALayout(directory.path, missing: name)
    } catch Errno.tooManySymbolicLinkLevels {
      throw .notAPlainFile(path, isLink: true)
    } catch Errno.noSuchAddressOrDevice, Errno.operationNotSupportedByDevice {
      // A socket, or a device without a driver.
      throw .notAPlainFile(path, isLink: false)
    } catch {
      throw .system("open", path, error)
    }
    defer { descriptor.closeIgnoringErrors() }
    do throws(ReadFault) {
      return try contents(of: descriptor, upTo: limits.documentByteCount)
    } catch {
      switch error {
      case .oversized(let byteCount):
        let limit = limits.documentByteCount
        throw .invalidDocument(document, .documentTooLarge(byteCount: byteCount, limit: limit))
      case .notRegular: throw .notAPlainFile(path, isLink: false)
      case .system(let errno): throw .system("read", path, errno)
      }
    }
  }

  private enum ReadFault: Error {
    case oversized(UInt64)
    case notRegular
    case system(Errno)
  }

  /// The bytes of a regular file of bounded size; growth meanwhile is not read.
  private static func contents(
    of descriptor: FileDescriptor,
    upTo limit: UInt64
  ) throws(ReadFault) -> [UInt8] {
    let status: stat
    do { status = try fileStatus(of: descriptor) } catch { throw .system(error) }
    guard status.isRegularFile else { throw .notRegular }
    let byteCount = UInt64(clamping: status.st_size)
    guard byteCount <= limit else { throw .oversized(byteCount) }
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    do {
      let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
        try descriptor.readFully(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
      }
      return Array(bytes.prefix(count))
    } catch {
      throw .system(error)
    }
  }
}
