// A directory with all that is below it, as tree(1) draws it.

import FileTree
import FlatArrays

/// Lines that show which file is in which directory.
struct TreeDrawing {
  let tree: Tree
  /// How many levels below the start are drawn.
  var depth = Int.max
  var showsDirectoriesAlone = false
  private(set) var directoryCount = 0
  private(set) var fileCount = 0

  init(of tree: Tree, depth: Int = .max, showsDirectoriesAlone: Bool = false) {
    self.tree = tree
    self.depth = depth
    self.showsDirectoriesAlone = showsDirectoriesAlone
  }

  /// A directory on the way down, and which of its children are drawn next.
  private struct Level {
    var children: [Child]
    var next = 0
    /// What its children's lines begin with.
    var indentation: String
  }

  /// Calls `emit` with each line, the start's own first.
  ///
  /// Without recursion: a path may be thousands of directories long.
  mutating func draw<Failure: Error>(
    _ start: WalkStep,
    _ emit: (String) throws(Failure) -> Void
  ) throws(Failure) {
    try emit("/" + EscapedBytes.string(start.path))
    var levels = [level(of: start.node, indentation: "")]
    while let level = levels.last {
      guard level.next < level.children.count else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].next += 1
      let child = level.children[level.next]
      let isLast = level.next == level.children.count - 1
      let node = tree[child.node]
      try emit(level.indentation + (isLast ? "└── " : "├── ") + text(of: child, node))
      guard node.kind == .directory else {
        fileCount += 1
        continue
      }
      directoryCount += 1
      if levels.count < depth {
        let indentation = level.indentation + (isLast ? "    " : "│   ")
        levels.append(self.level(of: child.node, indentation: indentation))
      }
    }
  }

  private func level(of directory: NodeID, indentation: String) -> Level {
    let children = tree.children(of: tree[directory]).filter { child in
      !showsDirectoriesAlone || tree[child.node].kind == .directory
    }
    return Level(children: children, indentation: indentation)
  }

  private func text(of child: Child, _ node: Node) -> String {
    let plain = EscapedBytes.string(tree.name(of: child).array)
    let name = TextColor(of: node)?.paint(plain) ?? plain
    guard node.kind == .symbolicLink else { return name }
    return name + " -> " + EscapedBytes.string(tree.target(of: node).array)
  }

  /// How much was drawn below the start.
  var summary: String {
    let directories = directoryCount == 1 ? "1 directory" : "\(directoryCount) directories"
    if showsDirectoriesAlone { return directories }
    return directories + ", " + (fileCount == 1 ? "1 file" : "\(fileCount) files")
  }
}
