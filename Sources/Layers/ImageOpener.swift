// From a resolved image to files that can be read: layers indexed side by side, then merged. Blocks
// until the last layer is known to be what its digests say.

import Dispatch
package import FileTree
package import ImageStore
import OCISpec
import SeekableCompression
import Synchronization
import SystemPackage

/// An image whose every layer was found to be right.
package struct OpenedImage: Sendable {
  package let files: ImageFiles
  /// One for each layer, base first.
  package let indexes: [LayerIndex]
}

package struct ImageOpener: Sendable {
  private let store: LayerStore
  private let lowerLinks: LowerLinkPolicy
  private let cacheByteLimit: Int

  package init(
    store: LayerStore,
    lowerLinks: LowerLinkPolicy = .replace,
    cacheByteLimit: Int = SpanCache.defaultByteLimit
  ) {
    self.store = store
    self.lowerLinks = lowerLinks
    self.cacheByteLimit = cacheByteLimit
  }

  /// Opens `image`.
  ///
  /// `progress` is called from several threads.
  ///
  /// - Throws: the error of the lowest layer that has one, or the merge's.
  package func open(
    _ image: ResolvedImage,
    progress: ByteProgress = { _ in }
  ) throws(LayersError) -> OpenedImage {
    let layers = try openLayers(image, progress: progress)
    let merged: MergedTree
    do throws(TreeError) {
      merged = try TreeBuilder.merge(layers.map(\.index.table), lowerLinks: lowerLinks)
    } catch {
      throw name(error, in: image)
    }
    let cache = SpanCache(byteLimit: cacheByteLimit)
    let readers = layers.enumerated().map { number, layer in
      LayerReader(
        layer.index,
        number: number,
        source: layer.source,
        copy: layer.copy,
        cache: cache
      )
    }
    return OpenedImage(
      files: ImageFiles(merged, layers: readers),
      indexes: layers.map(\.index)
    )
  }

  private struct OpenedLayer: Sendable {
    let index: LayerIndex
    let source: any ByteSource
    let copy: SeekableCopy?
  }

  /// As many layers at once as there are processors.
  private func openLayers(
    _ image: ResolvedImage,
    progress: ByteProgress
  ) throws(LayersError) -> [OpenedLayer] {
    let results = Mutex<[Int: Result<OpenedLayer, LayersError>]>([:])
    withoutActuallyEscaping(progress) { progress in
      DispatchQueue.concurrentPerform(iterations: image.layers.count) { number in
        let result = Result { () throws(LayersError) in
          try open(image.layers[number], of: image, progress: progress)
        }
        results.withLock { $0[number] = result }
      }
    }
    let all = results.withLock { $0 }
    var layers: [OpenedLayer] = []
    for number in image.layers.indices {
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

  /// The merge counts layers; people know them by digest.
  private func name(_ error: TreeError, in image: ResolvedImage) -> LayersError {
    guard let number = error.layer, image.layers.indices.contains(number) else {
      return .merge(error)
    }
    return .entries(layer: image.layers[number].descriptor.digest, error)
  }
}
