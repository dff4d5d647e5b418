// What is true of every tree, whatever it was made from.

import FileTree
import TestKit
import Testing

/// Checks everything that every tree promises.
func expectSound(_ tree: Tree, _ comment: Comment? = nil) {
  #expect(TreeCheck.faults(of: tree) == [], comment)
}

extension Tree {
  var brief: String { DumpRow.brief(dumpRows { _ in nil }) }
}
