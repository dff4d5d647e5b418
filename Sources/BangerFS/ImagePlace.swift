// Where an image lies, as far as it decides what helps against a damaged blob: a layout and an archive
// are their owner's to be written again, the cache is ours to be cleaned.

import ImageStore
import Layers
import OCISpec

/// The kind of place that a reference leads to.
enum ImagePlace {
  case layout
  case archive
  case cache

  init(_ reference: Reference) {
    switch reference {
    case .layout: self = .layout
    case .archive: self = .archive
    case .registry: self = .cache
    }
  }

  /// Says of a blob that is damaged or not there what to do about it; other errors stay as they are.
  ///
  /// A blob that has the right digest and is still no layer is how somebody made the image: copying it
  /// again would bring the same.
  func remedied(_ error: any Error) -> any Error {
    switch error {
    case let error as ImageStoreError where error.isBlobFault: failure(CommandFailure(error))
    case let error as LayersError where error.isBlobFault: failure(CommandFailure(error))
    default: error
    }
  }

  private func failure(_ failure: CommandFailure) -> CommandFailure {
    CommandFailure(failure.status, failure.message, hint: hint)
  }

  private var hint: String {
    switch self {
    case .layout: "copy the image into the layout again"
    case .archive: "write the archive again"
    case .cache: "take damaged blobs out with banger-fs cache verify --remove, and pull it again"
    }
  }
}

extension ImageOptions {
  /// Where the image lies that they name.
  var place: ImagePlace {
    get throws { ImagePlace(try Reference(reference)) }
  }
}

extension LayersError {
  /// Whether a blob is not there, or is not what its digest says.
  fileprivate var isBlobFault: Bool {
    switch self {
    case .digestMismatch, .blobChanged: true
    case .store(_, let cause): cause.isBlobFault
    default: false
    }
  }
}
