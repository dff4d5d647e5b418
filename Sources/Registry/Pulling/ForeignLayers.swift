// Layers that a registry may not hand on, and the addresses that a manifest gives for them.
// Source: OCI image-spec 1.1, layer.md "Non-Distributable Layers", descriptor.md (`urls`).

import FoundationEssentials
import OCISpec

/// The addresses of the layers of one manifest.
struct ForeignLayers: Sendable {
  private let urls: [[String]]

  /// Most addresses of one layer that are tried: 4.
  private static let count = 4

  /// Reads a manifest that has been parsed and found right before.
  init(manifest bytes: [UInt8]) {
    do {
      let wire = try JSONDecoder().decode(Wire.self, from: Data(bytes))
      urls = wire.layers.map { Array(($0.urls ?? []).prefix(Self.count)) }
    } catch {
      urls = []
    }
  }

  /// The addresses of a layer, counted from the base.
  func addresses(ofLayer index: Int) -> [String] {
    urls.indices.contains(index) ? urls[index] : []
  }

  private struct Wire: Decodable {
    let layers: [WireLayer]
  }

  private struct WireLayer: Decodable {
    let urls: [String]?
  }
}

extension Descriptor {
  /// Whether registries are expected not to have this layer.
  var isForeign: Bool {
    if case .layer(_, isDistributable: false) = mediaType.kind { true } else { false }
  }
}
