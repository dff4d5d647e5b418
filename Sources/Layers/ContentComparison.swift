// Whether files of two opened images have the same bytes: known without decoding where both come from the
// same member of the same layer, and read side by side where they do not.

package import FileTree
import Glibc
import OCISpec

/// Compares the contents of files of two images.
package struct ContentComparison: Sendable {
  private let old: OpenedImage
  private let new: OpenedImage

  private static let pieceByteCount: UInt64 = 1 << 20

  package init(_ old: OpenedImage, _ new: OpenedImage) {
    self.old = old
    self.new = new
  }

  /// Whether a regular file of the old image and one of the new have the same bytes.
  package func isSame(_ oldFile: Node, _ newFile: Node) throws(LayersError) -> Bool {
    if oldFile.size != newFile.size { return false }
    if isSameMember(oldFile, newFile) { return true }
    return try hasSameBytes(oldFile, newFile)
  }

  /// Layers of one diffID are one tar stream, however they are compressed.
  private func isSameMember(_ oldFile: Node, _ newFile: Node) -> Bool {
    guard oldFile.entry == newFile.entry, oldFile.entry != Node.implicitEntry,
      let oldLayer = old.index(ofLayer: Int(oldFile.layer)),
      let newLayer = new.index(ofLayer: Int(newFile.layer))
    else { return false }
    return oldLayer.diffID == newLayer.diffID
  }

  private func hasSameBytes(_ oldFile: Node, _ newFile: Node) throws(LayersError) -> Bool {
    let count = Int(min(oldFile.size, Self.pieceByteCount))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * count, alignment: 16)
    defer { buffer.deallocate() }
    let oldPiece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    let newPiece = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
    var offset: UInt64 = 0
    while offset < oldFile.size {
      let read = try old.files.read(oldFile, at: offset, into: oldPiece)
      guard try new.files.read(newFile, at: offset, into: newPiece) == read,
        read > 0, let first = oldPiece.baseAddress, let second = newPiece.baseAddress,
        memcmp(first, second, read) == 0
      else { return false }
      offset += UInt64(read)
    }
    return true
  }
}
