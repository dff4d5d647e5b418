// Mode, owner, time and device numbers of a member: which of header and extensions holds, and what of the
// header's numbers is odd. Does not know paths, targets nor data: see MemberAssembler.

import Offsets

extension TarMember {
  /// Reads mode, owner, time and device.
  ///
  /// A field that an extension overrides is not looked at.
  mutating func readInode(
    of block: Span<UInt8>,
    dialect: TarDialect,
    at start: TarOffset,
    extensions: borrowing PendingExtensions,
    warnings: inout WarningTally
  ) throws(TarError) {
    let bits = try TarHeader.number(HeaderLayout.mode, of: block, at: start)
    warnings.noteNumbers(of: block, mode: bits, at: start, extensions: extensions)
    mode = UInt16(truncatingIfNeeded: bits) & 0o7777
    userID =
      if let owner = extensions.userID { owner } else {
        try TarHeader.owner(HeaderLayout.userID, of: block, at: start)
      }
    groupID =
      if let owner = extensions.groupID { owner } else {
        try TarHeader.owner(HeaderLayout.groupID, of: block, at: start)
      }
    if let time = extensions.modificationTime {
      modificationSeconds = time.seconds
      modificationNanoseconds = time.nanoseconds
    } else {
      modificationSeconds = try TarHeader.number(
        HeaderLayout.modificationTime,
        of: block,
        at: start
      )
      modificationNanoseconds = 0
    }
    // The oldest dialect has no device fields.
    guard dialect != .v7, kind == .characterDevice || kind == .blockDevice else {
      return
    }
    warnings.noteBlank(HeaderLayout.deviceMajor, of: block, at: start)
    warnings.noteBlank(HeaderLayout.deviceMinor, of: block, at: start)
    // Linux's device numbers: 12 bits of major, 20 of minor.
    deviceMajor = UInt32(
      try TarHeader.number(HeaderLayout.deviceMajor, upTo: 1 << 12 - 1, of: block, at: start)
    )
    deviceMinor = UInt32(
      try TarHeader.number(HeaderLayout.deviceMinor, upTo: 1 << 20 - 1, of: block, at: start)
    )
  }
}
