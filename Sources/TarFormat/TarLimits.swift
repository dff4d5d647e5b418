// How much a tar stream may ask for. Without these, a few compressed bytes could demand any amount
// of memory or promise a file of any size.

/// Upper bounds for what one member may carry, in bytes unless said otherwise.
package struct TarLimits: Equatable, Sendable {
  /// Data of one `x`, `g`, `L` or `K` header: 1 MiB.
  ///
  /// It is held in memory. Sixteen paths of the longest kind we take would fit.
  package var specialHeader = 1 << 20

  /// Data of all such headers before one member: 4 MiB.
  ///
  /// Later headers replace what earlier ones said, so none needs more than a few.
  package var specialHeadersPerMember = 4 << 20

  /// A path or a hard link's target: 64 KiB, sixteen times what one system call takes (PATH_MAX).
  ///
  /// Longer trees than PATH_MAX are legal and can be walked step by step.
  package var path = 1 << 16

  /// A symbolic link's target: 4,095, PATH_MAX less its NUL; readlink(2) cannot return more.
  package var symbolicLinkTarget = 4095

  /// An extended attribute's name: 255, XATTR_NAME_MAX of linux/limits.h.
  package var attributeName = 255

  /// An extended attribute's value: 64 KiB, XATTR_SIZE_MAX of linux/limits.h.
  package var attributeValue = 1 << 16

  /// A member's attribute names, each with its NUL: 64 KiB, XATTR_LIST_MAX of linux/limits.h.
  package var attributeList = 1 << 16

  /// Data segments of one sparse file: 1 Mi segments of 24 bytes are 24 MiB of memory.
  package var sparseSegments = 1 << 20

  /// The textual map in front of a pax 1.0 sparse file's data: 8 MiB.
  ///
  /// Eight bytes of text for each of 1 Mi segments. The text is not kept; this bounds how far a
  /// number padded with zeros can drag on.
  package var sparseMapText = 8 << 20

  /// A file's size, holes included: 1 TiB.
  ///
  /// A sparse file of any size costs the archive nothing.
  package var fileSize: UInt64 = 1 << 40

  package init() {}

  /// Sets the bound for an extension header, of which four may come before one member.
  package mutating func setSpecialHeader(_ byteCount: Int) {
    specialHeader = byteCount
    specialHeadersPerMember = Self.scaled(byteCount, by: 4)
  }

  /// Sets the bound for the segments of a sparse file, with eight bytes of text for each.
  package mutating func setSparseSegments(_ count: Int) {
    sparseSegments = count
    sparseMapText = Self.scaled(count, by: 8)
  }

  private static func scaled(_ number: Int, by factor: Int) -> Int {
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
