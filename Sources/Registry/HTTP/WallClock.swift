// The time of day, for what servers say in dates. Everything else counts with a monotonic clock.

import Glibc

/// The clock that dates are compared with.
enum WallClock {
  static func secondsSince1970() -> Int64 { Int64(time(nil)) }
}
