// What is said to the kernel and to fusermount3 without a mount: INIT, options, directory entries.

import Testing

@testable import FuseServer

@Suite struct InitMessageTests {
  /// An INIT request: the header of 40 bytes, then major, minor, max_readahead, flags.
  private func request(
    opcode: UInt32 = 26,
    major: UInt32 = 7,
    minor: UInt32 = 38,
    flags: UInt32 = 0
  ) -> [UInt8] {
    let header = words(56, opcode) + [UInt8](repeating: 0, count: 32)
    return header + words(major, minor, 131_072, flags)
  }

  /// An answer: length, error, unique (2), major, minor, max_readahead, flags, background and
  /// congestion, max_write, time_gran, max_pages and alignment, and 8 more.
  private func answer(flags: UInt32, error: UInt32 = 0, pages: UInt32 = 256) -> [UInt8] {
    words(80, error, 1, 0, 7, 38, 131_072, flags, 0, 1 << 20, 1, pages)
      + [UInt8](repeating: 0, count: 32)
  }

  private func words(_ words: UInt32...) -> [UInt8] {
    words.flatMap { word in withUnsafeBytes(of: word) { Array($0) } }
  }

  private func word(_ index: Int, of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self) }
  }

  private static let parallelDirectories: UInt32 = 1 << 18
  private static let cacheSymlinks: UInt32 = 1 << 23
  private static let exportSupport: UInt32 = 1 << 4
  private static let readdirplus: UInt32 = 1 << 13
  private static let readdirplusAuto: UInt32 = 1 << 14
  private static let asyncRead: UInt32 = 1 << 0

  private static let wanted: UInt32 =
    parallelDirectories | cacheSymlinks | exportSupport | readdirplus

  private static let flags: [(UInt32, UInt32, UInt32)] = [
    (UInt32.max, asyncRead | readdirplusAuto, asyncRead | wanted),
    (cacheSymlinks, asyncRead, asyncRead | cacheSymlinks),
    (0, 0, 0),
  ]

  @Test(arguments: flags)
  func `what the kernel offers and we want is added, and READDIRPLUS_AUTO taken away`(
    offered: UInt32,
    answered: UInt32,
    sent: UInt32
  ) throws {
    let offer = try KernelOffer(request: request(flags: offered))
    var bytes = answer(flags: answered)
    try InitAnswer.complete(&bytes, offer: offer, pageByteCount: 4096)
    #expect(word(7, of: bytes) == sent)
    // 64 background requests, congested at 48.
    #expect(word(8, of: bytes) == 48 << 16 | 64)
  }

  @Test(
    arguments: [(256, 4096, 256), (1024, 4096, 256), (256, 65_536, 16), (32, 4096, 32)]
      as [(UInt32, Int, UInt32)]
  )
  func `a read is at most 1 MiB`(answered: UInt32, page: Int, sent: UInt32) throws {
    let offer = try KernelOffer(request: request())
    var bytes = answer(flags: 0, pages: answered)
    try InitAnswer.complete(&bytes, offer: offer, pageByteCount: page)
    #expect(word(11, of: bytes) == sent)
  }

  @Test(arguments: [(6, 38), (8, 0), (7, 22)] as [(UInt32, UInt32)])
  func `a protocol of another age is refused`(major: UInt32, minor: UInt32) {
    #expect(throws: FuseError.unsupportedProtocol(major: major, minor: minor)) {
      try KernelOffer(request: request(major: major, minor: minor))
    }
  }

  @Test func `what is not INIT or is cut short is refused`() throws {
    let refused = FuseError.handshakeFailed(step: "the first request is not INIT", messages: [])
    #expect(throws: refused) { try KernelOffer(request: request(opcode: 1)) }
    for count in 0..<request().count {
      #expect(throws: refused) { try KernelOffer(request: Array(request().prefix(count))) }
    }
    let offer = try KernelOffer(request: request())
    for count in 0..<answer(flags: 0).count {
      var short = Array(answer(flags: 0).prefix(count))
      #expect(throws: FuseError.handshakeFailed(step: "the answer to INIT is short", messages: []))
      { try InitAnswer.complete(&short, offer: offer, pageByteCount: 4096) }
    }
    // -EPROTO
    var failed = answer(flags: 0, error: UInt32(bitPattern: -71))
    #expect(throws: FuseError.handshakeFailed(step: "INIT was refused", messages: [])) {
      try InitAnswer.complete(&failed, offer: offer, pageByteCount: 4096)
    }
  }
}

