// The layers of an open image, those that were laid over it too, and how they become files. What is
// added later goes on top, and everything is merged again: the layers stay as they are.

import FileTree
import FlatArrays
import ImageStore
import OCISpec
import Offsets
import SystemPackage

struct LayerStack: Sendable {
  /// Base first; the image's own, then the added ones.
  private var layers: [Layer] = []
  private let store: LayerStore
  private let lowerLinks: LowerLinkPolicy
  private let owners: OwnerMap?
  private let cache: SpanCache
  private var selection: LayerSelection
  /// Where contents of this machine are kept; made when the first comes.
  private var scratch: ScratchFile?

  private enum Layer: Sendable {
    case image(LayerIndex, LayerBytes)
    /// One of the image that the tree is not made of.
    case skipped
    case added(AddedLayer)

    var table: LayerTable {
      switch self {
      case .image(let index, _): index.table
      case .skipped: .empty
      case .added(let layer): layer.table
      }
    }

    var role: LayerRole {
      switch self {
      case .image, .skipped: .image
      case .added(let layer): layer.role
      }
    }

    var bytes: LayerBytes {
      switch self {
      case .image(_, let bytes): bytes
      case .skipped: .absent
      case .added(let layer): layer.bytes
      }
    }
  }

  init(
    store: LayerStore,
    lowerLinks: LowerLinkPolicy,
    owners: OwnerMap?,
    cache: SpanCache,
    selection: LayerSelection = .all
  ) {
    self.store = store
    self.lowerLinks = lowerLinks
    self.owners = owners
    self.cache = cache
    self.selection = selection
  }

  mutating func append(_ index: LayerIndex, source: BlobSource, copy: SeekableCopy?) {
    let reader = LayerReader(
      index,
      number: layers.count,
      source: source,
      copy: copy,
      cache: cache
    )
    layers.append(.image(index, .blob(reader)))
  }

  /// Leaves out the next layer of the image.
  mutating func skip() {
    layers.append(.skipped)
  }

  /// The same layers, as far as `selection` takes them.
  func showing(_ selection: LayerSelection) -> LayerStack {
    var shown = self
    shown.selection = selection
    let images = layers.prefix { layer in
      if case .added = layer { false } else { true }
    }
    let range = selection.range(ofCount: images.count)
    shown.layers = images.prefix(range.upperBound).enumerated().map { number, layer in
      range.contains(number) ? layer : .skipped
    }
    if !selection.isAlone { shown.layers += layers[images.count...] }
    return shown
  }

  func index(ofLayer number: Int) -> LayerIndex? {
    guard layers.indices.contains(number), case .image(let index, _) = layers[number] else {
      return nil
    }
    return index
  }

  var indexes: [LayerIndex] {
    layers.compactMap { layer in
      if case .image(let index, _) = layer { index } else { nil }
    }
  }

  private var added: [AddedLayer] {
    layers.compactMap { layer in
      if case .added(let layer) = layer { layer } else { nil }
    }
  }

  // MARK: Adding

  mutating func add(_ additions: [Addition]) throws(LayersError) {
    if additions.isEmpty { return }
    let snapshot = HostSnapshot(scratch: try openScratch(), limits: store.limits)
    for addition in additions {
      layers.append(.added(try layer(of: addition, snapshot)))
    }
  }

  private mutating func openScratch() throws(LayersError) -> ScratchFile {
    if let scratch { return scratch }
    do throws(ImageStoreError) {
      let new = try store.cache.makeScratchFile()
      scratch = new
      return new
    } catch {
      throw .scratch(error)
    }
  }

  private func layer(
    of addition: Addition,
    _ snapshot: HostSnapshot
  ) throws(LayersError) -> AddedLayer {
    switch addition {
    case .directory(let path, let owner, let option):
      return try HostDirectoryWalk.layer(
        of: path,
        owner: owner,
        option: option,
        snapshot: snapshot,
        cache: store.cache
      )
    case .archive(let path, let option):
      return try snapshot.layer(
        ofArchive: path,
        option: option,
        number: layers.count,
        store: store,
        cache: cache
      )
    case .files(let files, let option): return try snapshot.layer(of: files, option: option)
    case .links(let links, let option): return try snapshot.layer(of: links, option: option)
    }
  }

  // MARK: Merging

  func merged() throws(LayersError) -> OpenedImage {
    let merged = try mergedTree()
    return OpenedImage(
      files: ImageFiles(
        tree: merged.tree,
        warnings: merged.warnings,
        layers: layers.map(\.bytes)
      ),
      indexes: indexes,
      additionsDigest: digest,
      additionWarnings: added.flatMap(\.warnings) + warnings(of: merged),
      stack: self
    )
  }

