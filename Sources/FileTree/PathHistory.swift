// What the layers of an image did to one path, as data: for people who ask why a file is as it is. How
// it is found out is PathWatch's and TreeBuilder+History's business.

package import Offsets

/// What the layers did to one path, base first.
package struct PathHistory: Hashable, Sendable {
  /// In normal form, from the root; names of directories, no symbolic links.
  package var path: [UInt8]
  /// Of each layer first what it hides, then what it puts, in the order of its members.
  package var events: [PathEvent]

  package init(path: [UInt8], events: [PathEvent]) {
    self.path = path
    self.events = events
  }
}

/// Something that a layer did to a path, or to a directory on its way.
package struct PathEvent: Hashable, Sendable {
  /// Counted from the base; `nil` for a root that no layer describes.
  package var layer: Int?
  /// What the layer did it by; `nil` where no member is about it.
  package var member: EntryName?
  /// What it happened to: the path that was asked for, or a directory above.
  package var path: [UInt8]
  package var change: PathChange
  /// The symbolic links that the member was led through, in their order.
  package var links: [PassedLink] = []
  /// What decided it; empty where a member simply puts something where nothing was.
  package var rules: [MergeRule] = []
}

package enum PathChange: Hashable, Sendable {
  /// Something came where nothing was.
  case put(PathContent)
  /// Something of a lower layer was replaced, a directory with all that was in it.
  case replaced(PathContent, by: PathContent)
  /// A directory got other attributes; what is in it stayed.
  case changedAttributes(PathContent)
  /// A directory stayed as it is below a directory of an added layer.
  case kept(PathContent)
  /// The layers' file is gone: a whiteout or an opaque mark hides it.
  case hidden
  /// A directory stayed, and what lower layers have in it is gone.
  case emptied
  /// The member counts for nothing, since a later one of its layer took its place.
  case overtaken(by: EntryName)
  /// The member has no effect.
  case ignored
  /// So many more events of this layer that are not told one by one.
  case omitted(Int)
}

/// Which member of a layer it was.
package struct EntryName: Hashable, Sendable {
  package var kind: EntryKind
  /// In normal form; of a whiteout what it hides, of an opaque mark the directory.
  package var path: [UInt8]
  /// Where the member begins in its layer's tar stream.
  package var offset: TarOffset
  /// What a symbolic or hard link leads to; else empty.
  package var target: [UInt8]

  /// The name that an archive gives it, in normal form; `.` for the root.
  package var nameInArchive: [UInt8] {
    let (directory, name) = kind == .opaque ? (path[...], [][...]) : EntryPath.split(path)
    let slash = directory.isEmpty ? [] : [UInt8(ascii: "/")]
    switch kind {
    case .whiteout: return directory + slash + Array(".wh.".utf8) + name
    case .opaque: return directory + slash + Array(".wh..wh..opq".utf8)
    default: return path.isEmpty ? Array(".".utf8) : path
    }
  }
}

/// What is at a path.
package struct PathContent: Hashable, Sendable {
  package var kind: NodeKind
  /// The layer that it comes from: of a hard link, its target's.
  package var layer: Int
  /// `nil` for a directory that no member describes.
  package var member: TarOffset?
  package var attributes: EntryAttributes
  /// Of a regular file; else 0.
  package var byteCount: UInt64
}

/// A symbolic link that a member's parent led through.
package struct PassedLink: Hashable, Sendable {
  package var path: [UInt8]
  package var target: [UInt8]
  /// The layer that put it.
  package var layer: Int
}
