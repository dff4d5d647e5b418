// What a reference turned out to mean: documents that were read and verified, and the layers they
// name. No layer has been opened yet.

package import OCISpec
package import SystemPackage

/// One image of one platform, with its documents.
///
/// The manifest's and the configuration's bytes agree with their digests, and there is one diffID
/// for each layer. An image may have no layers.
package struct ResolvedImage: Sendable {
  /// What the image was asked for by, as it was written.
  package let reference: String
  /// Where the image's blobs are.
  package let source: any ImageSource
  package let manifestDescriptor: Descriptor
  package let manifest: ImageManifest
  package let configuration: ImageConfiguration
  /// The manifest as stored.
  package let manifestBytes: [UInt8]
  /// The configuration as stored.
  package let configurationBytes: [UInt8]
  /// The platform the image is for.
  package let platform: Platform
  /// Base layer first.
  package let layers: [ResolvedLayer]

  /// The digest that names the image: its manifest's.
  package var digest: Digest { manifestDescriptor.digest }

  /// Opens a layer's blob and checks its size.
  package func open(_ layer: ResolvedLayer) throws(ImageStoreError) -> BlobFile {
    try source.openBlob(layer.descriptor)
  }
}

/// One layer of an image.
package struct ResolvedLayer: Hashable, Sendable {
  /// The layer's place in the image; the base layer is 0.
  package let index: Int
  package let descriptor: Descriptor
  /// The digest of the layer's tar stream.
  package let diffID: Digest
  /// Where the blob is, for messages.
  package let path: FilePath
}
