// An image of the cache as one process tells another which one it means: by its manifest, and not by
// a name, which somebody may remove or move in between. The one that tells holds the image's blobs.

import ImageStore
import OCISpec

/// An image that the process which started this one has found.
struct PinnedImage {
  let image: RecordedImage

  init?(_ resolved: ResolvedImage) throws {
    guard case .registry(let reference) = try Reference(resolved.reference) else { return nil }
    image = RecordedImage(
      name: reference.dockerName.at(resolved.digest),
      manifest: resolved.manifestDescriptor,
      platform: resolved.platform
    )
  }

  /// Reads what `text` says: `NAME@DIGEST,SIZE,PLATFORM,MEDIA-TYPE`.
  init(_ text: String) throws {
    let fields = text.split(separator: ",", maxSplits: 3).map(String.init)
    guard fields.count == 4, let byteCount = UInt64(fields[1]),
      case .registry(let reference) = try Reference(fields[0]), let digest = reference.digest
    else { throw CommandFailure(.usage, "\"\(printable(text))\" is no pinned image") }
    image = RecordedImage(
      name: reference.dockerName,
      manifest: Descriptor(
        mediaType: MediaType(fields[3]),
        digest: digest,
        byteCount: byteCount
      ),
      platform: try Platform(parsing: fields[2])
    )
  }

  var text: String {
    let manifest = image.manifest
    return
      "\(image.name.text),\(manifest.byteCount),\(image.platform),\(manifest.mediaType.rawValue)"
  }
}
