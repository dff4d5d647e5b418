// From a resolved image to files that can be read: layers indexed side by side, then merged with what is
// laid over them. Blocks until the last layer is known to be what its digests say.

import Dispatch
package import FileTree
package import ImageStore
package import OCISpec
package import Offsets
import SeekableCompression
import SystemPackage
import Threading

/// An image whose every layer was found to be right, and what was laid over it.
package struct OpenedImage: Sendable {
  package let files: ImageFiles
  /// One for each layer of the image that was opened, base first; added layers have none.
  package let indexes: [LayerIndex]
  /// Of everything that was added: names, attributes and contents; `nil` where nothing was.
  package let additionsDigest: Digest?
  package let additionWarnings: [AdditionWarning]
  let stack: LayerStack

  /// The image with more laid over it.
  ///
  /// The image's layers are not read again.
  ///
  /// - Throws: `.addition`, `.scratch`, `.merge`.
  package func adding(_ additions: [Addition]) throws(LayersError) -> OpenedImage {
    var stack = stack
    try stack.add(additions)
    return try stack.merged()
  }

  /// What the layers, the added ones too, do to a path in normal form.
  ///
  /// Merges them again: takes as long as opening does once layers are indexed.
  package func history(of path: [UInt8]) throws(LayersError) -> PathHistory {
    try stack.history(of: path)
  }

  /// Where a layer of the merge comes from; `nil` where there is none of that number.
  package func origin(ofLayer number: Int, member: TarOffset?) -> LayerOrigin? {
    stack.origin(ofLayer: number, member: member)
  }

  /// The option, with its value, that added a node; `nil` for a node of the image.
  package func additionName(of node: Node) -> String? {
    node.entry == Node.implicitEntry ? nil : stack.additionName(of: node)
  }
}

/// Where a layer of a merge comes from.
package enum LayerOrigin: Hashable, Sendable {
  /// One of the image's own: the one of the same number.
  case image
  /// Laid over it by the option of that name and value; only members of archives have positions.
  case added(name: String, isArchive: Bool)
}

package struct ImageOpener: Sendable {
  private let store: LayerStore
  private let lowerLinks: LowerLinkPolicy
  private let cacheByteLimit: Int
  private let decoderByteLimit: Int

  package init(
    store: LayerStore,
    lowerLinks: LowerLinkPolicy = .replace,
    cacheByteLimit: Int = SpanCache.defaultByteLimit,
    decoderByteLimit: Int = SpanCache.defaultByteLimit
  ) {
    self.store = store
    self.lowerLinks = lowerLinks
    self.cacheByteLimit = cacheByteLimit
    self.decoderByteLimit = decoderByteLimit
  }

  /// Opens `image` and lays `additions` over it, the last one on top.
  ///
  /// `owners` shifts the ids of the whole tree, also of what is added later; layers that `selection`
  /// leaves out are not read. `progress` is called from several threads.
  ///
  /// - Throws: the error of the lowest layer that has one, or the merge's.
  package func open(
    _ image: ResolvedImage,
    selection: LayerSelection = .all,
    additions: [Addition] = [],
    owners: OwnerMap? = nil,
    progress: ByteProgress = { _ in }
  ) throws(LayersError) -> OpenedImage {
    var stack = emptyStack(owners, selection)
    let range = selection.range(ofCount: image.layers.count)
    for _ in 0..<range.lowerBound { stack.skip() }
    for layer in try openLayers(image.layers[range], of: image, progress: progress) {
      stack.append(layer.index, source: layer.source, copy: layer.copy)
    }
    try stack.add(additions)
    return try stack.merged()
  }

  /// Makes a tree of `additions` alone.
  package func open(
    additions: [Addition],
    owners: OwnerMap? = nil
  ) throws(LayersError) -> OpenedImage {
    var stack = emptyStack(owners, .all)
    try stack.add(additions)
    return try stack.merged()
  }

  private func emptyStack(_ owners: OwnerMap?, _ selection: LayerSelection) -> LayerStack {
    LayerStack(
      store: store,
      lowerLinks: lowerLinks,
      owners: owners,
      cache: SpanCache(byteLimit: cacheByteLimit, decoderByteLimit: decoderByteLimit),
      selection: selection
    )
  }

  private struct OpenedLayer: Sendable {
    let index: LayerIndex
    let source: BlobSource
    let copy: SeekableCopy?
  }

  /// As many layers at once as there are processors.
  private func openLayers(
    _ chosen: ArraySlice<ResolvedLayer>,
    of image: ResolvedImage,
    progress: ByteProgress
  ) throws(LayersError) -> [OpenedLayer] {
    let results = Mutex<[Int: Result<OpenedLayer, LayersError>]>([:])
    withoutActuallyEscaping(progress) { progress in
      DispatchQueue.concurrentPerform(iterations: chosen.count) { place in
        let number = chosen.startIndex + place
        let result = Result { () throws(LayersError) in
          try open(chosen[number], of: image, progress: progress)
        }
        results.withLock { $0[number] = result }
      }
    }
    let all = results.withLock { $0 }
    var layers: [OpenedLayer] = []
    for number in chosen.indices {
      if let result = all[number] { layers.append(try result.get()) }
    }
    return layers
  }

  private func open(
    _ layer: ResolvedLayer,
    of image: ResolvedImage,
    progress: ByteProgress
  ) throws(LayersError) -> OpenedLayer {
    let blob: BlobFile
    do throws(ImageStoreError) {
      blob = try image.open(layer)
    } catch {
      throw .store(layer: layer.descriptor.digest, error)
    }
    let index = try store.index(of: blob, diffID: layer.diffID, progress: progress)
    let source = BlobSource(blob: blob)
    return OpenedLayer(
      index: index,
      source: source,
      copy: try store.seekableCopy(of: index, from: source)
    )
  }
}
