// A small world for the tests: the same files as a directory of the host and as a Tree.

import FileTree
import FlatArrays
import Foundation
import Glibc
import Offsets
import TestKit
import Testing

/// One file of a test, with everything that the tree says about it.
struct SourceFile {
  var path: [UInt8]
  var kind: Kind
  var attributes: EntryAttributes
  var extendedAttributes: [ExtendedAttribute] = []

  enum Kind {
    case directory
    case file([UInt8])
    case link(to: [UInt8])
    case hardLink(to: [UInt8])
    case fifo
    case characterDevice(UInt32, UInt32)
    case blockDevice(UInt32, UInt32)
    /// A file of this size that is all hole but for these bytes at these places.
    case sparse(UInt64, [(offset: UInt64, bytes: [UInt8])])
    /// A file of this size without a block of zeros; for the tree only, not for the host.
    case full(UInt64)
  }

  static func file(_ path: String, _ text: String = "", mode: UInt16 = 0o644) -> SourceFile {
    SourceFile(
      path: Array(path.utf8),
      kind: .file(Array(text.utf8)),
      attributes: .init(mode: mode)
    )
  }

  static func directory(_ path: String, mode: UInt16 = 0o755) -> SourceFile {
    SourceFile(path: Array(path.utf8), kind: .directory, attributes: .init(mode: mode))
  }

  static func link(_ path: String, to target: String) -> SourceFile {
    SourceFile(
      path: Array(path.utf8),
      kind: .link(to: Array(target.utf8)),
      attributes: .init(mode: 0o777)
    )
  }

  static func hardLink(_ path: String, to target: String) -> SourceFile {
    SourceFile(
      path: Array(path.utf8),
      kind: .hardLink(to: Array(target.utf8)),
      attributes: .init(mode: 0)
    )
  }

  func owned(by uid: UInt32, _ gid: UInt32) -> SourceFile { with { ($0.uid, $0.gid) = (uid, gid) } }

  func at(_ seconds: Int64, _ nanoseconds: UInt32 = 0) -> SourceFile {
    with { ($0.seconds, $0.nanoseconds) = (seconds, nanoseconds) }
  }

  func having(_ name: String, _ value: [UInt8]) -> SourceFile {
    var changed = self
    changed.extendedAttributes.append(ExtendedAttribute(name: Array(name.utf8), value: value))
    return changed
  }

  private func with(_ change: (inout EntryAttributes) -> Void) -> SourceFile {
    var changed = self
    change(&changed.attributes)
    return changed
  }
}

/// Files on the host, and their tree.
struct SourceDirectory {
  let files: [SourceFile]

  init(_ files: [SourceFile]) {
    self.files = files
  }

  /// The tree as the merge makes it from one layer.
  var tree: Tree {
    get throws {
      var builder = LayerTableBuilder()
      for file in files {
        try builder.append(
          content(of: file),
          at: file.path,
          attributes: file.attributes,
          extendedAttributes: file.extendedAttributes,
          member: .zero
        )
        count(file, in: &builder)
      }
      return try TreeBuilder.merge([try builder.table()]).tree
    }
  }

  /// Counts the blocks of a file that are not zero, as it is done for a layer.
  private func count(_ file: SourceFile, in builder: inout LayerTableBuilder) {
    var counter = DataBlockCounter()
    switch file.kind {
    case .file(let bytes): counter.add(bytes.span, at: .zero)
    case .sparse(_, let runs):
      for run in runs { counter.add(run.bytes.span, at: FileOffset(run.offset)) }
    default: return
    }
    builder.setDataBlocks(counter.blocks, runs: counter.runs, ofEntry: builder.entryCount - 1)
  }

  private func content(of file: SourceFile) -> EntryContent {
    switch file.kind {
    case .directory: .directory
    case .file(let bytes):
      .regular(byteCount: UInt64(bytes.count), data: .zero, segments: [])
    case .link(let target): .symbolicLink(target: target)
    case .hardLink(let target): .hardLink(target: target)
    case .full(let size): .regular(byteCount: size, data: .zero, segments: [])
    case .fifo: .fifo
    case .characterDevice(let major, let minor): .characterDevice(major: major, minor: minor)
    case .blockDevice(let major, let minor): .blockDevice(major: major, minor: minor)
    case .sparse(let size, let runs):
      .regular(
        byteCount: size,
        data: .zero,
        segments: runs.map {
          DataSegment(
            file: FileOffset($0.offset),
            byteCount: UInt64($0.bytes.count),
            tar: .zero
          )
        }
      )
    }
  }

  /// Makes the files below `root`, which must exist.
  ///
  /// `faithfully`: with owners, modes, times and attributes, as far as this process may. Else all of
  /// that is left to chance, and mkfs.ext4 copies the wrong values.
  func make(in root: URL, faithfully: Bool) throws {
    for file in files { try make(file, at: hostPath(file.path, in: root)) }
    if !faithfully { return }
    for file in files.reversed() {
      if case .hardLink = file.kind { continue }
      apply(file, to: hostPath(file.path, in: root))
    }
  }

  private func hostPath(_ path: [UInt8], in root: URL) -> [CChar] {
    (Array(root.path.utf8) + [UInt8(ascii: "/")] + path + [0]).map { CChar(bitPattern: $0) }
  }

