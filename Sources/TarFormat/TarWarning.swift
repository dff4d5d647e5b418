// Oddities of a tar stream that are tolerated, counted rather than listed: a stream of millions of
// odd members costs no more memory than one.

package import Offsets

/// One kind of tolerated oddity, how often it was met, and where first.
package struct TarWarning: Equatable, Sendable {
  /// Raw values are the codes that programs know the kinds by; they never change.
  package enum Kind: String, Sendable, CaseIterable {
    /// A global pax header carries names, sizes, owners, times or attributes; it is not applied.
    case globalHeaderIgnored = "global-header-ignored"
    /// A GNU header with a ustar prefix where GNU keeps times, as Go wrote before 1.8.
    case prefixInGNUHeader = "prefix-in-gnu-header"
    /// A checksum summed over signed bytes.
    case signedChecksum = "signed-checksum"
    /// No zero blocks, or only one, at the end of the stream.
    case missingEndOfArchive = "missing-end-of-archive"
    /// The stream ends behind a file's last byte, before its padding.
    case missingPadding = "missing-padding"
    /// Something other than zeros behind the end-of-archive marker, which nobody reads.
    case dataAfterEnd = "data-after-end"
    /// A volume label, which is no file.
    case volumeLabelSkipped = "volume-label-skipped"
    /// An incremental-backup directory; its list of names is skipped.
    case dumpDirectory = "dump-directory"
    /// A name, target, size, owner, time or attribute given more than once; the last one holds.
    case repeatedRecord = "repeated-record"
    /// A GNU long name or target with text behind its first NUL, where it ends.
    case textAfterNUL = "text-after-nul"
    /// A link, device, directory or fifo with a size; no data is looked for.
    case sizeIgnored = "size-ignored"
    /// A mode that holds the type of the file, or anything else beyond 07777.
    case modeBitsIgnored = "mode-bits-ignored"
    /// A number of nothing but blanks or NULs, which is taken for zero.
    case blankNumber = "blank-number"
    /// An ACL in star's textual form.
    case textualACLIgnored = "textual-acl-ignored"
    /// A label of the build host's SELinux policy, in the form of Red Hat's tar.
    case selinuxLabelIgnored = "selinux-label-ignored"
    /// Attributes as of chattr(1): immutable, append-only and the like.
    case fileFlagsIgnored = "file-flags-ignored"
    /// A pax record that means nothing to us.
    case unknownRecordIgnored = "unknown-record-ignored"
  }

  package var kind: Kind
  package var count: UInt64
  package var first: TarOffset
  /// Where the member begins that the first one is about; `nil` where it is about none.
  package var member: TarOffset?

  package init(kind: Kind, count: UInt64, first: TarOffset, member: TarOffset? = nil) {
    self.kind = kind
    self.count = count
    self.first = first
    self.member = member
  }
}

extension TarWarning.Kind {
  /// The kind as people read it.
  package var text: String {
    switch self {
    case .globalHeaderIgnored: "global pax header ignored"
    case .prefixInGNUHeader: "path prefix in a GNU header"
    case .signedChecksum: "signed header checksum"
    case .missingEndOfArchive: "missing end-of-archive marker"
    case .missingPadding: "missing padding of the last member"
    case .dataAfterEnd: "data behind the end of the archive ignored"
    case .volumeLabelSkipped: "volume label skipped"
    case .dumpDirectory: "incremental dump directory"
    case .repeatedRecord: "repeated extension record"
    case .textAfterNUL: "long name or target cut at its first NUL"
    case .sizeIgnored: "size of a member without data ignored"
    case .modeBitsIgnored: "bits of a mode beyond 07777 ignored"
    case .blankNumber: "blank number taken for zero"
    case .textualACLIgnored: "textual ACL ignored"
    case .selinuxLabelIgnored: "SELinux label ignored"
    case .fileFlagsIgnored: "file flags ignored"
    case .unknownRecordIgnored: "pax record with an unknown key ignored"
    }
  }
}

/// The warnings of one stream, in the order in which each kind was first met.
struct WarningTally {
  private(set) var warnings: [TarWarning] = []
  /// How many of them are known to be about a member, or about none.
  private var attributedCount = 0
  /// Whether anything but zeros was seen behind the end-of-archive marker.
  private var hasTrailingData = false

  mutating func note(_ kind: TarWarning.Kind, at position: TarOffset) {
    for index in warnings.indices where warnings[index].kind == kind {
      warnings[index].count += 1
      return
    }
    warnings.append(TarWarning(kind: kind, count: 1, first: position))
  }

  /// Says that what was noted since the last member, from `header` on, is about the member that
  /// begins there.
  mutating func attribute(toMemberAt header: TarOffset) {
    // Called for every member, and there are no more kinds than that.
    while attributedCount < warnings.count {
      if warnings[attributedCount].first >= header { warnings[attributedCount].member = header }
      attributedCount += 1
    }
  }
}

extension WarningTally {
  /// Notes what is odd about numbers of a member's header; not about those that extensions override,
  /// nor those that nothing is read from.
  ///
  /// Sizes of links and directories, and device numbers of what is no device, are left to NULs by
  /// many writers.
  mutating func noteNumbers(
    of block: Span<UInt8>,
    mode: Int64,
    at start: TarOffset,
    extensions: borrowing PendingExtensions
  ) {
    if mode & ~0o7777 != 0 {
      note(.modeBitsIgnored, at: start.moved(by: HeaderLayout.mode.range.lowerBound))
    }
    noteBlank(HeaderLayout.mode, of: block, at: start)
    if extensions.userID == nil { noteBlank(HeaderLayout.userID, of: block, at: start) }
    if extensions.groupID == nil { noteBlank(HeaderLayout.groupID, of: block, at: start) }
    if extensions.modificationTime == nil {
      noteBlank(HeaderLayout.modificationTime, of: block, at: start)
    }
  }

  /// Notes a number that is zero only because nobody wrote one.
  mutating func noteBlank(
    _ field: HeaderField,
    of block: Span<UInt8>,
    at start: TarOffset
  ) {
    for index in field.range where block[index] != 0 && block[index] != Byte.space { return }
    note(.blankNumber, at: start.moved(by: field.range.lowerBound))
  }

  /// Takes bytes behind the end-of-archive marker, from `start` on.
  mutating func noteTrailer(_ bytes: Span<UInt8>, at start: TarOffset) {
    if hasTrailingData { return }
    for index in bytes.indices where bytes[index] != 0 {
      hasTrailingData = true
      return note(.dataAfterEnd, at: start.moved(by: index))
    }
  }
}
