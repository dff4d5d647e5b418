// The first request of a connection and its answer: which capabilities the kernel offers and which
// are used. Knows message layouts only; Connection moves the bytes.
//
// libfuse 3.14 accepts PARALLEL_DIROPS from a file system but does not tell the kernel, and later
// versions keep the wish for capabilities elsewhere. So the answer that libfuse composes is changed
// before it is sent, which is right for all of them. Source: linux/fuse.h, "INIT".

import CFuse3

/// What the kernel said in its INIT request.
struct KernelOffer: Equatable, Sendable {
  let minor: UInt32
  let flags: UInt32

  /// Reads an INIT request.
  ///
  /// - Throws: `.unsupportedProtocol` before 7.23, of Linux 3.15, the first with answers this long,
  ///   and from 8 on.
  init(request: [UInt8]) throws(FuseError) {
    let header = MemoryLayout<fuse_in_header>.size
    // Before extensions, INIT had these four words: major, minor, max_readahead and flags.
    let bytes = request.span.bytes
    guard bytes.byteCount >= header + 4 * MemoryLayout<UInt32>.size,
      bytes.unsafeLoadUnaligned(as: fuse_in_header.self).opcode == FUSE_INIT.rawValue
    else { throw .handshakeFailed(step: "the first request is not INIT", messages: []) }
    let major = bytes.unsafeLoadUnaligned(fromByteOffset: header, as: UInt32.self)
    minor = bytes.unsafeLoadUnaligned(fromByteOffset: header + 4, as: UInt32.self)
    flags = bytes.unsafeLoadUnaligned(fromByteOffset: header + 12, as: UInt32.self)
    guard major == 7, minor >= 23 else {
      throw .unsupportedProtocol(major: major, minor: minor)
    }
  }

  func includes(_ flag: Int32) -> Bool {
    flags & UInt32(bitPattern: flag) != 0
  }
}

/// The changes to libfuse's answer to INIT.
enum InitAnswer {
  /// The most bytes that one READ asks for: 1 MiB, the kernel's usual limit of 256 pages of 4 KiB.
  static var largestRead: Int { 1 << 20 }

  /// Read-ahead requests that the kernel may have under way at once, instead of 12; a reader of
  /// many files would be held up by that.
  ///
  /// Beyond three quarters it waits for some to end.
  private static var maxBackground: UInt16 { 64 }

  /// Used wherever the kernel offers it: lookups in one directory at the same time, symbolic link
  /// targets that are kept, file handles that stay good, attributes together with listings.
  private static var wanted: [Int32] {
    [FUSE_PARALLEL_DIROPS, FUSE_CACHE_SYMLINKS, FUSE_EXPORT_SUPPORT, FUSE_DO_READDIRPLUS]
  }

  /// Completes the answer to INIT in place.
  ///
  /// READDIRPLUS_AUTO is taken away: who reads a directory to its end before looking at its entries
  /// would get them without attributes, and then ask for each one.
  static func complete(
    _ answer: inout [UInt8],
    offer: KernelOffer,
    pageByteCount: Int
  ) throws(FuseError) {
    let start = MemoryLayout<fuse_out_header>.size
    guard answer.count >= start + MemoryLayout<fuse_init_out>.size else {
      throw .handshakeFailed(step: "the answer to INIT is short", messages: [])
    }
    let header = answer.span.bytes.unsafeLoadUnaligned(as: fuse_out_header.self)
    guard header.error == 0 else {
      throw .handshakeFailed(step: "INIT was refused", messages: [])
    }
    var body = answer.span.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: fuse_init_out.self)
    for flag in wanted where offer.includes(flag) {
      body.flags |= UInt32(bitPattern: flag)
    }
    body.flags &= ~UInt32(bitPattern: FUSE_READDIRPLUS_AUTO)
    body.max_background = maxBackground
    body.congestion_threshold = maxBackground / 4 * 3
    body.max_pages = min(body.max_pages, UInt16(max(largestRead / pageByteCount, 1)))
    answer.withUnsafeMutableBytes {
      $0.storeBytes(of: body, toByteOffset: start, as: fuse_init_out.self)
    }
  }
}
