// What can be wrong with files and devices that are there already, in words.

import SystemPackage

extension Ext4Error {
  var diskDescription: String? {
    switch self {
    case .sourceChanged(let path): "\(printable(path)): was changed while it was copied"
    case .notAnExt4(let path): "\(printable(path)): is not an ext4 file system"
    case .fileSystemNotClean(let path, let what): "\(printable(path)): \(what)"
    case .inUse(let path): "\(printable(path)): is in use"
    case .seedTooLarge(let path, let requested, let smallest):
      "\(printable(path)): does not fit in \(requested) bytes: \(smallest) bytes are needed"
    case .notABlockDevice(let path): "\(printable(path)): is not a block device"
    case .deviceTooSmall(let path, let count, let needed):
      "\(printable(path)): has \(count) bytes, but \(needed) bytes are needed"
    case .deviceDiffers(let path, let byte):
      "\(printable(path)): does not hold what was written to it, at device byte \(byte)"
    default: nil
    }
  }

  var diskHint: String? {
    switch self {
    case .fileSystemNotClean(let path, _): "mend it with e2fsck -f \(printable(path))"
    case .inUse: "unmount it, and detach it from its loop device"
    case .seedTooLarge(_, _, let smallest): "use --size \(smallest), or leave --size out"
    case .notABlockDevice: "leave out --device to write a file"
    case .deviceDiffers: "the device may be broken: see the kernel's messages"
    default: nil
    }
  }
}
