// A file system tree as text: one line a name, the same whether it was read from a Tree, from a mount
// or from an ext4 file. The project's normal form for comparing them. docs/FORMATS.md describes it.
// The order of the fields follows composefs-dump(5).

import FlatArrays

/// One name of a file system tree, with everything that the dump says about it.
package struct DumpRow: Hashable, Sendable {
  /// From the root, without a leading slash.
  package var path: [UInt8]
  /// `st_mode`: type and permission bits.
  package var mode: UInt32
  /// A regular file's bytes; 0 for everything else.
  package var size: UInt64
  package var linkCount: UInt32
  package var uid: UInt32
  package var gid: UInt32
  package var deviceMajor: UInt32
  package var deviceMinor: UInt32
  package var seconds: Int64
  package var nanoseconds: UInt32
  /// A symbolic link's target.
  package var target: [UInt8]?
  /// SHA-256 of a regular file's bytes, in hexadecimal.
  package var contentDigest: String?
  /// The path of the first name of the same file, where this is not the first.
  package var hardLinkTo: [UInt8]?
  /// Sorted by name.
  package var extendedAttributes: [ExtendedAttribute]

  package init(
    path: [UInt8],
    mode: UInt32,
    size: UInt64 = 0,
    linkCount: UInt32 = 1,
    uid: UInt32 = 0,
    gid: UInt32 = 0,
    deviceMajor: UInt32 = 0,
    deviceMinor: UInt32 = 0,
    seconds: Int64 = 0,
    nanoseconds: UInt32 = 0,
    target: [UInt8]? = nil,
    contentDigest: String? = nil,
    hardLinkTo: [UInt8]? = nil,
    extendedAttributes: [ExtendedAttribute] = []
  ) {
    self.path = path
    self.mode = mode
    self.size = size
    self.linkCount = linkCount
    self.uid = uid
    self.gid = gid
    self.deviceMajor = deviceMajor
    self.deviceMinor = deviceMinor
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    self.target = target
    self.contentDigest = contentDigest
    self.hardLinkTo = hardLinkTo
    self.extendedAttributes = extendedAttributes
  }

  /// The row as a line, without its end.
  ///
  /// `PATH SIZE MODE NLINK UID GID MAJOR:MINOR SECONDS.NANOSECONDS PAYLOAD DIGEST [NAME=VALUE …]`;
  /// for a further name of a file, `PATH @FIRST-PATH`.
  package var line: String {
    let name = DumpRow.escaped([UInt8(ascii: "/")] + path)
    if let hardLinkTo {
      return name + " @" + DumpRow.escaped([UInt8(ascii: "/")] + hardLinkTo)
    }
    let fraction = String(nanoseconds)
    let time = "\(seconds)." + String(repeating: "0", count: 9 - fraction.count) + fraction
    var fields = [name, "\(size)", String(mode, radix: 8), "\(linkCount)", "\(uid)", "\(gid)"]
    fields += ["\(deviceMajor):\(deviceMinor)", time]
    fields += [target.map(DumpRow.escaped) ?? "-", contentDigest ?? "-"]
    fields += extendedAttributes.map {
      DumpRow.escaped($0.name) + "=" + DumpRow.escaped($0.value)
    }
    return fields.joined(separator: " ")
  }

  private static func escaped(_ bytes: [UInt8]) -> String {
    EscapedBytes.string(bytes, alsoEscaping: [UInt8(ascii: " "), UInt8(ascii: "=")])
  }

  /// The rows as text, a line each.
  package static func text(_ rows: some Sequence<DumpRow>) -> String {
    rows.map { $0.line + "\n" }.joined()
  }
}

extension Tree {
  /// The dump's rows, in walking order.
  ///
  /// `digest` is asked once for every regular file; `nil` leaves the field empty.
  package func dumpRows<Failure: Error>(
    digest: (NodeID) throws(Failure) -> String?
  ) throws(Failure) -> [DumpRow] {
    var firstPaths: [NodeID: [UInt8]] = [:]
    var rows: [DumpRow] = []
    for step in walk() {
      let node = self[step.node]
      var row = dumpRow(of: node, at: step.path)
      if node.kind != .directory, node.linkCount > 1 {
        row.hardLinkTo = firstPaths[step.node]
        firstPaths[step.node] = firstPaths[step.node] ?? step.path
      }
      if node.kind == .regular, row.hardLinkTo == nil {
        row.contentDigest = try digest(step.node)
      }
      rows.append(row)
    }
    return rows
  }

  private func dumpRow(of node: Node, at path: [UInt8]) -> DumpRow {
    let isDevice = node.kind == .characterDevice || node.kind == .blockDevice
    return DumpRow(
      path: path,
      mode: node.kind.modeBits | UInt32(node.mode),
      size: node.kind == .regular ? node.size : 0,
      linkCount: node.linkCount,
      uid: node.uid,
      gid: node.gid,
      deviceMajor: isDevice ? node.deviceMajor : 0,
      deviceMinor: isDevice ? node.deviceMinor : 0,
      seconds: node.seconds,
      nanoseconds: node.nanoseconds,
      target: node.kind == .symbolicLink ? target(of: node).array : nil,
      extendedAttributes: extendedAttributes(of: node).map {
        ExtendedAttribute(name: $0.name.array, value: $0.value.array)
      }
    )
  }
}