  /// The tree of an image alone is kept; what is added, or a layer alone, is seldom the same again.
  private func mergedTree() throws(LayersError) -> MergedTree {
    guard added.isEmpty, !selection.isAlone, let key = treeKey else { return try merge() }
    if let kept = store.loadTree(key) { return kept }
    let merged = try merge()
    store.save(merged, as: key)
    return merged
  }

  private var treeKey: TreeKey? {
    TreeKey(
      layers: indexes.map(\.blobDigest),
      lowerLinks: lowerLinks,
      owners: owners,
      limits: store.limits.tree
    )
  }

  private func merge() throws(LayersError) -> MergedTree {
    let merged: MergedTree
    do throws(TreeError) {
      merged = try TreeBuilder.merge(
        layers.map(\.table),
        lowerLinks: lowerLinks,
        roles: layers.map(\.role),
        limits: store.limits.tree,
        showsMarks: selection.isAlone
      )
    } catch {
      throw name(error)
    }
    return MergedTree(tree: try owned(merged.tree), warnings: merged.warnings)
  }

  /// What the layers, the added ones too, do to a path.
  func history(of path: [UInt8]) throws(LayersError) -> PathHistory {
    do throws(TreeError) {
      return try TreeBuilder.history(
        of: path,
        in: layers.map(\.table),
        lowerLinks: lowerLinks,
        roles: layers.map(\.role),
        limits: store.limits.tree
      )
    } catch {
      throw name(error)
    }
  }

  /// What the layers, the added ones too, have of files at a path in `tree`, which they make.
  func spaceUse(
    in tree: Tree,
    at path: [UInt8],
    _ sizes: PathSizes,
    wastedLimit: Int
  ) throws(LayersError) -> SpaceUse {
    do throws(TreeError) {
      return try TreeBuilder.spaceUse(
        of: layers.map(\.table),
        in: tree,
        at: path,
        sizes,
        wastedLimit: wastedLimit,
        lowerLinks: lowerLinks,
        roles: layers.map(\.role),
        limits: store.limits.tree
      )
    } catch {
      throw name(error)
    }
  }

  func origin(ofLayer number: Int, member: TarOffset?) -> LayerOrigin? {
    guard layers.indices.contains(number) else { return nil }
    switch layers[number] {
    case .image, .skipped: return .image
    case .added(let layer):
      return .added(name: layer.name(at: member), isArchive: layer.isArchive)
    }
  }

  private func owned(_ tree: Tree) throws(LayersError) -> Tree {
    guard let owners else { return tree }
    do throws(TreeError) { return try tree.mappingOwners(owners) } catch { throw .merge(error) }
  }

  /// Of what was added, in its order; `nil` where nothing was.
  private var digest: Digest? {
    let added = added
    if added.isEmpty { return nil }
    var whole = ByteEncoder()
    for layer in added {
      whole.append(Array("\(layer.role)".utf8))
      whole.append(layer.digest.bytes)
    }
    return DigestHasher.digest(of: whole.bytes, .sha256)
  }

  /// The merge counts layers; people know an image's by digest, and others by what they asked for.
  private func name(_ error: TreeError) -> LayersError {
    guard let number = error.layer, layers.indices.contains(number) else { return .merge(error) }
    switch layers[number] {
    case .image(let index, _): return .entries(layer: index.blobDigest, error)
    case .skipped: return .merge(error)
    case .added(let layer):
      let fault = layer.isArchive ? AdditionFault.members(error) : .entries(error)
      return .addition(layer.name(at: error.member), fault)
    }
  }

  private func warnings(of merged: MergedTree) -> [AdditionWarning] {
    var found: [AdditionWarning] = []
    for place in merged.warnings.places {
      guard case .added(let layer) = layers[place.layer] else { continue }
      let name = layer.name(at: place.member)
      let kind = AdditionWarning.Kind.merge(place.kind)
      if let known = found.firstIndex(where: { $0.name == name && $0.kind == kind }) {
        found[known].count += 1
      } else {
        let path = layer.table.memberPath(at: place.member)
        found.append(AdditionWarning(name: name, kind: kind, count: 1, first: path))
      }
    }
    return found
  }

  /// What asked for an added node; `nil` for one of the image's.
  func additionName(of node: Node) -> String? {
    guard layers.indices.contains(Int(node.layer)), case .added(let layer) = layers[Int(node.layer)]
    else { return nil }
    guard layer.table.entries.indices.contains(Int(node.entry)) else { return layer.name(at: nil) }
    return layer.name(at: layer.table.entries[Int(node.entry)].header)
  }
}
