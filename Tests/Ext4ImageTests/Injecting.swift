// Images as others make them, adding files to them, and what has to be in them afterwards: worked
// out from what two witnesses saw before, and not from what the program says.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// What an injection adds.
struct Added {
  var files: SourceDirectory
  /// Fails instead of reading this file.
  var unreadable: [UInt8]?

  init(_ files: [SourceFile]) {
    self.files = SourceDirectory(files)
  }

  /// Adds the files with the real tools, or with `tools`.
  @discardableResult
  func inject(
    into image: URL,
    followingLinks: Bool = false,
    tools: E2fsTools? = nil,
    progress: @escaping @Sendable (Ext4Progress) -> Void = { _ in }
  ) async throws -> Ext4InjectionResult {
    let found = if let tools { tools } else { try await E2fsTools.find() }
    return try await Ext4Injector(tools: found).inject(
      try files.tree,
      reading: reading,
      into: FilePath(image.path),
      followingLinks: followingLinks,
      progress: progress
    )
  }

  private struct Unreadable: Error, CustomStringConvertible {
    var description: String { "no such luck" }
  }

  /// At most 100,000 bytes at a time, so that files take several calls.
  private var reading: NodeReading {
    let contents = contents
    let unreadable = files.files.firstIndex { $0.path == self.unreadable }
    return { node, offset, buffer in
      if Int(node.entry) == unreadable { throw Unreadable() }
      let content = contents[Int(node.entry)]
      let start = min(Int(offset), content.count)
      let part = content[start..<min(start + min(buffer.count, 100_000), content.count)]
      part.withUnsafeBytes { buffer.copyMemory(from: $0) }
      return part.count
    }
  }

  /// By the entry of the layer, which is the place in `files`.
  private var contents: [[UInt8]] {
    files.files.map { file in
      switch file.kind {
      case .file(let bytes): return bytes
      case .sparse(let size, let runs):
        var bytes = [UInt8](repeating: 0, count: Int(size))
        for run in runs {
          bytes.replaceSubrange(
            Int(run.offset)..<(Int(run.offset) + run.bytes.count),
            with: run.bytes
          )
        }
        return bytes
      default: return []
      }
    }
  }

  /// The rows of an image that had `before`, once the files are in it.
  func rows(over before: [DumpRow], smallInodes: Bool = false) throws -> [DumpRow] {
    let tree = try files.tree
    let digests = try digests(of: tree)
    var world = RowWorld(before)
    for (row, step) in zip(tree.dumpRows { digests[$0] }, tree.walk()) {
      let isImplicit = tree[step.node].entry == Node.implicitEntry
      world.add(smallInodes ? row.inSmallInode : row, isImplicit: isImplicit)
    }
    return world.rows
  }
}

extension Added {
  private func digests(of tree: Tree) throws -> [NodeID: String] {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("added-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { HostTool.attempt { try FileManager.default.removeItem(at: directory) } }
    let contents = contents
    let nodes = (0..<UInt32(tree.nodeCount)).map { NodeID($0) }
      .filter { tree[$0].kind == .regular }
    let files = try nodes.map { node in
      let file = directory.appendingPathComponent("\(node.index)")
      try Data(contents[Int(tree[node].entry)]).write(to: file)
      return file
    }
    return Dictionary(uniqueKeysWithValues: zip(nodes, try HostTool.digests(of: files)))
  }
}

/// A dump that files can be added to.
private struct RowWorld {
  /// By path; of further names, the first one's row.
  private var files: [[UInt8]: DumpRow] = [:]
  /// Which names are the same file: any number, equal for equal files.
  private var identity: [[UInt8]: Int] = [:]
  private var next = 0

  init(_ rows: [DumpRow]) {
    for row in rows { put(row) }
  }

  mutating func add(_ row: DumpRow, isImplicit: Bool) {
    let isDirectory = row.mode & 0o170000 == 0o040000
    if isImplicit, isDirectory, files[row.path] != nil { return }
    put(row)
  }

  private mutating func put(_ row: DumpRow) {
    let first = row.hardLinkTo ?? row.path
    var whole = row.hardLinkTo.flatMap { files[$0] } ?? row
    whole.path = row.path
    files[row.path] = whole
    next += 1
    identity[row.path] = row.hardLinkTo == nil ? next : identity[first]
  }

  var rows: [DumpRow] {
    let slash = UInt8(ascii: "/")
    let order = files.keys.sorted {
      $0.split(separator: slash).lexicographicallyPrecedes($1.split(separator: slash)) {
        $0.lexicographicallyPrecedes($1)
      }
    }
    let names = Dictionary(grouping: order) { identity[$0] }
    let directories = order.filter { (files[$0]?.mode ?? 0) & 0o170000 == 0o040000 }
    let parents = Dictionary(
      grouping: directories.filter { !$0.isEmpty },
      by: { $0[..<($0.lastIndex(of: slash) ?? 0)] }
    )
    return order.compactMap { path in
      guard var row = files[path] else { return nil }
      if row.mode & 0o170000 == 0o040000 {
        row.linkCount = UInt32(2 + (parents[path[...]]?.count ?? 0))
        return row
      }
      let group = names[identity[path]] ?? []
      row.linkCount = UInt32(group.count)
      row.hardLinkTo = group.first == path ? nil : group.first
      if row.hardLinkTo != nil { row.contentDigest = nil }
      return row
    }
  }
}

extension DumpRow {
  /// What is left of a row in an inode of 128 bytes.
  fileprivate var inSmallInode: DumpRow {
    var row = self
    row.seconds = Int64(Int32(clamping: seconds))
    row.nanoseconds = 0
    return row
  }
}

extension Scratch {
  /// An image that mkfs.ext4 makes of `files` with `arguments` of the test's own.
  func image(
    _ arguments: [String] = [],
    mebibytes: Int = 64,
    of files: [SourceFile] = []
  ) throws -> URL {
    let directory = try output()
    let image = directory.appendingPathComponent("image")
    try succeed("truncate", ["-s", "\(mebibytes)M", image.path])
    let source = try source(SourceDirectory(files))
    let owner = ["-E", "root_owner=0:0"]
    try succeed("mkfs.ext4", ["-F", "-q", "-d", source.path] + owner + arguments + [image.path])
    return image
  }
}

/// Expects `body` to fail with exactly this error, and the image and its directory to be as they
/// were.
func expectRefusal(
  _ image: URL,
  _ expected: Ext4Error,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async throws {
  try await expectRefusal(image, sourceLocation: sourceLocation, { $0 == expected }, body)
}

func expectRefusal(
  _ image: URL,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ isExpected: (Ext4Error) -> Bool,
  _ body: () async throws -> Void
) async throws {
  let before = try (
    HostTool.digests(of: [image]), names(in: image.deletingLastPathComponent()), inode(of: image)
  )
  do {
    try await body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
  } catch let error as Ext4Error {
    #expect(
      isExpected(error),
      "\(error): \(String(reflecting: error))",
      sourceLocation: sourceLocation
    )
  }
  let after = try (
    HostTool.digests(of: [image]), names(in: image.deletingLastPathComponent()), inode(of: image)
  )
  #expect(before == after, sourceLocation: sourceLocation)
}

/// Number, mode, owner and size of a file.
func inode(of file: URL) throws -> [UInt64] {
  var status = stat()
  guard lstat(file.path, &status) == 0 else {
    throw WitnessFailure(description: "\(file.path): errno \(errno)")
  }
  return [
    UInt64(status.st_ino), UInt64(status.st_mode), UInt64(status.st_uid), UInt64(status.st_gid),
    UInt64(status.st_size),
  ]
}
