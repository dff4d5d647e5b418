// What all layer tests use: blobs in memory and on disk, images opened through the whole chain, and
// tables written down as lines, so that a test compares all of what a layer says.

import Dispatch
import FileTree
import FlatArrays
import Foundation
import Glibc
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import SystemPackage
import TestKit

@testable import Layers
import Threading

/// Whether two runs of bytes are the same; a generic comparison of megabytes takes seconds.
func isSame(_ left: [UInt8], _ right: ArraySlice<UInt8>) -> Bool {
  left.withUnsafeBytes { left in
    right.withUnsafeBytes { right in
      guard left.count == right.count else { return false }
      guard let first = left.baseAddress, let second = right.baseAddress else { return true }
      return memcmp(first, second, left.count) == 0
    }
  }
}

/// Blobs in memory.
struct MemorySource: ByteSource {
  var bytes: [UInt8]

  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    guard offset.bytes < byteCount else { return 0 }
    let start = Int(offset.bytes)
    let end = min(bytes.count, start + buffer.count)
    buffer.copyBytes(from: bytes[start..<end])
    return end - start
  }
}

/// A blob whose every read is refused.
struct RefusingSource: ByteSource {
  var byteCount: UInt64

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    throw .unreadable(at: offset, errno: EIO)
  }
}

func sha256(_ bytes: [UInt8]) -> Digest { DigestHasher.digest(of: bytes, .sha256) }

/// The index of a blob in memory that is what it claims to be, unless told otherwise.
func index(
  _ blob: [UInt8],
  tar: [UInt8],
  digest: Digest? = nil,
  progress: ByteProgress = { _ in }
) throws -> LayerIndex {
  try LayerIndexer.index(
    MemorySource(bytes: blob),
    blobDigest: digest ?? sha256(blob),
    diffID: sha256(tar),
    progress: progress
  )
}

/// What a layer-reading call throws; `nil` when it does not.
func failure<Result: ~Copyable>(
  _ body: () throws -> Result
) -> LayersError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? LayersError
  }
}

// MARK: - Tables as lines

extension LayerTable {
  /// One line for each entry, with everything it holds.
  var lines: [String] { entries.map(line) }

  private func line(_ entry: LayerEntry) -> String {
    var words = [
      "\(entry.header):", entry.kind.map { "\($0)" } ?? "?",
      "/" + EscapedBytes.string(path(of: entry)),
    ]
    switch entry.kind {
    case .regular:
      words.append("\(entry.size)")
      if entry.payload.count == 0 { words.append("at \(entry.data)") }
      for place in 0..<Int(entry.payload.count) {
        let segment = segments[Int(entry.payload.start) + place]
        words.append("\(segment.file)+\(segment.byteCount)@\(segment.tar)")
      }
    case .symbolicLink, .hardLink:
      words.append("-> " + EscapedBytes.string(slice(entry.payload).array))
    case .characterDevice, .blockDevice:
      words.append("\(entry.size >> 32):\(entry.size & 0xFFFF_FFFF)")
    default: break
    }
    if entry.kind != .whiteout, entry.kind != .opaque {
      words.append(String(entry.mode, radix: 8))
    }
    if entry.uid != 0 || entry.gid != 0 { words.append("\(entry.uid):\(entry.gid)") }
    if entry.seconds != 0 || entry.nanoseconds != 0 {
      words.append("\(entry.seconds).\(entry.nanoseconds)")
    }
    for attribute in extendedAttributes(of: entry) {
      words.append(
        EscapedBytes.string(attribute.name.array) + "=" + EscapedBytes.string(attribute.value.array)
      )
    }
    return words.joined(separator: " ")
  }
}

extension LayerIndex {
  /// Everything in the index but its bulk, and that as digests.
  var facts: [String] {
    [
      "\(blobDigest) \(diffID) \(codec) \(blobByteCount) \(tarByteCount)",
      points.map { "\($0)" }.joined(), "\(sha256(windows.map { $0 }))",
      blockChecksums.map { String($0) }.joined(separator: " "),
    ] + table.lines + warnings.map { "\($0)" }
  }
}

// MARK: - Images on disk

/// An image on disk and a cache for it, both in a directory of the test's own.
final class StoredImage: Sendable {
  let directory: TemporaryDirectory
  let fixture: ImageFixture
  /// The layers' blobs as written.
  let blobs: [[UInt8]]
  private let notes = Mutex<[ImageStoreError]>([])

  init(_ layers: [ImageFixture.Layer]) throws {
    directory = try TemporaryDirectory()
    blobs = layers.map(\.blob)
    fixture = try ImageFixture.image(layers, at: directory.appending("image"))
  }

  /// The large layer alone.
  convenience init(large encoding: LayerEncoding) throws {
    let large = LargeLayer.shared
    try self.init([
      .init(blob: large.blob(encoding), diffID: ImageFixture.sha256(large.tar))
    ])
  }

  convenience init(_ tars: [[UInt8]], as encoding: LayerEncoding) throws {
    try self.init(
      tars.map { .init(blob: encoding.blob(of: $0), diffID: ImageFixture.sha256($0)) }
    )
  }

