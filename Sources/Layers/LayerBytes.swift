// Where the bytes of a layer's files are: in its blob, or, for what this machine added, in the scratch
// file.

import FileTree
import Glibc
import ImageStore
import Offsets

enum LayerBytes: Sendable {
  case blob(LayerReader)
  case scratch(ScratchFile)
  /// Of a layer that the tree is not made of: it has no file of it.
  case absent

  /// Fills `buffer` from `offset` on, of the layer's tar stream or of the scratch file.
  ///
  /// - Returns: `false` when that would take decoding that was not allowed.
  func read(
    at offset: TarOffset,
    into buffer: UnsafeMutableRawBufferPointer,
    decoding: Decoding
  ) throws(LayersError) -> Bool {
    switch self {
    case .blob(let reader): return try reader.read(at: offset, into: buffer, decoding: decoding)
    case .scratch(let file):
      do throws(ImageStoreError) {
        if try file.read(at: offset.bytes, into: buffer) == buffer.count { return true }
      } catch {
        throw .scratch(error)
      }
      throw .scratchEndsEarly(at: offset)
    case .absent: throw .scratchEndsEarly(at: offset)
    }
  }

  /// The number of the stretch that `offset` is decoded with; a scratch file is one, as nothing of it is.
  func stretch(at offset: TarOffset) -> Int {
    switch self {
    case .blob(let reader): reader.stretch(at: offset)
    case .scratch, .absent: 0
    }
  }
}
