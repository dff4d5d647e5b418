// Random reads of a mount, by pread, O_DIRECT and mmap, compared with the same reads of the same files
// in another directory. The seed gives the same reads again.

import Glibc
import TestKit

struct ReadComparison {
  /// How many reads were compared, and how many bytes they gave.
  var totals: String { "\(readCount) reads, \(byteCount) bytes" }
  private var readCount = 0
  private var byteCount = 0

  private struct File {
    var directory: OpenDirectory
    var oracle: OpenDirectory
    var name: [UInt8]
    var size: Int
  }

  private enum Way: CaseIterable { case read, direct, mapped }

  private static let longestRead = 3 << 20
  private static let pageByteCount = 4096

  private var generator: SeededGenerator
  private let seed: UInt64
  private var files: [File] = []
  /// The indices of the largest files, in which most of the bytes are.
  private var largest: [Int] = []

  init(_ path: String, with oracle: String, seed: UInt64) throws {
    generator = SeededGenerator(seed: seed)
    self.seed = seed
    try gather(try OpenDirectory(path), try OpenDirectory(oracle))
    largest = Array(files.indices.sorted { files[$0].size > files[$1].size }.prefix(20))
  }

  private mutating func gather(_ directory: OpenDirectory, _ oracle: OpenDirectory) throws {
    for name in try oracle.names() {
      let status = try oracle.status(of: name)
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        let below = try OpenDirectory(name, in: directory)
        let (count, oracle) = (files.count, try OpenDirectory(name, in: oracle))
        try gather(below, oracle)
        if files.count == count { continue }
      case S_IFREG:
        let size = Int(status.st_size)
        files.append(File(directory: directory, oracle: oracle, name: name, size: size))
      default:
        continue
      }
    }
  }

  /// Compares one read.
  mutating func compare() throws {
    let isLarge = Bool.random(using: &generator)
    let index =
      (isLarge ? largest.randomElement(using: &generator) : nil)
      ?? Int.random(in: 0..<files.count, using: &generator)
    let file = files[index]
    // Beyond the end too, where there is nothing.
    let offset = Int.random(in: 0...(file.size + 10), using: &generator)
    let limit = Bool.random(using: &generator) ? Self.longestRead : 9000
    let count = Int.random(in: 1...limit, using: &generator)
    let way = Way.allCases.randomElement(using: &generator) ?? .read
    let expected = try bytes(of: file, in: file.oracle, offset, count, .read)
    let found = try bytes(of: file, in: file.directory, offset, count, way)
    guard found == expected else {
      let name = String(decoding: file.name, as: UTF8.self)
      throw WitnessFailure(
        description: "seed \(seed): \(way) of \(count) bytes at \(offset) of \(name) differs"
      )
    }
    readCount += 1
    byteCount += found.count
  }

  private func bytes(
    of file: File,
    in directory: OpenDirectory,
    _ offset: Int,
    _ count: Int,
    _ way: Way
  ) throws -> [UInt8] {
    let descriptor = try directory.openFile(file.name, flags: way == .direct ? __O_DIRECT : 0)
    defer { close(descriptor) }
    switch way {
    case .read, .direct:
      return try read(descriptor, file, offset, count)
    case .mapped:
      let end = min(offset + count, file.size)
      return end > offset ? try mapped(descriptor, file, offset, end) : []
    }
  }

  /// One call: at the end of a file, and only there, it may give less than was asked for.
  private func read(
    _ descriptor: Int32,
    _ file: File,
    _ offset: Int,
    _ count: Int
  ) throws -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count,
      alignment: Self.pageByteCount
    )
    defer { buffer.deallocate() }
    let got = pread(descriptor, buffer.baseAddress, count, off_t(offset))
    guard got >= 0 else { throw SystemFailure("pread", file.name) }
    return Array(buffer.prefix(got))
  }

  private func mapped(
    _ descriptor: Int32,
    _ file: File,
    _ start: Int,
    _ end: Int
  ) throws -> [UInt8] {
    let first = start / Self.pageByteCount * Self.pageByteCount
    let length = end - first
    let map = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, off_t(first))
    guard let map, map != MAP_FAILED else { throw SystemFailure("mmap", file.name) }
    defer { munmap(map, length) }
    return Array(UnsafeRawBufferPointer(start: map, count: length)[(start - first)...])
  }
}
