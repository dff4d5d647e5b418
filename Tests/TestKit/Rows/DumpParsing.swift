// Dumps read back into rows: a reader of the format of docs/FORMATS.md that shares no code with its
// writer.

package import FileTree

extension DumpText {
  /// The rows that the lines say; of a further name of a file only the two paths.
  package func rows() throws -> [DumpRow] { try lines.map(Self.row) }

  private static func row(_ line: String) throws -> DumpRow {
    let fields = line.split(separator: " ").map(String.init)
    let path = Array(try unescaped(fields[0]).dropFirst())
    if fields.count == 2, fields[1].hasPrefix("@/") {
      return DumpRow(path: path, mode: 0, hardLinkTo: try unescaped(fields[1].dropFirst(2)))
    }
    guard fields.count >= 10, let size = UInt64(fields[1]), let mode = UInt32(fields[2], radix: 8),
      let time = pair(fields[7], "."), let seconds = Int64(time.0),
      let nanoseconds = UInt32(time.1), let device = pair(fields[6], ":"),
      let major = UInt32(device.0), let minor = UInt32(device.1), let links = UInt32(fields[3]),
      let uid = UInt32(fields[4]), let gid = UInt32(fields[5])
    else { throw WitnessFailure(description: "no line of a dump: \(line)") }
    return DumpRow(
      path: path,
      mode: mode,
      size: size,
      linkCount: links,
      uid: uid,
      gid: gid,
      deviceMajor: major,
      deviceMinor: minor,
      seconds: seconds,
      nanoseconds: nanoseconds,
      target: fields[8] == "-" && mode & 0o170000 != 0o120000 ? nil : try unescaped(fields[8]),
      contentDigest: fields[9] == "-" ? nil : fields[9],
      extendedAttributes: try fields.dropFirst(10).map(attribute)
    )
  }

  private static func pair(_ text: String, _ mark: Character) -> (Substring, Substring)? {
    guard let place = text.firstIndex(of: mark) else { return nil }
    return (text[..<place], text[text.index(after: place)...])
  }

  private static func attribute(_ field: String) throws -> ExtendedAttribute {
    guard let (name, value) = pair(field, "=") else {
      throw WitnessFailure(description: "no attribute: \(field)")
    }
    return ExtendedAttribute(name: try unescaped(name), value: try unescaped(value))
  }

  /// A backslash is before another one, or before `xHH`.
  private static func unescaped(_ text: some StringProtocol) throws -> [UInt8] {
    let escape = UInt8(ascii: "\\")
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == escape else {
        bytes.append(byte)
        continue
      }
      if rest.first == escape {
        bytes.append(rest.removeFirst())
        continue
      }
      guard rest.popFirst() == UInt8(ascii: "x"),
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { throw WitnessFailure(description: "no escape: \(text)") }
      rest = rest.dropFirst(2)
      bytes.append(value)
    }
    return bytes
  }
}
