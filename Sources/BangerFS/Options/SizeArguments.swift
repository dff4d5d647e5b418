// Sizes on the command line: bytes, or a number with K, M, G or T for powers of 1024.

import ArgumentParser

struct ByteCountArgument: ExpressibleByArgument, Equatable {
  let byteCount: UInt64

  init?(argument: String) {
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    var digits = argument.uppercased()
    // "4G", "4GiB" and "4GB" mean the same: nobody makes disks of decimal gigabytes here.
    for suffix in ["IB", "B"] where digits.hasSuffix(suffix) && digits.count > suffix.count {
      digits.removeLast(suffix.count)
      break
    }
    var unit: UInt64 = 1
    if let last = digits.last, let known = units[last] {
      unit = known
      digits.removeLast()
    }
    guard let number = UInt64(digits) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    byteCount = product
  }
}

enum SizeArgument: ExpressibleByArgument, Equatable {
  case automatic
  case exact(UInt64)

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
    } else if let size = ByteCountArgument(argument: argument) {
      self = .exact(size.byteCount)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String { "auto" }
}

/// What caches may take: at least 2 MiB, so that a span fits that was cut as most are.
struct MemoryArgument: ExpressibleByArgument, Equatable {
  private let byteCount: Int

  init() {
    byteCount = 128 << 20
  }

  init?(argument: String) {
    guard let size = ByteCountArgument(argument: argument), size.byteCount >= 2 << 20,
      let byteCount = Int(exactly: size.byteCount)
    else { return nil }
    self.byteCount = byteCount
  }

  var half: Int { byteCount / 2 }

  var defaultValueDescription: String { "128M" }
}
