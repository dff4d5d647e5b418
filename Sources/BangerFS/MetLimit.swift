// From an error to the bound that caused it, and what to do about that.

import FileTree
import ImageStore
import Layers
import OCISpec
import Registry
import SeekableCompression
import TarFormat

/// A bound that an image went beyond.
struct MetLimit: Equatable {
  let limit: Limit
  /// Its value, in its own unit.
  let value: UInt64
  /// What would have been enough, where that is known.
  var wanted: UInt64?

  /// How to move it; `nil` where it cannot be moved so far.
  var hint: String? {
    let twice = value.multipliedReportingOverflow(by: 2)
    let larger = wanted ?? (twice.overflow ? limit.largest : min(twice.partialValue, limit.largest))
    guard larger > value, larger <= limit.largest else { return nil }
    return "if you trust the image, let it have more with --limit "
      + "\(limit.rawValue)=\(limit.text(larger))"
  }
}

extension MetLimit {
  /// `nil` for errors that no bound caused, and for bounds that cannot be moved.
  init?(_ error: LayersError) {
    switch error {
    case .compression(_, let error): self.init(error)
    case .tar(_, _, let error): self.init(error)
    case .entries(_, let error), .merge(let error): self.init(error)
    case .store(_, let error): self.init(error)
    case .addition(_, .archive(let error)): self.init(error)
    case .addition(_, .members(let error)): self.init(error)
    default: return nil
    }
  }

  init?(_ error: CompressionError) {
    switch error {
    case .tooLarge(.decodedByteCount, let limit, _): self.init(limit: .layerSize, value: limit)
    case .tooLarge(.ratio(let ratio), _, _): self.init(limit: .layerRatio, value: ratio)
    case .windowTooLarge(let byteCount, let limit, _):
      self.init(limit: .zstdWindow, value: limit, wanted: byteCount)
    default: return nil
    }
  }

  init?(_ error: TarError) {
    guard case .exceedsLimit(let what, let value, _) = error else { return nil }
    switch what {
    case .fileSize: self.init(limit: .fileSize, value: value)
    case .specialHeader: self.init(limit: .extensionHeader, value: value)
    case .sparseSegments: self.init(limit: .sparseSegments, value: value)
    // Those two follow from the others: see TarLimits.
    case .specialHeadersPerMember: self.init(limit: .extensionHeader, value: value / 4)
    case .sparseMapText: self.init(limit: .sparseSegments, value: value / 8)
    case .path, .symbolicLinkTarget, .attributeName, .attributeValue, .attributeList: return nil
    }
  }

  init?(_ error: TreeError) {
    switch error {
    case .tooManyEntries(let limit, _), .tooManyFiles(let limit):
      self.init(limit: .entries, value: UInt64(limit))
    case .tooManyTableBytes(let limit, _):
      self.init(limit: .tableSize, value: UInt64(limit))
    default: return nil
    }
  }

  init?(_ error: ImageStoreError) {
    switch error {
    case .invalidDocument(_, let error): self.init(error)
    case .badArchive(_, .invalidDocument(_, let error)): self.init(error)
    default: return nil
    }
  }

  init?(_ error: SpecError) {
    switch error {
    case .documentTooLarge(let byteCount, let limit):
      self.init(limit: .documentSize, value: limit, wanted: byteCount)
    case .tooManyLayers(let count, let limit):
      self.init(limit: .layers, value: UInt64(limit), wanted: UInt64(count))
    default: return nil
    }
  }

  init?(_ error: RegistryError) {
    switch error {
    case .invalidDocument(_, _, let error): self.init(error)
    case .failed(let failure, _):
      switch (failure.fault, failure.target) {
      case (.document(let error), _): self.init(error)
      case (.tooLarge(let limit), .manifest), (.tooLarge(let limit), .configuration):
        self.init(limit: .documentSize, value: limit)
      default: return nil
      }
    default: return nil
    }
  }
}
