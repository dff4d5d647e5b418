// The merge, row by row: the tables of TestKit about layers that are laid over each other. The same rows
// are looked at in a mount and in an ext4 file by CommandTests.
// Source: OCI image-spec, layer.md, "Applying Changesets" and "Whiteouts".

import FileTree
import TestKit
import Testing

struct MergeTests {
  @Test(arguments: TreeRow.whiteouts)
  func `whiteouts hide lower entries only`(row: TreeRow) throws { try row.checkMerge() }

  @Test(arguments: TreeRow.opaqueMarks)
  func `opaque marks hide what lower layers have in a directory`(row: TreeRow) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.replacements)
  func `an entry replaces what it meets, but a directory joins a directory`(
    row: TreeRow
  ) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.repetitions)
  func `of members of one name in one layer the last one counts`(row: TreeRow) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.roots)
  func `the root and parents that no member describes`(row: TreeRow) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.names)
  func `names are bytes, and bookkeeping names are not shown`(row: TreeRow) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.parents)
  func `a parent that is a link of the same layer is followed inside the root`(
    row: TreeRow
  ) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.lowerParents)
  func `a parent that is a link of a lower layer becomes a directory, or is followed if so asked`(
    row: TreeRow
  ) throws {
    try row.checkMerge()
  }

  @Test(arguments: TreeRow.hardLinks)
  func `a hard link is a second name of one file`(row: TreeRow) throws { try row.checkMerge() }

  @Test(arguments: TreeRow.stacks)
  func `any number of layers is merged one after the other`(row: TreeRow) throws {
    try row.checkMerge()
  }

  @Test(arguments: FailureRow.hardLinks)
  func `a hard link to nothing or to a directory is refused`(row: FailureRow) {
    row.checkMerge()
  }

  @Test(arguments: FailureRow.parents)
  func `links in a loop and a root that is no directory are refused`(row: FailureRow) {
    row.checkMerge()
  }

  @Test func `U33 a thousand layers are fine`() throws {
    var layers = [try layer([.file("d/0", bytes: 1)])]
    for index in 1..<1000 {
      layers.append(
        try layer([
          .whiteout(PathBytes("d/\(index - 1)")), .file(PathBytes("d/\(index)"), bytes: 1),
        ])
      )
    }
    let merged = try TreeBuilder.merge(layers)
    #expect(merged.tree.brief == "d/, d/999 1")
    #expect(merged.warnings.counts == [:])
  }

  @Test func `warnings are all counted, and the first hundred places of each kind kept`() throws {
    let members = (0..<250).map { _ in LayerMember.file("x") }
    let warnings = try TreeBuilder.merge([try layer(members)]).warnings
    #expect(warnings.counts == [.duplicateEntry: 249])
    #expect(warnings.places.map(\.member) == (1...100).map(memberOffset))
  }
}
