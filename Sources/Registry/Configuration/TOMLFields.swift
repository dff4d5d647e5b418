// Typed fields of a TOML document, with faults that name the field. The only file that knows the
// library that reads TOML, which tells lines only of what it cannot parse.
// Source: TOML 1.0.

import OCISpec
import TOMLKit

/// A table of a document; `path` is where it is, for messages.
struct TOMLFields {
  private let table: TOMLTable
  private let path: String

  /// Parses a document.
  init(_ bytes: [UInt8]) throws(ConfigurationFault) {
    let text: String
    do {
      text = String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw .notUTF8
    }
    // The library takes a C string, and would read only what is before the NUL.
    if let nul = bytes.firstIndex(of: 0) {
      throw .badTOML(line: Self.line(of: nul, in: bytes), column: 1, "a NUL byte")
    }
    if let header = TOMLHeaders.firstFault(in: bytes) {
      let line = Self.line(of: header, in: bytes)
      throw .badTOML(line: line, column: 1, "a table whose name begins like none")
    }
    do {
      table = try TOMLTable(string: text)
      path = ""
    } catch let error as TOMLParseError {
      let place = error.source.begin
      throw .badTOML(line: place.line, column: place.column, printable(error.description))
    } catch {
      throw .badTOML(line: 1, column: 1, "cannot be parsed")
    }
  }

  private init(_ table: TOMLTable, path: String) {
    self.table = table
    self.path = path
  }

  private static func line(of position: Int, in bytes: [UInt8]) -> Int {
    bytes[..<position].count { $0 == UInt8(ascii: "\n") } + 1
  }

  var keys: [String] { table.keys }

  func contains(_ key: String) -> Bool { table.contains(key: key) }

  /// A text; `nil` where it is absent.
  func string(_ key: String) throws(ConfigurationFault) -> String? {
    guard let value = table[key] else { return nil }
    guard let text = value.string else { throw wrong(key, expected: "a string") }
    return text
  }

  /// A truth value; absent means false.
  func bool(_ key: String) throws(ConfigurationFault) -> Bool {
    guard let value = table[key] else { return false }
    guard let bool = value.bool else { throw wrong(key, expected: "true or false") }
    return bool
  }

  /// An array of texts; `nil` where it is absent.
  func strings(_ key: String) throws(ConfigurationFault) -> [String]? {
    guard let value = table[key] else { return nil }
    guard let array = value.array else { throw wrong(key, expected: "an array of strings") }
    var texts: [String] = []
    for element in array {
      guard let text = element.string else { throw wrong(key, expected: "an array of strings") }
      texts.append(text)
    }
    return texts
  }

  /// A table; `nil` where it is absent.
  func fields(_ key: String) throws(ConfigurationFault) -> TOMLFields? {
    guard let value = table[key] else { return nil }
    guard let inner = value.table else { throw wrong(key, expected: "a table") }
    return TOMLFields(inner, path: path + key + ".")
  }

  /// An array of tables; absent means empty.
  func list(_ key: String) throws(ConfigurationFault) -> [TOMLFields] {
    guard let value = table[key] else { return [] }
    guard let array = value.array else { throw wrong(key, expected: "[[\(path)\(key)]] tables") }
    var list: [TOMLFields] = []
    for element in array {
      guard let inner = element.table else {
        throw wrong(key, expected: "[[\(path)\(key)]] tables")
      }
      list.append(TOMLFields(inner, path: "\(path)\(key)[\(list.count)]."))
    }
    return list
  }

  private func wrong(_ key: String, expected: String) -> ConfigurationFault {
    .badValue(field: path + printable(key), expected: expected)
  }
}
