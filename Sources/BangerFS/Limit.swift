// The bounds that people can move, by name: what each is for, how far it goes, and where its value goes.
// Bounds that Linux sets (names, link targets, extended attributes) cannot be moved.

import FileTree
import Layers
import OCISpec
import SeekableCompression
import TarFormat

/// What an image may ask for, in all.
struct Limits: Equatable {
  var layers = LayerLimits()
  var documents = SpecLimits()
}

/// A bound on what an image may ask for; raw values are its names on the command line.
enum Limit: String, CaseIterable {
  case layerSize = "layer-size"
  case layerRatio = "layer-ratio"
  case zstdWindow = "zstd-window"
  case fileSize = "file-size"
  case entries
  case tableSize = "table-size"
  case extensionHeader = "extension-header"
  case sparseSegments = "sparse-segments"
  case documentSize = "document-size"
  case layers

  /// What it bounds, and why.
  var reason: String {
    switch self {
    case .layerSize: "what one layer decodes to; it is read whole, once"
    case .layerRatio: "what it decodes to, by its stored size, beyond 4 GiB"
    case .zstdWindow: "memory that decoding a zstd layer takes"
    case .fileSize: "one file with its holes, which cost a layer nothing"
    case .entries: "of one layer, and files of one image; held in memory"
    case .tableSize: "entries, names, attributes of one layer, in memory"
    case .extensionHeader: "names and attributes of one file, held in memory"
    case .sparseSegments: "runs of data in one sparse file, held in memory"
    case .documentSize: "a manifest, index or configuration, held in memory"
    case .layers: "of one image; each takes an open file"
    }
  }

  /// Whether it counts bytes, and may be written with K, M, G or T.
  var isInBytes: Bool {
    switch self {
    case .layerSize, .zstdWindow, .fileSize, .tableSize, .extensionHeader, .documentSize: true
    case .layerRatio, .entries, .sparseSegments, .layers: false
    }
  }

  /// As far as it goes.
  ///
  /// Sizes in a tar stream, and what is said of them, are numbers of 63 bits.
  var largest: UInt64 {
    switch self {
    case .zstdWindow: CompressionLimits.largestZstdWindowByteCount
    case .entries: UInt64(TreeLimits.largestEntryCount)
    case .documentSize: SpecLimits.highest.documentByteCount
    case .layers: UInt64(SpecLimits.highest.layerCount)
    // A table of a layer points into its segments with 32 bits.
    case .sparseSegments: UInt64(UInt32.max)
    case .extensionHeader: 1 << 30
    case .layerSize, .layerRatio, .fileSize, .tableSize: UInt64(Int64.max)
    }
  }

  var standard: UInt64 { Limits()[self] }
}

extension Limits {
  subscript(limit: Limit) -> UInt64 {
    get {
      switch limit {
      case .layerSize: layers.compression.decodedByteCount
      case .layerRatio: layers.compression.ratio
      case .zstdWindow: layers.compression.zstdWindowByteCount
      case .fileSize: layers.tar.fileSize
      case .entries: UInt64(layers.tree.entryCount)
      case .tableSize: UInt64(layers.tree.tableByteCount)
      case .extensionHeader: UInt64(layers.tar.specialHeader)
      case .sparseSegments: UInt64(layers.tar.sparseSegments)
      case .documentSize: documents.documentByteCount
      case .layers: UInt64(documents.layerCount)
      }
    }
    set {
      let count = Int(clamping: newValue)
      switch limit {
      case .layerSize: layers.compression.decodedByteCount = newValue
      case .layerRatio: layers.compression.ratio = newValue
      case .zstdWindow: layers.compression.zstdWindowByteCount = newValue
      case .fileSize: layers.tar.fileSize = newValue
      case .entries: layers.tree.entryCount = count
      case .tableSize: layers.tree.tableByteCount = count
      case .extensionHeader: layers.tar.setSpecialHeader(count)
      case .sparseSegments: layers.tar.setSparseSegments(count)
      case .documentSize: documents.documentByteCount = newValue
      case .layers: documents.layerCount = count
      }
    }
  }
}

// MARK: - Text

extension Limit {
  /// A value as it is written on the command line.
  func text(_ value: UInt64) -> String {
    guard isInBytes else { return "\(value)" }
    for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)]
    where value > 0 && value & (1 << shift - 1) == 0 {
      return "\(value >> shift)\(unit)"
    }
    return "\(value)"
  }

  /// The value that `text` stands for; `nil` where it stands for none that the bound can have.
  func value(_ text: String) -> UInt64? {
    let value = isInBytes ? ByteCountArgument(argument: text)?.byteCount : UInt64(text)
    guard let value, (1...largest).contains(value) else { return nil }
    return value
  }

  /// All of them with their defaults and reasons, a line each.
  static var table: String {
    let width = allCases.reduce(0) { max($0, $1.setting.count) }
    return allCases.map { limit in
      let padding = String(repeating: " ", count: width - limit.setting.count)
      return "  \(limit.setting)\(padding)  \(limit.reason)"
    }.joined(separator: "\n")
  }

  private var setting: String { "\(rawValue)=\(text(standard))" }
}
