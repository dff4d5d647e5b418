// What a mount of ours says about itself, to whoever may ask its root. Source: getxattr(2).

import CFuse3
import Glibc

extension MountTable.Mount {
  /// The value of an extended attribute of the mount's root.
  ///
  /// Waits for a server that is there but does not answer.
  ///
  /// The corresponding C function is `getxattr`.
  package func attribute(_ name: String) throws(POSIXErrno) -> [UInt8] {
    // No value is longer.
    var value = [UInt8](repeating: 0, count: 64 << 10)
    let count = getxattr(cString(mountpoint), name, &value, value.count)
    let cause = POSIXErrno.current
    guard count >= 0 else { throw cause }
    value.removeSubrange(count...)
    return value
  }
}
