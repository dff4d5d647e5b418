// Oddities of a tar stream that are tolerated, counted rather than listed: a stream of millions of
// odd members costs no more memory than one.

package import Offsets

/// One kind of tolerated oddity, how often it was met, and where first.
package struct TarWarning: Equatable, Sendable {
  package enum Kind: String, Sendable {
    /// A global pax header carries names, sizes, owners, times or attributes; it is not applied.
    case globalHeaderIgnored = "global pax header ignored"
    /// A GNU header with a ustar prefix where GNU keeps times, as Go wrote before 1.8.
    case prefixInGNUHeader = "path prefix in a GNU header"
    /// A checksum summed over signed bytes.
    case signedChecksum = "signed header checksum"
    /// No zero blocks, or only one, at the end of the stream.
    case missingEndOfArchive = "missing end-of-archive marker"
    /// The stream ends behind a file's last byte, before its padding.
    case missingPadding = "missing padding of the last member"
    /// A volume label, which is no file.
    case volumeLabelSkipped = "volume label skipped"
    /// An incremental-backup directory; its list of names is skipped.
    case dumpDirectory = "incremental dump directory"
    /// A name, target, size, owner or time given more than once; the last one holds.
    case repeatedRecord = "repeated extension record"
    /// A link, device, directory or fifo with a size; no data is looked for.
    case sizeIgnored = "size of a member without data ignored"
    /// An ACL in star's textual form.
    case textualACLIgnored = "textual ACL ignored"
    /// A label of the build host's SELinux policy, in the form of Red Hat's tar.
    case selinuxLabelIgnored = "SELinux label ignored"
  }

  package var kind: Kind
  package var count: UInt64
  package var first: TarOffset

  package init(kind: Kind, count: UInt64, first: TarOffset) {
    self.kind = kind
    self.count = count
    self.first = first
  }
}

/// The warnings of one stream, in the order in which each kind was first met.
struct WarningTally {
  private(set) var warnings: [TarWarning] = []

  mutating func note(_ kind: TarWarning.Kind, at position: TarOffset) {
    for index in warnings.indices where warnings[index].kind == kind {
      warnings[index].count += 1
      return
    }
    warnings.append(TarWarning(kind: kind, count: 1, first: position))
  }
}
