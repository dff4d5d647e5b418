// Where a file comes from: which layer, and which member of it.

import FileTree
import FlatArrays
import Foundation
import ImageStore
import Layers
import OCISpec
import Offsets

struct Origin: Encodable {
  /// Counted from the base; absent where no layer has an entry for a directory.
  var layer: Int?
  var layerDigest: String?
  /// The member's first header byte in the layer's tar stream.
  var memberOffset: UInt64?
  /// The option, with its value, that laid it over the image.
  var addedBy: String?

  init(of node: Node, in image: ResolvedImage, _ opened: OpenedImage) {
    addedBy = opened.additionName(of: node).map { EscapedBytes.string($0.utf8) }
    let layer = Int(node.layer)
    guard node.entry != Node.implicitEntry, let index = opened.index(ofLayer: layer) else { return }
    self.layer = layer
    layerDigest = image.layers[layer].descriptor.digest.description
    let entries = index.table.entries
    if entries.indices.contains(Int(node.entry)) {
      memberOffset = entries[Int(node.entry)].header.bytes
    }
  }

  var lines: [String] {
    if let addedBy { return ["added by: \(addedBy)"] }
    guard let layer, let layerDigest, let memberOffset else {
      return ["layer: none has an entry for this directory"]
    }
    return ["layer: \(layer) \(layerDigest)", "member: at tar byte \(memberOffset)"]
  }
}

/// An extended attribute for JSON: values are bytes.
struct Attribute: Encodable {
  var name: String
  var valueBase64: String

  init(_ attribute: (name: ByteSlice, value: ByteSlice)) {
    name = JSONBytes(attribute.name.array).text
    valueBase64 = Data(attribute.value.array).base64EncodedString()
  }
}
