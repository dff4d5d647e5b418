// A directory for tests of what is laid over images: files of this machine, a cache beside them, and trees
// written down as lines.

import FileTree
import FlatArrays
import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import Layers

struct AdditionPlace {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// A path in the place.
  func path(_ name: String) -> FilePath { FilePath(directory.appending(name)) }

  /// Runs commands in the place.
  func shell(_ script: String) throws {
    let url = URL(fileURLWithPath: directory.path)
    let result = try HostTool.run("bash", ["-euc", script], in: url)
    if result.status != 0 { throw ProgramFailure("\(script): \(result.errors)") }
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: directory.appending(name)))
  }

  func opener(
    cache: String = "cache",
    lowerLinks: LowerLinkPolicy = .replace
  ) throws -> ImageOpener {
    let cache = try CacheDirectory(opening: path(cache), version: LayerStore.cacheVersion)
    let store = LayerStore(cache: cache) { Issue.record("\($0)") }
    return ImageOpener(store: store, lowerLinks: lowerLinks)
  }

  func open(_ additions: [Addition]) throws -> OpenedImage {
    try opener().open(additions: additions)
  }

  func directory(_ name: String, owner: AddedOwner = .root) -> Addition {
    .directory(path(name), owner: owner)
  }

  func file(_ name: String, at guest: String, mode: UInt16? = nil) -> AddedFile {
    AddedFile(host: path(name), guest: Array(guest.utf8), mode: mode)
  }

  /// An image with these members in one layer.
  func image(_ entries: [TarEntry]) throws -> ResolvedImage {
    let layer = ImageFixture.Layer.plain(TarBytes.archive(entries))
    let name = "image-\(UUID().uuidString)"
    let fixture = try ImageFixture.image([layer], at: directory.appending(name))
    return try ImageResolver().resolve(try LayoutReference("oci:\(fixture.path):latest"))
  }
}

extension OpenedImage {
  /// The dump's rows, contents read through and through.
  func rows() throws -> [DumpRow] {
    try files.tree.dumpRows { id in
      let file = files.tree[id]
      return sha256(try files.read(file, at: 0, count: Int(file.size))).hex
    }
  }

  /// As `DumpRow.brief` writes them, without times.
  func brief() throws -> String {
    DumpRow.brief(
      try rows().map { row in
        var row = row
        row.seconds = 0
        row.nanoseconds = 0
        return row
      }
    )
  }

  var warningTexts: [String] {
    additionWarnings.map { warning in
      let first = warning.first.map { " " + EscapedBytes.string($0) } ?? ""
      return "\(warning.name): \(warning.kind) \(warning.count)\(first)"
    }
  }
}

/// The rows of a directory of this machine by its witness, as they become: without the directory itself.
func hostRows(
  _ path: FilePath,
  _ change: (inout DumpRow) -> Void = { _ in }
) throws -> [DumpRow] {
  var rows = try DirectoryWitness.rows(of: path.string)
  rows.removeFirst()
  // Sockets are left out.
  rows.removeAll { $0.mode & 0o170000 == 0o140000 }
  for index in rows.indices { change(&rows[index]) }
  return rows
}

/// What is thrown for an addition: the option, and what is wrong with it.
func additionFailure<Result>(_ body: () throws -> Result) -> String? {
  guard let failure = failure(body) else { return nil }
  guard case .addition = failure else { return "another: \(failure)" }
  return "\(failure)"
}