  var cachePath: String { directory.appending("cache") }

  /// What could not be kept in the cache.
  var noted: [ImageStoreError] { notes.withLock { $0 } }

  func store(
    cache path: String? = nil,
    copyByteLimit: UInt64 = LayerStore.defaultCopyByteLimit
  ) throws -> LayerStore {
    let cache = try CacheDirectory(
      opening: FilePath(path ?? cachePath),
      version: LayerStore.cacheVersion
    )
    return LayerStore(cache: cache, copyByteLimit: copyByteLimit) { [self] error in
      notes.withLock { $0.append(error) }
    }
  }

  func resolve() throws -> ResolvedImage {
    try ImageResolver().resolve(try LayoutReference("oci:\(fixture.path):latest"))
  }

  func open(
    cache path: String? = nil,
    cacheByteLimit: Int = SpanCache.defaultByteLimit,
    progress: @escaping ByteProgress = { _ in }
  ) throws -> OpenedImage {
    try ImageOpener(store: try store(cache: path), cacheByteLimit: cacheByteLimit)
      .open(try resolve(), progress: progress)
  }

  /// The file of a layer in the cache.
  func cachePath(_ kind: CacheKind, layer: Int = 0) -> String {
    "\(cachePath)/banger/\(kind.rawValue)/\(LayerStore.cacheVersion)/sha256/"
      + sha256(blobs[layer]).hex
  }

  func blobPath(layer: Int = 0) -> String {
    "\(fixture.path)/blobs/sha256/" + sha256(blobs[layer]).hex
  }
}

/// The whole of a file, or what `body` makes of it, in place: the inode and its name stay.
func overwrite(_ path: String, keepingTime: Bool, _ body: (inout [UInt8]) -> Void) throws {
  var status = stat()
  guard stat(path, &status) == 0 else { throw ProgramFailure("no \(path)") }
  var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  body(&bytes)
  let descriptor = try FileDescriptor.open(path, .writeOnly, options: .truncate)
  try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
  // Else a time that no write here could have given it by chance.
  let time = keepingTime ? status.st_mtim : timespec(tv_sec: 1_000_000_000, tv_nsec: 7)
  guard utimensat(AT_FDCWD, path, [time, time], 0) == 0 else {
    throw ProgramFailure("cannot set the time of \(path)")
  }
}

/// The parts of a file's status by which one state of it is told from another.
struct FileState: Equatable {
  var inode: UInt64
  var byteCount: Int
  var seconds: Int
  var nanoseconds: Int

  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    inode = UInt64(status.st_ino)
    byteCount = Int(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

extension ImageFiles {
  /// The file at `path`.
  func file(_ path: String) throws -> Node { tree[try tree.lookUp(Array(path.utf8))] }

  func read(_ path: String, at offset: UInt64 = 0, count: Int) throws -> [UInt8] {
    try read(try file(path), at: offset, count: count)
  }

  func read(_ file: Node, at offset: UInt64, count: Int) throws -> [UInt8] {
    // Bytes that a short read would leave as they are.
    var bytes = [UInt8](repeating: 0xEE, count: count)
    let filled = try bytes.withUnsafeMutableBytes { try read(file, at: offset, into: $0) }
    return Array(bytes[..<filled])
  }

  /// The bytes if they are decoded already.
  func readDecoded(_ file: Node, at offset: UInt64, count: Int) throws -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    let filled = try bytes.withUnsafeMutableBytes {
      try read(file, at: offset, into: $0, decoding: .never)
    }
    return filled.map { Array(bytes[..<$0]) }
  }
}

/// A source that refuses some of its reads, counted from 1.
final class FlakySource: ByteSource {
  private let source: any ByteSource
  private let failingReads: Set<Int>
  private let count = Mutex(0)

  init(_ source: any ByteSource, failingReads: Set<Int>) {
    self.source = source
    self.failingReads = failingReads
  }

  var byteCount: UInt64 { source.byteCount }
  var readCount: Int { count.withLock { $0 } }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    let number = count.withLock { count in
      count += 1
      return count
    }
    if failingReads.contains(number) { throw .unreadable(at: offset, errno: EIO) }
    return try source.read(at: offset, into: buffer)
  }
}

/// Runs `body` on threads of their own, and `meanwhile` on this one, until all have ended.
///
/// Not on a queue, whose width is that of the machine.
func onThreads(
  _ count: Int,
  _ body: @escaping @Sendable (Int) throws -> Void,
  meanwhile: () throws -> Void = {}
) throws {
  let group = DispatchGroup()
  let failures = Mutex<[any Error]>([])
  let threads = (0..<count).map { number in
    group.enter()
    return Thread {
      do { try body(number) } catch { failures.withLock { $0.append(error) } }
      group.leave()
    }
  }
  for thread in threads { thread.start() }
  defer { group.wait() }
  try meanwhile()
  group.wait()
  if let failure = failures.withLock({ $0.first }) { throw failure }
}
