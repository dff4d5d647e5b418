// Memory that ends where a page begins that nobody may touch: a C library that reads or writes one
// byte too many traps, which the address sanitizer sees in code that it has compiled only.
// Source: mmap(2), mprotect(2).

import Glibc

/// Room for bytes, as far behind as they can be.
final class GuardedBytes {
  private let pages: UnsafeMutableRawBufferPointer
  private let end: Int

  init(byteCount: Int) {
    let page = Int(getpagesize())
    end = (byteCount + page - 1) / page * page
    let (readWrite, flags) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
    let start = mmap(nil, end + page, readWrite, flags, -1, 0)
    guard let start, start != MAP_FAILED, mprotect(start + end, page, PROT_NONE) == 0 else {
      preconditionFailure("no memory")
    }
    pages = UnsafeMutableRawBufferPointer(start: start, count: end + page)
  }

  deinit { munmap(pages.baseAddress, pages.count) }

  /// The last `count` bytes before the guard; `count` must not be more than was asked for.
  func last(_ count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: pages[end - count..<end])
  }
}
