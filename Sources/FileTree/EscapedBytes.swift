// Bytes of a name as text that cannot be mistaken for anything else, nor move a terminal's cursor.
// Source: composefs-dump(5), "Escaping".

package enum EscapedBytes {
  /// `bytes` with everything but printable ASCII written as `\xHH`, and a backslash as `\\`.
  package static func string(_ bytes: some Sequence<UInt8>, alsoEscaping: [UInt8] = []) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\\") {
        text += [byte, byte]
      } else if byte < 0x20 || byte > 0x7E || alsoEscaping.contains(byte) {
        text += [
          UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)],
        ]
      } else {
        text.append(byte)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// A path, shortened to what is enough to know it by.
  ///
  /// It may have 64 KiB, or, where that is the error, a megabyte.
  package static func path(_ path: [UInt8]) -> String {
    let limit = 512
    return string(path.prefix(limit)) + (path.count > limit ? "…" : "")
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
