// Marks inode tables that are holes as zeroed, which resize2fs leaves to the guest's kernel: that would
// write zeros to all of them after the first mount.
// Source: Linux Documentation/filesystems/ext4/group_descr.rst, `bg_flags`; debugfs(8).

import SystemPackage

enum InodeTableMarks {
  /// No inode of the group is in use, and its bitmap says nothing.
  private static let inodesUninitialised: UInt16 = 0x1
  private static let tableZeroed: UInt16 = 0x4

  /// Commands for debugfs; none where there is nothing to mark.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  static func commands(for file: OpenFile) throws(Ext4Error) -> [UInt8] {
    let superblock = try Ext4Superblock(of: file)
    // without checksums of groups there are no such marks: uninit_bg, metadata_csum
    guard superblock.features.readOnlyCompatible & (0x10 | 0x400) != 0 else { return [] }
    let size = superblock.descriptorByteCount
    let start = superblock.descriptorOffset(ofGroup: 0)
    let all = try file.bytes(Int(superblock.groupCount) * size, at: start)
    let tableByteCount = UInt64(superblock.inodesPerGroup) * UInt64(superblock.inodeByteCount)
    var text = ""
    for group in 0..<Int(superblock.groupCount) {
      let descriptor = Array(all[(group * size)..<((group + 1) * size)])
      let flags = descriptor.little(UInt16.self, at: 0x12)
      guard flags & inodesUninitialised != 0, flags & tableZeroed == 0 else { continue }
      let table = superblock.inodeTable(in: descriptor)
      guard table < superblock.blockCount else {
        throw .malformedImage(what: "no block \(table)", byte: start + UInt64(group * size))
      }
      let tableStart = table << superblock.blockShift
      let tableEnd = tableStart + tableByteCount
      if try FileClone.dataRun(of: file, from: tableStart, byteCount: tableEnd) != nil { continue }
      text += "set_bg \(group) flags \(flags | tableZeroed)\nset_bg \(group) checksum calc\n"
    }
    return Array(text.utf8)
  }
}