  private func make(_ file: SourceFile, at path: [CChar]) throws {
    let result: Int32
    switch file.kind {
    case .directory: result = file.path.isEmpty ? 0 : mkdir(path, 0o755)
    case .file(let bytes): result = write([(0, bytes)], size: UInt64(bytes.count), to: path)
    case .sparse(let size, let runs): result = write(runs, size: size, to: path)
    case .full: throw WitnessFailure(description: "a file that is for the tree only")
    case .link(let target): result = symlink((target + [0]).map { CChar(bitPattern: $0) }, path)
    case .hardLink(let target):
      let root = Array(path.prefix(path.count - 1 - file.path.count))
      result = link(root + (target + [0]).map { CChar(bitPattern: $0) }, path)
    case .fifo: result = mkfifo(path, 0o644)
    case .characterDevice(let major, let minor):
      result = mknod(path, S_IFCHR | 0o644, device(major, minor))
    case .blockDevice(let major, let minor):
      result = mknod(path, S_IFBLK | 0o644, device(major, minor))
    }
    if result != 0 {
      throw WitnessFailure(description: "\(EscapedBytes.string(file.path)): errno \(errno)")
    }
  }

  private func device(_ major: UInt32, _ minor: UInt32) -> dev_t {
    let (major, minor) = (UInt(major), UInt(minor))
    return (major & 0xFFFF_F000) << 32 | (major & 0xFFF) << 8 | (minor & 0xFFFF_FF00) << 12
      | minor & 0xFF
  }

  private func write(
    _ runs: [(offset: UInt64, bytes: [UInt8])],
    size: UInt64,
    to path: [CChar]
  ) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
    if descriptor < 0 { return -1 }
    defer { close(descriptor) }
    for (offset, bytes) in runs where pwrite(descriptor, bytes, bytes.count, Int(offset)) < 0 {
      return -1
    }
    return ftruncate(descriptor, Int(size))
  }

  private func apply(_ file: SourceFile, to path: [CChar]) {
    let wanted = file.attributes
    for attribute in file.extendedAttributes {
      let name = (attribute.name + [0]).map { CChar(bitPattern: $0) }
      _ = HostAttribute.set?(path, name, attribute.value, attribute.value.count, 0)
    }
    lchown(path, wanted.uid, wanted.gid)
    if case .link = file.kind {} else { chmod(path, mode_t(wanted.mode)) }
    let time = timespec(tv_sec: Int(wanted.seconds), tv_nsec: Int(wanted.nanoseconds))
    utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
  }

  /// The dump's rows of the tree, with digests of the bytes that the files have on the host.
  func rows(from root: URL) throws -> [DumpRow] {
    let tree = try tree
    var paths: [NodeID: [UInt8]] = [:]
    for step in tree.walk() where tree[step.node].kind == .regular { paths[step.node] = step.path }
    let nodes = paths.keys.sorted()
    let links = root.deletingLastPathComponent().appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: links, withIntermediateDirectories: false)
    // under names of our own, whatever the files are called
    let files = try nodes.map { node in
      let file = links.appendingPathComponent("\(node.index)")
      if symlink(hostPath(paths[node] ?? [], in: root), file.path) != 0 {
        throw WitnessFailure(description: "symlink: errno \(errno)")
      }
      return file
    }
    let digests = Dictionary(uniqueKeysWithValues: zip(nodes, try HostTool.digests(of: files)))
    return tree.dumpRows { digests[$0] }
  }
}

/// Setting extended attributes of the host, which the C module does not declare.
private enum HostAttribute {
  typealias Setter =
    @convention(c) (
      UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32
    ) -> Int32

  /// The corresponding C function is `lsetxattr`.
  static let set = dlsym(nil, "lsetxattr").map { unsafeBitCast($0, to: Setter.self) }
}

/// A directory of the test's own, removed at its end.
struct Scratch {
  let url: URL

  /// Calls `body` with a new, empty directory.
  static func with<Result>(_ body: (Scratch) async throws -> Result) async throws -> Result {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("ext4-image-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    defer { HostTool.attempt { try FileManager.default.removeItem(at: url) } }
    return try await body(Scratch(url: url))
  }

  /// A new directory with these files in it.
  func source(_ files: SourceDirectory, faithfully: Bool = true) throws -> URL {
    let root = url.appendingPathComponent("source-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
    try files.make(in: root, faithfully: faithfully)
    return root
  }

  /// Names in a new, empty directory for output.
  func output() throws -> URL {
    let directory = url.appendingPathComponent("output-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    return directory
  }
}

func names(in directory: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
}

/// Shows the lines in which two dumps differ, and not both in full.
func expectEqual(
  _ actual: [DumpRow],
  _ expected: [DumpRow],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let (actual, expected) = (actual.map(\.line), expected.map(\.line))
  let differences = actual.difference(from: expected).map { change in
    switch change {
    case .insert(_, let line, _): "unexpected: \(line.prefix(400))"
    case .remove(_, let line, _): "missing:    \(line.prefix(400))"
    }
  }
  #expect(
    actual == expected,
    "\(differences.joined(separator: "\n"))",
    sourceLocation: sourceLocation
  )
}
