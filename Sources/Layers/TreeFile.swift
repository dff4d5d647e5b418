// A MergedTree as a file: a head, then the tree's arrays, mapped as they are, and the merge's warnings.
// docs/FORMATS.md has the layout. A file that does not check out is not an error but a reason to merge
// again.

package import FileTree
import FlatArrays
import ImageStore
package import OCISpec
import Offsets

/// Writing and mapping tree files.
package enum TreeFile {
  /// "BNGRTRE" and a newline, which text-mode damage would change.
  private static let magic: UInt64 = 0x0A45_5254_5247_4E42

  // MARK: Writing

  /// Calls `write` with the pieces of the file, in order.
  ///
  /// `key` is the digest of what decides the tree; `layerCount` how many layers were merged.
  package static func write<Failure: Error>(
    _ merged: MergedTree,
    key: Digest,
    layerCount: Int,
    to write: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    let tree = merged.tree
    var fields = ByteEncoder()
    fields.append(LayerIndexFile.version)
    for stride in strides { fields.append(UInt32(stride)) }
    fields.append(UInt32(tree.totals.hasExtendedAttributes ? 1 : 0))
    fields.append(tree.totals.blockCount)
    fields.append(UInt64(layerCount))
    fields.append(Array(key.description.utf8))
    var file = FlatFileWriter()
    file.append(tree.nodes)
    file.append(tree.childTable)
    file.append(tree.segments)
    file.append(tree.bytes)
    file.append(FlatArray(encode(merged.warnings)))
    try file.write(magic, fields, to: write)
  }

  /// The sizes of the records: a file written by a build that lays them out otherwise is not read.
  private static var strides: [Int] {
    [
      MemoryLayout<Node>.stride, MemoryLayout<Child>.stride, MemoryLayout<DataSegment>.stride,
    ]
  }

  /// Kinds with their counts first, then the places, each by the number of its kind among those.
  private static func encode(_ warnings: TreeWarnings) -> [UInt8] {
    var bytes = ByteEncoder()
    var numbers: [TallyPlace: UInt32] = [:]
    bytes.append(UInt32(warnings.tallies.count))
    bytes.append(UInt32(warnings.tallies.reduce(0) { $0 + $1.count }))
    for (layer, tallies) in warnings.tallies.enumerated() {
      for tally in tallies {
        numbers[TallyPlace(layer: layer, kind: tally.kind)] = UInt32(numbers.count)
        bytes.append(UInt32(layer))
        bytes.append(Array(tally.kind.rawValue.utf8))
        bytes.append(tally.count)
        bytes.append(tally.first.bytes)
      }
    }
    for place in warnings.places {
      // Every place was counted.
      bytes.append(numbers[TallyPlace(layer: place.layer, kind: place.kind)] ?? .max)
      bytes.append(place.member.bytes)
    }
    return bytes.bytes
  }

  private struct TallyPlace: Hashable {
    var layer: Int
    var kind: TreeWarning.Kind
  }

  // MARK: Reading

  /// The tree in the first `byteCount` bytes of an open file, mapped; `nil` when they are not one that
  /// this build wrote for `key`, of `layerCount` layers where that is known.
  ///
  /// Reads and checks all of it, unless this very file was found sound before: then the head and the
  /// warnings, and no node.
  package static func map(
    descriptor: Int32,
    byteCount: Int,
    key: Digest,
    layerCount: Int? = nil,
    wasFoundSound: Bool = false
  ) -> MergedTree? {
    guard
      var file = FlatFileReader(descriptor: descriptor, byteCount: byteCount, magic: magic),
      file.fields.next() == LayerIndexFile.version,
      strides.allSatisfy({ file.fields.next() == UInt32($0) }),
      let attributes = file.fields.next(UInt32.self), attributes <= 1,
      let blockCount = file.fields.next(UInt64.self),
      let count = file.fields.next(UInt64.self).flatMap(Int.init(exactly:)),
      count == layerCount ?? count,
      file.fields.nextRun() == Array(key.description.utf8),
      let nodes = file.next(Node.self), let childTable = file.next(Child.self),
      let segments = file.next(DataSegment.self), let bytes = file.next(UInt8.self),
      let warnings = file.next(UInt8.self), wasFoundSound || file.isIntact,
      let warnings = decodeWarnings(Array(warnings), layerCount: count),
      // The root is asked for without a look at how many nodes there are.
      !nodes.isEmpty
    else { return nil }
    let tree = Tree(
      nodes: nodes,
      childTable: childTable,
      segments: segments,
      bytes: bytes,
      totals: TreeTotals(blockCount: blockCount, hasExtendedAttributes: attributes == 1)
    )
    guard wasFoundSound || tree.isSound(layerCount: count) else { return nil }
    return MergedTree(tree: tree, warnings: warnings)
  }

  private static func decodeWarnings(_ bytes: [UInt8], layerCount: Int) -> TreeWarnings? {
    var decoder = ByteDecoder(bytes)
    guard let slots = decoder.next(UInt32.self), slots <= layerCount,
      let tallyCount = decoder.next(UInt32.self)
    else { return nil }
    var tallies = [[TreeWarnings.Tally]](repeating: [], count: Int(slots))
    var kinds: [TallyPlace] = []
    for _ in 0..<tallyCount {
      guard let layer = decoder.next(UInt32.self), layer < slots, let code = decoder.nextRun(),
        let kind = TreeWarning.Kind(rawValue: String(decoding: code, as: UTF8.self)),
        // As many members are in no layer, and a sum over all layers fits.
        let count = decoder.next(UInt64.self), count <= UInt32.max,
        let first = decoder.next(UInt64.self)
      else { return nil }
      kinds.append(TallyPlace(layer: Int(layer), kind: kind))
      tallies[Int(layer)].append(
        TreeWarnings.Tally(kind: kind, count: count, first: TarOffset(first))
      )
    }
    var places: [TreeWarning] = []
    while !decoder.isAtEnd {
      guard let number = decoder.next(UInt32.self), number < kinds.count,
        let member = decoder.next(UInt64.self)
      else { return nil }
      let tally = kinds[Int(number)]
      places.append(
        TreeWarning(kind: tally.kind, layer: tally.layer, member: TarOffset(member))
      )
    }
    return TreeWarnings(tallies: tallies, places: places)
  }
}
