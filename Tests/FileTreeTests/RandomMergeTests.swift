// TreeBuilder against the naive reference, and against what is true of every tree.

import FileTree
import Testing
import TestKit

struct RandomMergeTests {
  /// What a merge says, success or failure, in a form that compares.
  private enum Outcome: Equatable {
    case rows([DumpRow])
    case error(TreeError)
  }

  private func outcome(_ merge: () throws(TreeError) -> [DumpRow]) -> Outcome {
    do {
      return .rows(try merge())
    } catch {
      return .error(error)
    }
  }

  private func check(_ stack: [[LayerMember]], seed: UInt64, _ policy: LowerLinkPolicy) {
    let expected = outcome { () throws(TreeError) in
      try ReferenceMerge.rows(of: stack, lowerLinks: policy)
    }
    let actual = outcome { () throws(TreeError) in
      var tables: [LayerTable] = []
      for members in stack {
        tables.append(try layer(members))
      }
      let tree = try TreeBuilder.merge(tables, lowerLinks: policy).tree
      expectSound(tree, "seed \(seed)")
      return tree.rowsWithOrigins
    }
    #expect(actual == expected, "seed \(seed), \(policy)")
  }

  /// 8 × 300 seeds, each with both policies.
  @Test(arguments: 0..<8)
  func `random layers merge as the naive reference merges them`(batch: Int) {
    for seed in UInt64(batch * 300)..<UInt64(batch * 300 + 300) {
      let stack = RandomLayers.stack(seed: seed)
      check(stack, seed: seed, .replace)
      check(stack, seed: seed, .follow)
    }
  }

  @Test(arguments: 0..<8)
  func `random layers without faults merge as the naive reference merges them`(batch: Int) {
    for seed in UInt64(batch * 50)..<UInt64(batch * 50 + 50) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 6, memberCount: 30)
      check(stack, seed: seed, .replace)
    }
  }

  @Test func `a seed gives the same layers every time`() {
    #expect(RandomLayers.stack(seed: 7) == RandomLayers.stack(seed: 7))
    #expect(RandomLayers.stack(seed: 7) != RandomLayers.stack(seed: 8))
  }

  /// The generator must reach what it is there for.
  @Test func `random layers reach every kind of warning and of error`() throws {
    var warnings: Set<TreeWarning.Kind> = []
    var errors: Set<String> = []
    for seed in UInt64(0)..<2000 {
      do {
        let tables = try RandomLayers.stack(seed: seed).map(layer)
        warnings.formUnion(try TreeBuilder.merge(tables).warnings.counts.keys)
      } catch {
        switch error {
        case .hardLinkToDirectory: errors.insert("directory")
        case .hardLinkTargetMissing: errors.insert("missing")
        case .hardLinkLoop: errors.insert("circle")
        case .symbolicLinkLoop: errors.insert("loop")
        default: errors.insert("\(error)")
        }
      }
    }
    // The last one only where a layer is looked at alone.
    #expect(warnings == Set(TreeWarning.Kind.allCases).subtracting([.linkToLowerLayer]))
    #expect(errors == ["directory", "missing", "circle", "loop"])
  }
}