@Suite struct FuseOptionsTests {
  @Test(arguments: [
    ("image", #"image"#), (#"a,b"#, #"a\,b"#), (#"back\slash"#, #"back\\slash"#),
    ("name@sha256:0", "name@sha256:0"),
  ])
  func `commas and backslashes of the source are escaped for fusermount3`(
    source: String,
    escaped: String
  ) {
    let options = FuseOptions(sourceName: Array(source.utf8)).helperOptions
    #expect(
      String(decoding: options, as: UTF8.self)
        == "ro,nosuid,nodev,subtype=banger-fs,fsname=" + escaped
    )
  }

  @Test func `X22: others are let in only together with permission checks`() {
    var options = FuseOptions(sourceName: Array("s".utf8))
    let closed = "fd=3,rootmode=40000,user_id=5,group_id=6"
    #expect(options.kernelOptions(descriptor: 3, userID: 5, groupID: 6) == closed)
    options.allowsOtherUsers = true
    #expect(
      options.kernelOptions(descriptor: 3, userID: 5, groupID: 6)
        == closed + ",allow_other,default_permissions"
    )
    #expect(
      String(decoding: options.helperOptions, as: UTF8.self).hasSuffix(
        ",allow_other,default_permissions"
      )
    )
  }
}

@Suite struct DirectoryReplyBufferTests {
  private func fill(
    _ byteCount: Int,
    carriesAttributes: Bool,
    _ entries: [([UInt8], UInt64)]
  ) -> (accepted: [Bool], used: Int, isMalformed: Bool) {
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { memory in
      var buffer = DirectoryReplyBuffer(memory: memory, carriesAttributes: carriesAttributes)
      let attributes = FuseAttributes(inode: .root, mode: 0o040755)
      let accepted = entries.map { entry in
        entry.0.withUnsafeBytes { buffer.append($0, attributes, cookie: entry.1) }
      }
      return (accepted, buffer.byteCount, buffer.isMalformed)
    }
  }

  // An entry is 24 bytes and the name, rounded up to 8; with attributes 128 bytes more.
  @Test(arguments: [(false, 32), (true, 160)])
  func `entries are taken until the room is used up exactly`(plus: Bool, entry: Int) {
    let names = (0..<3).map { (Array("name-\($0)".utf8), UInt64($0) + 1) }
    let exact = fill(2 * entry, carriesAttributes: plus, names)
    #expect(exact.accepted == [true, true, false])
    #expect(exact.used == 2 * entry)
    #expect(!exact.isMalformed)
    let short = fill(2 * entry - 1, carriesAttributes: plus, names)
    #expect(short.accepted == [true, false, false])
    #expect(fill(0, carriesAttributes: plus, names).accepted == [false, false, false])
  }

  private static let impossible: [(String, UInt64)] = [
    ("", 1), ("a/b", 1), ("a\0b", 1), (String(repeating: "a", count: 256), 1), ("a", 0),
    ("a", 1 << 63),
  ]

  @Test(arguments: impossible)
  func `an entry that no directory can have spoils the answer`(name: String, cookie: UInt64) {
    let outcome = fill(4096, carriesAttributes: true, [(Array(name.utf8), cookie)])
    #expect(outcome.accepted == [false])
    #expect(outcome.used == 0)
    #expect(outcome.isMalformed)
  }

  @Test func `names of extended attributes are ended by NUL and bounded`() {
    withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { memory in
      var list = ExtendedAttributeList(memory: memory)
      Array("user.a".utf8).withUnsafeBytes { list.append($0) }
      #expect(list.byteCount == 7 && !list.isTooLong)
      #expect(memory.prefix(7).elementsEqual("user.a\0".utf8))
      Array("b.c".utf8).withUnsafeBytes { list.append($0) }
      #expect(list.byteCount == 7 && list.isTooLong)
    }
  }
}
