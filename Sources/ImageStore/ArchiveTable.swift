// The members of an archive by name: where the bytes of each file are, and links between them,
// which are followed here and never on the host. Knows neither tar nor what the members mean.
// Source: POSIX.1-2017 pax(1) (a later member replaces an earlier one; a hard link names a member).

import OCISpec

/// Bounds on what an archive of images may ask for.
package enum ArchiveLimits {
  /// Most members of an archive: 131,072.
  ///
  /// A Docker archive has at most four for each layer (a directory, `VERSION`, `json`,
  /// `layer.tar`), so this is 250 images of 128 layers. Each costs an entry in memory.
  package static let memberCount = 1 << 17

  /// Names and link targets of all members together: 32 MiB.
  ///
  /// Three times what as many names of `blobs/sha256/` and 64 digits need.
  package static let nameByteCount = 32 << 20

  /// The longest name that means anything, in bytes: 4,096, as long as paths may be on Linux.
  package static let pathByteCount = 4096

  /// Most links between a name and its file: 8.
  ///
  /// The tools in use write one.
  package static let linkCount = 8
}

/// A file in an archive.
struct ArchiveMember: Hashable, Sendable {
  /// Where its bytes are.
  enum Place: Hashable, Sendable {
    /// In the archive itself, from this byte on.
    case archive(start: UInt64)
    /// In the cache, under the digest of its content.
    case cache(Digest)
    /// In pieces, which nobody puts together.
    case sparse
  }

  let place: Place
  let byteCount: UInt64
}

/// What an archive has under each name.
struct ArchiveTable: Sendable {
  /// A member, its links not yet followed.
  enum Entry: Hashable, Sendable {
    case file(ArchiveMember)
    /// To a place relative to the directory that the link is in.
    case symbolicLink([UInt8])
    case hardLink([UInt8])
    /// A directory, a device, and the like.
    case other
  }

  /// By names without `.`, doubled slashes or slashes at either end.
  private(set) var entries: [[UInt8]: Entry] = [:]
  private var memberCount = 0
  private var nameByteCount = 0

  init(_ entries: [[UInt8]: Entry] = [:]) {
    self.entries = entries
  }

  /// Adds the next member of the archive, which replaces an earlier one of its name.
  ///
  /// A name that leads out of the archive, or is too long, means nothing: the member is counted and
  /// left out, and `false` returned.
  @discardableResult
  mutating func add(_ path: [UInt8], _ entry: Entry) throws(ArchiveFault) -> Bool {
    memberCount += 1
    guard memberCount <= ArchiveLimits.memberCount else {
      throw .tooManyMembers(limit: ArchiveLimits.memberCount)
    }
    nameByteCount += path.count + entry.targetByteCount
    guard nameByteCount <= ArchiveLimits.nameByteCount else {
      throw .namesTooLong(limit: ArchiveLimits.nameByteCount)
    }
    guard let name = Self.resolve(path[...], in: []) else { return false }
    entries[name] = hardLinked(entry)
    return true
  }

  /// Forgets the files in the cache whose digests are not among `digests`.
  mutating func keep(only digests: Set<Digest>) {
    entries = entries.filter { _, entry in
      guard case .file(let member) = entry, case .cache(let digest) = member.place else {
        return true
      }
      return digests.contains(digest)
    }
  }

  /// Says where the file is that was added last under `path`.
  mutating func place(_ member: ArchiveMember, at path: [UInt8]) {
    guard let name = Self.resolve(path[...], in: []) else { return }
    entries[name] = .file(member)
  }

  /// A hard link is the file that has the name now, whatever gets the name later.
  private func hardLinked(_ entry: Entry) -> Entry {
    guard case .hardLink(let target) = entry, let name = Self.resolve(target[...], in: []),
      let found = entries[name], case .file = found
    else { return entry }
    return found
  }

  /// The file called `path`, through links; `nil` where nothing has the name.
  func file(_ path: [UInt8]) throws(ArchiveFault) -> ArchiveMember? {
    guard let start = Self.resolve(path[...], in: []), var entry = entries[start] else {
      return nil
    }
    var name = start
    for _ in 0...ArchiveLimits.linkCount {
      let next: [UInt8]
      switch entry {
      case .file(let member): return member
      case .other: throw .memberNotAFile(Self.shown(path))
      case .symbolicLink(let target): next = try follow(symbolicLink: target, from: name)
      case .hardLink(let target): next = try follow(hardLink: target, from: name)
      }
      guard let found = entries[next] else { throw .memberMissing(Self.shown(next)) }
      (name, entry) = (next, found)
    }
    throw .tooManyLinks(Self.shown(path), limit: ArchiveLimits.linkCount)
  }

  private func follow(
    symbolicLink target: [UInt8],
    from name: [UInt8]
  ) throws(ArchiveFault) -> [UInt8] {
    guard target.first != UInt8(ascii: "/"),
      let next = Self.resolve(target[...], in: Self.directory(of: name))
    else { throw .linkLeavesArchive(Self.shown(name), target: Self.shown(target)) }
    return next
  }

  /// Some writers give a hard link the target that a symbolic link would have.
  private func follow(hardLink target: [UInt8], from name: [UInt8]) throws(ArchiveFault) -> [UInt8]
  {
    if let next = Self.resolve(target[...], in: []), entries[next] != nil { return next }
    return try follow(symbolicLink: target, from: name)
  }

  private static func directory(of name: [UInt8]) -> ArraySlice<UInt8> {
    name[..<(name.lastIndex(of: UInt8(ascii: "/")) ?? 0)]
  }

  /// The name that `path` means in `directory`, or `nil` where that is above the archive's root or
  /// longer than any name may be.
  private static func resolve(
    _ path: ArraySlice<UInt8>,
    in directory: ArraySlice<UInt8>
  ) -> [UInt8]? {
    guard path.count <= ArchiveLimits.pathByteCount else { return nil }
    var components = directory.split(separator: UInt8(ascii: "/"))
    for component in path.split(separator: UInt8(ascii: "/")) {
      switch component {
      case [0x2e]: continue
      case [0x2e, 0x2e]: if components.popLast() == nil { return nil }
      default: components.append(component)
      }
    }
    return Array(components.joined(separator: [UInt8(ascii: "/")]))
  }

  /// `blobs/sha512/` and 128 digits.
  private static let longestBlobName = 13 + 128

  /// The digest that a name claims where it is that of a blob in a layout.
  static func claimedDigest(_ path: [UInt8]) -> Digest? {
    guard let name = resolve(path[...], in: []), name.count <= longestBlobName else { return nil }
    let components = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard components.count == 3, components[0] == "blobs" else { return nil }
    do throws(SpecError) { return try Digest("\(components[1]):\(components[2])") } catch {
      return nil
    }
  }

  /// A name from an archive, fit to be printed.
  static func shown(_ name: [UInt8]) -> String {
    printable(String(decoding: name, as: UTF8.self))
  }
}

extension ArchiveTable.Entry {
  fileprivate var targetByteCount: Int {
    switch self {
    case .file, .other: 0
    case .symbolicLink(let target), .hardLink(let target): target.count
    }
  }
}
