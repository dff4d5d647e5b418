// How the content of a file differs between two trees: as a diff of two texts, or not at all where one of
// them is none.

import FileTree
import Layers

/// A file that differs in its content.
struct ContentChange {
  private let path: [UInt8]
  /// `nil` where one of the files is no text.
  private let diff: UnifiedDiff?

  /// `nil` for what does not differ in the content of a file.
  ///
  /// - Throws: `CommandFailure` that names the path of a file that cannot be read.
  init?(_ difference: TreeDifference, in comparison: ImageComparison) throws {
    guard case .changed(let before, let after, let changes) = difference.change,
      changes.contains(.content)
    else { return nil }
    path = difference.path
    do {
      if let old = try Self.bytes(of: before, in: comparison.old.files),
        let new = try Self.bytes(of: after, in: comparison.new.files)
      {
        diff = UnifiedDiff(from: old, to: new)
      } else {
        diff = nil
      }
    } catch let error as LayersError {
      throw comparison.failure(error, at: difference.path)
    }
  }

  /// `nil` for what is too large to be shown.
  private static func bytes(of id: NodeID, in files: ImageFiles) throws -> [UInt8]? {
    let file = files.tree[id]
    guard file.size <= UnifiedDiff.byteLimit else { return nil }
    var bytes: [UInt8] = []
    try FileBytes.forEach(of: file, in: files) { bytes.append(contentsOf: $0) }
    return bytes
  }

  private var name: String { "/" + EscapedBytes.string(path) }

  /// For people.
  var lines: [String] {
    diff?.lines(path: name, TerminalText.lineWithTabs) ?? [
      "Binary files a\(name) and b\(name) differ"
    ]
  }

  /// For programs: the files' lines as they are.
  var exactText: String? {
    diff?.lines(path: name) { $0 }.map { $0 + "\n" }.joined()
  }
}

extension DifferenceFacts {
  mutating func add(_ change: ContentChange?) {
    guard let change else { return }
    contentDiff = change.exactText
    isBinary = contentDiff == nil
  }
}
