// Arbitrary bytes as a tar stream. What is promised: the scanner ends, says the same however the
// stream is cut, names places inside the stream, and members hold what their documentation says.

import Offsets
import TarFormat

enum TarChecks {
  static func check(_ input: [UInt8], _ faults: inout Faults) {
    checkStream(input, &faults)
    let mended = TarMending.withRightChecksums(input)
    if mended != input { checkStream(mended, &faults) }
  }

  /// Takes `data` as that of an extended header: of a file, of a link, of the whole archive.
  static func checkRecords(_ data: [UInt8], _ faults: inout Faults) {
    for (header, member) in [("x", "0"), ("x", "2"), ("g", "0")] {
      checkStream(stream(of: data, header: header, member: member), &faults)
    }
  }

  private static func stream(of data: [UInt8], header: String, member: String) -> [UInt8] {
    let extended = TarMending.block(type: header, byteCount: data.count)
    let described = TarMending.block(type: member, byteCount: member == "0" ? 1024 : 0)
    let zeros = [UInt8](repeating: 0, count: (TarMending.blockSize - data.count % 512) % 512)
    // A sparse map of form 1.0 stands in front of the data: one run of 512 bytes at 0.
    let map = Array("1\n0\n512\n".utf8) + [UInt8](repeating: 0, count: 504)
    let content = member == "0" ? map + [UInt8](repeating: 7, count: 512) : []
    let end = [UInt8](repeating: 0, count: 2 * TarMending.blockSize)
    return extended + data + zeros + described + content + end
  }

  private static func checkStream(_ bytes: [UInt8], _ faults: inout Faults) {
    let whole = TarScan(bytes)
    var numbers = InputNumbers(of: bytes)
    let pieces = [1 + numbers.next(below: 64), 1 + numbers.next(below: 2000)]
    for size in pieces {
      let cut = TarScan(bytes, pieceSize: size)
      faults.require(cut == whole, "pieces of \(size) bytes give another result")
      let skipped = TarScan(bytes, pieceSize: size, skipsData: true)
      faults.require(skipped == whole, "skipped data gives another result, pieces of \(size)")
    }
    for member in whole.members { checkMember(member, &faults) }
    checkOrder(of: whole, in: bytes, &faults)
    if let error = whole.error {
      faults.requirePositions(in: "\(error)", of: "tar byte", upTo: bytes.count)
    }
    for warning in whole.warnings {
      let isInside = warning.count > 0 && warning.first.bytes <= UInt64(bytes.count)
      faults.require(isInside, "\(warning.kind) without a place in the stream")
    }
  }

  /// Members come in the order of the stream, and what an archive without an error says is there.
  private static func checkOrder(of scan: TarScan, in bytes: [UInt8], _ faults: inout Faults) {
    var end = TarOffset.zero
    for member in scan.members {
      faults.require(member.header >= end, "members overlap at \(member.header)")
      guard let next = member.data.advanced(by: member.storedByteCount) else {
        faults.require(false, "a member's data wraps around at \(member.data)")
        return
      }
      end = next
    }
    if scan.error == nil {
      faults.require(end.bytes <= UInt64(bytes.count), "data behind the stream's end")
    }
  }

  private static func checkMember(_ member: TarMember, _ faults: inout Faults) {
    let place = "member at \(member.header): "
    let isLink = member.kind == .hardLink || member.kind == .symbolicLink
    faults.require(member.header < member.data, place + "data before the header")
    faults.require(member.mode <= 0o7777, place + "mode")
    faults.require(member.modificationNanoseconds < 1_000_000_000, place + "nanoseconds")
    faults.require(isLink == !member.linkTarget.isEmpty, place + "link target")
    faults.require(!member.path.contains(0), place + "NUL in the path")
    faults.require(!member.linkTarget.contains(0), place + "NUL in the link target")
    faults.require(member.kind == .regular || member.size == 0, place + "size")
    faults.require(member.userID != .max && member.groupID != .max, place + "owner")
    faults.require(hasSoundSegments(member), place + "sparse segments")
    faults.require(hasSoundAttributes(member), place + "extended attributes")
    let limits = TarLimits()
    faults.require(member.size <= limits.fileSize, place + "file limit")
    faults.require(member.path.count <= limits.path, place + "path limit")
    faults.require(member.segments.count <= limits.sparseSegments, place + "segment limit")
  }

  private static func hasSoundSegments(_ member: TarMember) -> Bool {
    var fileEnd: UInt64 = 0
    var storedEnd = member.data
    for segment in member.segments {
      guard segment.fileOffset >= fileEnd, segment.data == storedEnd,
        segment.byteCount <= member.size,
        let next = segment.data.advanced(by: segment.byteCount)
      else { return false }
      let (end, overflow) = segment.fileOffset.addingReportingOverflow(segment.byteCount)
      if overflow { return false }
      (fileEnd, storedEnd) = (end, next)
    }
    guard member.isSparse else { return member.storedByteCount == member.size }
    return fileEnd <= member.size
      && storedEnd.distance(from: member.data) == member.storedByteCount
  }

  private static func hasSoundAttributes(_ member: TarMember) -> Bool {
    let bytes = member.attributeBytes
    let isInside = member.attributes.allSatisfy {
      $0.name.upperBound <= bytes.count && $0.value.upperBound <= bytes.count && !$0.name.isEmpty
        && $0.name.count <= TarLimits().attributeName
    }
    guard isInside else { return false }
    return zip(member.attributes, member.attributes.dropFirst()).allSatisfy { first, second in
      bytes[first.name].lexicographicallyPrecedes(bytes[second.name])
    }
  }
}

/// Everything one run of the scanner yields, members found before an error included.
struct TarScan: Equatable {
  private(set) var members: [TarMember] = []
  private(set) var warnings: [TarWarning] = []
  private(set) var error: TarError?

  /// Scans `bytes` in pieces of `pieceSize`; `skipsData` hands in as little data as can be.
  init(_ bytes: [UInt8], pieceSize: Int = .max, skipsData: Bool = false) {
    var scanner = TarScanner()
    var start = 0
    do throws(TarError) {
      while start < bytes.count {
        let end = start + min(pieceSize, bytes.count - start)
        let piece = bytes.span.extracting(start..<end)
        var position = 0
        while try scanner.nextMember(in: piece, from: &position) { members.append(scanner.member) }
        start = end
        guard skipsData else { continue }
        let count = min(scanner.skippableByteCount, UInt64(bytes.count - start))
        scanner.skip(count)
        start += Int(count)
      }
      try scanner.finish()
    } catch {
      self.error = error
    }
    warnings = scanner.warnings
  }
}
