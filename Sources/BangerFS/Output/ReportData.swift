// What the script of a report gets: the parts of the map, column by column, so that thousands of them
// stay small.

import FileTree
import Foundation

struct ReportData: Encodable {
  /// Of each part the place of the directory that holds it; the root's is its own.
  var parents: [Int] = []
  var names: [String] = []
  var bytes: [UInt64] = []
  /// The layer that most of the bytes come from, and how many do.
  var layers: [Int] = []
  var layerBytes: [UInt64] = []
  /// 1 for a directory.
  var directories: [Int] = []
  /// Names in the directory that are no parts, and their bytes.
  var others: [Int] = []
  var otherBytes: [UInt64] = []
  /// Of each layer.
  var hues: [Int]

  /// Longer names are cut: the map has no room for them.
  private static let nameLimit = 100

  init(_ map: SizeMap, layerCount: Int) {
    hues = (0..<layerCount).map(ReportStyle.hue)
    for part in map.parts {
      parents.append(part.parent)
      names.append(ShownText.name(part.name, limit: Self.nameLimit))
      bytes.append(part.byteCount)
      layers.append(part.layer)
      layerBytes.append(part.layerByteCount)
      directories.append(part.isDirectory ? 1 : 0)
      others.append(part.otherCount)
      otherBytes.append(part.otherByteCount)
    }
  }

  /// As it stands in a script element.
  func script() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return HTMLText.script(String(decoding: try encoder.encode(self), as: UTF8.self))
  }
}
