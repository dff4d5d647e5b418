// How these suites run the scanner and how they write down what it says: one line per member,
// warning and error, so that a table row states the whole outcome.

import Offsets
import TarFormat
import TestKit
import Testing

/// Everything one run of the scanner yields, members found before an error included.
struct Scan: Equatable {
  var members: [TarMember] = []
  var warnings: [TarWarning] = []
  var error: TarError?
  /// The path that goes with the error.
  var path: [UInt8]?

  /// Scans `bytes` in pieces of `pieceSize`; `skipsData` hands in as little data as can be.
  init(
    _ bytes: [UInt8],
    pieceSize: Int = .max,
    skipsData: Bool = false,
    limits: TarLimits = TarLimits()
  ) {
    var scanner = TarScanner(limits: limits)
    var start = 0
    do throws(TarError) {
      while start < bytes.count {
        let end = start + min(pieceSize, bytes.count - start)
        let piece = bytes.span.extracting(start..<end)
        var position = 0
        while try scanner.nextMember(in: piece, from: &position) {
          members.append(scanner.member)
        }
        start = end
        if skipsData {
          let count = min(scanner.skippableByteCount, UInt64(bytes.count - start))
          scanner.skip(count)
          start += Int(count)
        }
      }
      try scanner.finish()
    } catch {
      self.error = error
      path = scanner.pathUnderWay
    }
    warnings = scanner.warnings
  }

  var lines: [String] {
    members.map(\.line) + warnings.map(\.line) + (error.map { ["\($0)"] } ?? [])
  }
}

/// One archive and the lines it must yield, however it is cut into pieces.
struct ScanRow: CustomTestStringConvertible {
  var testDescription: String
  var bytes: [UInt8]
  var lines: [String]

  init(
    _ name: String,
    _ entries: [TarEntry],
    end: TarBytes.End = .twoZeroBlocks,
    _ lines: String...
  ) {
    testDescription = name
    bytes = TarBytes.archive(entries, end: end)
    self.lines = lines
  }

  func check(
    limits: TarLimits = TarLimits(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let whole = Scan(bytes, limits: limits)
    #expect(whole.lines == lines, sourceLocation: sourceLocation)
    for pieceSize in [1, 511, 512, 513] {
      let cut = Scan(bytes, pieceSize: pieceSize, limits: limits)
      #expect(cut == whole, "in pieces of \(pieceSize)", sourceLocation: sourceLocation)
      let skipped = Scan(bytes, pieceSize: pieceSize, skipsData: true, limits: limits)
      #expect(
        skipped == whole,
        "without data, in pieces of \(pieceSize)",
        sourceLocation: sourceLocation
      )
    }
  }
}

extension TarMember {
  /// `KIND PATH SIZE @HEADER,DATA` and, where they are not the usual, the other fields.
  var line: String {
    var parts = ["\(kind)", text(path), "\(size)", "@\(header),\(data)"]
    if mode != 0o644 { parts.append("mode=\(String(mode, radix: 8))") }
    if userID != 0 || groupID != 0 { parts.append("owner=\(userID):\(groupID)") }
    if modificationSeconds != 0 || modificationNanoseconds != 0 {
      parts.append("mtime=\(modificationSeconds)+\(modificationNanoseconds)ns")
    }
    if !linkTarget.isEmpty { parts.append("-> \(text(linkTarget))") }
    if deviceMajor != 0 || deviceMinor != 0 { parts.append("dev=\(deviceMajor):\(deviceMinor)") }
    for attribute in attributes {
      let value = text(Array(attributeBytes[attribute.value]))
      parts.append("\(text(Array(attributeBytes[attribute.name])))=\(value)")
    }
    if storedByteCount != size { parts.append("stored=\(storedByteCount)") }
    parts += segments.map { "[\($0.fileOffset)+\($0.byteCount)@\($0.data)]" }
    return parts.joined(separator: " ")
  }
}

extension TarWarning {
  var line: String { "warning: \(kind.text), \(count) from \(first)" }
}

/// Printable ASCII as it is, other bytes as `\xNN`, runs longer than 24 bytes by their length.
func text(_ bytes: [UInt8]) -> String {
  if bytes.count > 24, Set(bytes).count == 1 {
    return "\(text([bytes[0]]))*\(bytes.count)"
  }
  return bytes.map { byte in
    (0x20...0x7e).contains(byte)
      ? String(Unicode.Scalar(byte)) : "\\x" + String(byte, radix: 16)
  }.joined()
}

func repeated(_ character: Character, _ count: Int) -> TarText {
  TarText([UInt8](repeating: character.asciiValue ?? 0, count: count))
}

/// Replaces header bytes from `offset` on.
func put(_ text: TarText, at offset: Int) -> TarEntry.Edit {
  { block in block.replaceSubrange(offset..<(offset + text.bytes.count), with: text.bytes) }
}
