// Rows of layers and the tree that they make, as data: what the merge, a mount and an ext4 file are all
// held to. The tables are beside this file, by section of docs/SEMANTICS.md. Knows nothing of how a
// row is checked: FileTreeTests build the tree, CommandTests run the program.

package import FileTree

/// One rule, by example: layers in, a short dump and warnings out.
package struct TreeRow: CustomStringConvertible, Sendable {
  /// The name of the row of docs/SEMANTICS.md, and what is special here.
  package var name: String
  package var layers: Layers
  package var lowerLinks = LowerLinkPolicy.replace
  package var place = Place.anywhere
  /// As `DumpRow.brief` writes it.
  package var dump: String
  /// What a mount shows instead where the kernel says so.
  package var mount: String?
  /// What ext4 has instead where it cannot have the same.
  package var ext4: String?
  /// `CODE LAYER.MEMBER`, of the merge.
  package var warnings: [String] = []
  /// What the program tells beside those: `CODE LAYER PATH`, and how often.
  package var tolerated: [String] = []
  /// What is in files, by path.
  package var contents: [String: String] = [:]

  /// Base first.
  package enum Layers: Sendable {
    /// For the merge, and for archives that a plain writer would make of them.
    case members([[LayerMember]])
    /// For what only an archive can say: raw names, odd headers, records.
    case archives([[TarEntry]])
  }

  /// What a row may share an image with.
  package enum Place: Sendable {
    /// Other rows: it means the same in a directory of its own.
    case anywhere
    /// Nothing: it is about the root, or about how many layers there are.
    case root
  }

  package var description: String { name }

  package init(
    name: String,
    layers: [[LayerMember]],
    lowerLinks: LowerLinkPolicy = .replace,
    place: Place = .anywhere,
    dump: String,
    warnings: [String] = [],
    tolerated: [String] = []
  ) {
    self.name = name
    self.layers = .members(layers)
    (self.lowerLinks, self.place) = (lowerLinks, place)
    (self.dump, self.warnings, self.tolerated) = (dump, warnings, tolerated)
  }

  package init(
    _ name: String,
    _ archives: [TarEntry]...,
    at place: Place = .anywhere,
    dump: String,
    mount: String? = nil,
    ext4: String? = nil,
    contents: [String: String] = [:],
    tolerated: [String] = []
  ) {
    self.name = name
    layers = .archives(archives)
    self.place = place
    (self.dump, self.mount, self.ext4) = (dump, mount, ext4)
    (self.contents, self.tolerated) = (contents, tolerated)
  }

  /// All rows that are about the merge.
  package static let merges: [TreeRow] =
    whiteouts + opaqueMarks + replacements + repetitions + roots + names + parents + lowerParents
    + hardLinks + stacks

  /// All rows that only archives can show.
  package static let archives: [TreeRow] = archivedNames + archivedLinks + metadata
}

extension TreeRow.Layers {
  /// An archive for each layer.
  package var archives: [[TarEntry]] {
    switch self {
    case .members(let layers): layers.map { $0.map(TarEntry.init) }
    case .archives(let layers): layers
    }
  }
}

// MARK: - Members as archives have them

extension TarEntry {
  /// The entry that an archive would have for a member.
  package init(_ member: LayerMember) {
    let path = TarText(member.archiveName)
    var entry: TarEntry =
      switch member.what {
      case .directory: .directory(path)
      case .file: .file(path, TarText(member.fileContents))
      case .symbolicLink(let target): .symlink(path, to: TarText(target))
      case .hardLink(let target): .hardLink(path, to: target.isEmpty ? "/" : TarText(target))
      case .characterDevice(let major, let minor):
        .characterDevice(path, major: Int64(major), minor: Int64(minor))
      case .blockDevice(let major, let minor):
        .blockDevice(path, major: Int64(major), minor: Int64(minor))
      case .fifo: .fifo(path)
      case .whiteout, .opaque: .file(path)
      }
    let attributes = member.attributes
    entry = entry.mode(Int64(attributes.mode)).owner(Int64(attributes.uid), Int64(attributes.gid))
      .modified(attributes.seconds, nanoseconds: attributes.nanoseconds)
    self = member.extendedAttributes.reduce(entry) {
      $0.attribute(TarText($1.name), TarText($1.value))
    }
  }
}
