// Warnings of a merge as data: counts for each layer, first places, hard links that disagree with their
// targets; and the bound on files.

import FileTree
import Offsets
import TestKit
import Testing

struct TreeWarningTests {
  private func merge(_ layers: [LayerMember]...) throws -> TreeWarnings {
    try TreeBuilder.merge(try layers.map(layer)).warnings
  }

  @Test func `every layer's warnings are counted, however many there are`() throws {
    let many = (0..<250).map { _ in LayerMember.file("x") }
    let links = [LayerMember.hardLink("b", to: "a"), .hardLink("c", to: "a"), .file("a")]
    let warnings = try merge(many, [.file("y")], many + links)
    let lines = (0...3).map { layer in
      warnings.tallies(ofLayer: layer).map { "\($0.kind.rawValue) ×\($0.count) from \($0.first)" }
    }
    let (second, last) = (memberOffset(1), memberOffset(250))
    #expect(
      lines == [
        ["duplicate-entry ×249 from \(second)"], [],
        ["duplicate-entry ×249 from \(second)", "link-before-target ×2 from \(last)"], [],
      ]
    )
    #expect(warnings.counts == [.duplicateEntry: 498, .linkBeforeTarget: 2])
    #expect(warnings.places.count { $0.layer == 0 } == 100)
    #expect(warnings.places.count { $0.layer == 2 } == 102)
  }

  @Test func `a layer with whiteouts, which is read twice, is counted once`() throws {
    let warnings = try merge([
      .whiteout("gone/a"), .file("x"), .file("x"), .characterDevice("n", 0, 0), .whiteout("gone/b"),
    ])
    #expect(warnings.counts == [.whiteoutWithoutDirectory: 2, .duplicateEntry: 1, .nullDevice: 1])
    #expect(warnings.places.count == 4)
  }

  static let disagreements: [(String, LayerMember)] = [
    ("mode", .hardLink("b", to: "a", mode: 0o600)),
    ("user", .hardLink("b", to: "a").owned(by: 1, 0)),
    ("group", .hardLink("b", to: "a").owned(by: 0, 1)),
    ("time", .hardLink("b", to: "a").modified(at: 1)),
    ("nanoseconds", .hardLink("b", to: "a").modified(at: 0, 1)),
    ("another attribute", .hardLink("b", to: "a").with("user.x", "1")),
  ]

  @Test(arguments: disagreements)
  func `a hard link that says something else about itself is noted`(
    what: String,
    link: LayerMember
  ) throws {
    let expected: [TreeWarning.Kind: Int] = [.linkAttributesIgnored: 1]
    #expect(try merge([.file("a"), link]).counts == expected)
    #expect(try merge([.file("a")], [link]).counts == expected)
    #expect(
      try merge([link, .file("a")]).counts == [.linkAttributesIgnored: 1, .linkBeforeTarget: 1]
    )
    #expect(
      try merge([.file("a")], [.whiteout("a"), link]).counts
        == [.linkAttributesIgnored: 1, .linkToHiddenTarget: 1]
    )
  }

  @Test func `a hard link that says the same is not`() throws {
    let file = LayerMember.file("a", bytes: 3, mode: 0o4755).owned(by: 1, 2).modified(at: 3, 4)
      .with("user.x", "1")
    let link = LayerMember.hardLink("b", to: "a", mode: 0o4755).owned(by: 1, 2).modified(at: 3, 4)
      .with("user.x", "1")
    #expect(try merge([file, link]).counts == [:])
    #expect(try merge([file], [link]).counts == [:])
  }

  @Test func `what mode a link to a symbolic link has does not matter`() throws {
    #expect(try merge([.symlink("a", to: "t"), .hardLink("b", to: "a")]).counts == [:])
  }

  // MARK: Bounds

  @Test func `a layer has at most so many entries`() throws {
    var limits = TreeLimits()
    limits.entryCount = 2
    var builder = LayerTableBuilder(limits: limits)
    for (number, path) in ["a", "b"].enumerated() {
      try builder.append(
        .directory,
        at: bytes(path),
        attributes: .implicitDirectory,
        member: memberOffset(number)
      )
    }
    #expect(throws: TreeError.tooManyEntries(limit: 2, member: memberOffset(2))) {
      try builder.append(
        .directory,
        at: bytes("c"),
        attributes: .implicitDirectory,
        member: memberOffset(2)
      )
    }
  }

  static let largeEntries: [(EntryContent, [ExtendedAttribute], Int)] = [
    (.directory, [], 0), (.symbolicLink(target: bytes("target")), [], 6),
    (.hardLink(target: bytes("target")), [], 6),
    (.regular(byteCount: 2, data: .zero, segments: [segment(0), segment(1)]), [], 2 * 24),
    (.fifo, [ExtendedAttribute(name: bytes("user.a"), value: bytes("12345"))], 5 + 6 + 5),
  ]

  private static func segment(_ place: UInt64) -> DataSegment {
    DataSegment(file: FileOffset(place), byteCount: 1, tar: TarOffset(place))
  }

  /// 88 bytes for each, and what it has beyond that.
  @Test(arguments: largeEntries)
  func `a layer's table has at most so many bytes`(
    content: EntryContent,
    attributes: [ExtendedAttribute],
    byteCount: Int
  ) throws {
    let needed = 2 * (88 + 1 + byteCount)
    for limit in [needed, needed - 1] {
      var limits = TreeLimits()
      limits.tableByteCount = limit
      var builder = LayerTableBuilder(limits: limits)
      func append(_ path: String, _ member: Int) throws(TreeError) {
        try builder.append(
          content,
          at: bytes(path),
          attributes: .implicitDirectory,
          extendedAttributes: attributes,
          member: memberOffset(member)
        )
      }
      try append("a", 0)
      if limit == needed {
        try append("b", 1)
        #expect(try builder.table().entries.count == 2)
        #expect(builder.entryCount == 0)
      } else {
        let error = TreeError.tooManyTableBytes(limit: limit, member: memberOffset(1))
        #expect(throws: error) { try append("b", 1) }
      }
    }
  }

  @Test func `a tree has at most so many files and names`() throws {
    let path = Array(repeating: "d", count: 20).joined(separator: "/")
    let layers = [try layer([.file(PathBytes(path))])]
    var limits = TreeLimits()
    // Nineteen directories, a file and the root.
    limits.entryCount = 21
    _ = try TreeBuilder.merge(layers, limits: limits)
    limits.entryCount = 20
    #expect(throws: TreeError.tooManyFiles(limit: 20)) {
      try TreeBuilder.merge(layers, limits: limits)
    }
  }
}
