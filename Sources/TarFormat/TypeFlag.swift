// The type flag of a header block, and what each value asks of a reader.
// Sources: POSIX.1-2017 pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format";
// Solaris tar ('X').

enum TypeFlag {
  /// What a header of some type flag is.
  enum Role {
    case member
    /// Its data speaks about other headers.
    case special
    case volumeLabel
    /// Part of a multi-volume or of GNU's oldest dialects, which no single stream can serve.
    case unsupported
  }

  static let paxLocal: UInt8 = 0x78  // 'x'
  static let paxSolaris: UInt8 = 0x58  // 'X'
  static let paxGlobal: UInt8 = 0x67  // 'g'
  static let gnuLongPath: UInt8 = 0x4c  // 'L'
  static let gnuLongLinkTarget: UInt8 = 0x4b  // 'K'
  static let gnuDumpDirectory: UInt8 = 0x44  // 'D'
  static let gnuSparse: UInt8 = 0x53  // 'S'
  static let gnuVolumeLabel: UInt8 = 0x56  // 'V'
  static let gnuMultiVolume: UInt8 = 0x4d  // 'M'
  static let gnuOldLongNames: UInt8 = 0x4e  // 'N'

  /// The role of `flag`, or `nil` if no dialect we know defines it.
  static func role(of flag: UInt8) -> Role? {
    switch flag {
    case 0, 0x30...0x37, gnuDumpDirectory, gnuSparse: .member
    case paxLocal, paxSolaris, paxGlobal, gnuLongPath, gnuLongLinkTarget: .special
    case gnuVolumeLabel: .volumeLabel
    case gnuMultiVolume, gnuOldLongNames: .unsupported
    default: nil
    }
  }

  /// What a member of type `flag` is; of a flag whose role is `.member`.
  ///
  /// Before there was a type for directories, a slash at the end of the path told them from files.
  /// That holds where there is no type; a file that says it is one keeps its slash.
  static func kind(of flag: UInt8, pathEndsInSlash: Bool) -> TarMemberKind {
    switch flag {
    case 0: pathEndsInSlash ? .directory : .regular
    case 0x31: .hardLink
    case 0x32: .symbolicLink
    case 0x33: .characterDevice
    case 0x34: .blockDevice
    case 0x35, gnuDumpDirectory: .directory
    case 0x36: .fifo
    default: .regular
    }
  }
}
