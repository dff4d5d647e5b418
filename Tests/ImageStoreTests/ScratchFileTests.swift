// Files without a name: what is appended to them, where it lies, and that nothing is left of them.

import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct ScratchFileTests {
  private let directory: TemporaryDirectory
  private let cache: CacheDirectory

  init() throws {
    directory = try TemporaryDirectory()
    cache = try CacheDirectory(opening: FilePath(directory.appending("cache")), version: 1)
  }

  private func source(_ bytes: [UInt8]) throws -> FileDescriptor {
    let path = directory.appending("source-\(UUID().uuidString)")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try FileDescriptor.open(path, .readOnly)
  }

  private func read(_ file: ScratchFile, at offset: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    let filled = try bytes.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
    return Array(bytes[..<filled])
  }

  private func listing() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: directory.appending("cache")).sorted()
  }

  /// Both ways to make one: for file systems that have files without names, and for others.
  private func files() throws -> [ScratchFile] {
    [try cache.makeScratchFile(), try cache.makeScratchFileByName()]
  }

  @Test func `what is appended can be read, wherever it began`() throws {
    let bytes = CompressedBytes.sample(byteCount: 200_000, seed: 1)
    let source = try source(bytes)
    defer { close(source.rawValue) }
    for file in try files() {
      let small = try file.append(from: source, at: 10, byteCount: 5)
      #expect(small == (0, 5))
      let large = try file.append(from: source, at: 0, byteCount: 200_000)
      // At a block's start, for file systems that can share blocks.
      #expect(large == (4096, 200_000))
      let next = try file.append(from: source, at: 199_999, byteCount: 1)
      #expect(next == (204_096, 1))
      #expect(try read(file, at: 0, 5) == Array(bytes[10..<15]))
      #expect(try read(file, at: 4096, 200_000) == bytes)
      #expect(try read(file, at: 204_096, 9) == [bytes[199_999]])
      #expect(try read(file, at: 204_097, 9) == [])
    }
  }

  @Test func `a source that ends early gives what it has`() throws {
    let source = try source([1, 2, 3])
    defer { close(source.rawValue) }
    let file = try cache.makeScratchFile()
    #expect(try file.append(from: source, at: 1, byteCount: 100) == (0, 2))
    #expect(try file.append(from: source, at: 3, byteCount: 100).byteCount == 0)
    #expect(try file.append(allOf: source) == (200, 3))
  }

  @Test func `files that the kernel cannot copy are read`() throws {
    let source = try FileDescriptor.open("/proc/self/status", .readOnly)
    defer { close(source.rawValue) }
    let file = try cache.makeScratchFile()
    let copied = try file.append(from: source, at: 0, byteCount: 6)
    #expect(copied == (0, 6))
    #expect(try read(file, at: 0, 6) == Array("Name:\t".utf8))
  }

  @Test func `whose fault a failure is can be told`() throws {
    let file = try cache.makeScratchFile()
    let unreadable = try FileDescriptor.open(directory.path, .readOnly)
    defer { close(unreadable.rawValue) }
    #expect(throws: ScratchFile.CopyFailure.source(.isDirectory)) {
      try file.append(from: unreadable, at: 0, byteCount: 1)
    }
    #expect(throws: ScratchFile.CopyFailure.source(.isDirectory)) {
      try file.append(allOf: unreadable)
    }
  }

  @Test func `nothing is to be seen of it, nor left`() throws {
    let before = try listing()
    let source = try source(Array(repeating: 7, count: 100_000))
    defer { close(source.rawValue) }
    for file in try files() {
      _ = try file.append(from: source, at: 0, byteCount: 100_000)
      #expect(try listing() == before)
    }
    #expect(try listing() == before)
  }

  @Test func `the cache knows itself`() throws {
    var status = stat()
    #expect(stat(cache.path.string, &status) == 0)
    #expect(cache.isAt(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    #expect(!cache.isAt(device: UInt64(status.st_dev), inode: UInt64(status.st_ino) + 1))
    #expect(stat(directory.path, &status) == 0)
    #expect(!cache.isAt(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
  }
}
