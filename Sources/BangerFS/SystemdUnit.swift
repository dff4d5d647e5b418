// A unit file's [Install] section, as far as enabling a unit needs it. Does not know where units are, nor
// what else is in them. Sources: systemd.syntax(7); systemd.unit(5), "[Install] Section Options".

/// What a unit file says about being enabled.
struct SystemdUnit: Equatable {
  /// `NAME.wants` and the like: the directory's suffix and the units that are to have one.
  var dependents: [Dependents] = []
  var aliases: [String] = []
  /// Other units that are to be enabled with it.
  var also: [String] = []
  var defaultInstance: String?
  /// Whether nothing is said about being enabled.
  var isStatic: Bool {
    dependents.isEmpty && aliases.isEmpty && also.isEmpty && defaultInstance == nil
  }

  struct Dependents: Equatable {
    var suffix: String
    var units: [String]
  }

  private static let suffixes = [
    "WantedBy": ".wants", "RequiredBy": ".requires", "UpheldBy": ".upholds",
  ]

  init(parsing text: [UInt8]) {
    var isInInstall = false
    for line in Self.lines(text) {
      if line.hasPrefix("[") {
        isInInstall = line == "[Install]"
      } else if isInInstall, let sign = line.firstIndex(of: "=") {
        take(
          key: Self.trimmed(line[..<sign]),
          value: Self.trimmed(line[line.index(after: sign)...])
        )
      }
    }
  }

  /// Lines that say something: comments left out, continued ones joined.
  private static func lines(_ text: [UInt8]) -> [String] {
    var lines: [String] = []
    var pieces: [String] = []
    for raw in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let line = trimmed(Substring(String(decoding: raw, as: UTF8.self)))
      // Comments may stand between a line and its continuation.
      if line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasSuffix("\\") {
        pieces.append(String(line.dropLast()))
        continue
      }
      let complete = trimmed((pieces + [line]).joined(separator: " ")[...])
      pieces = []
      if !complete.isEmpty { lines.append(complete) }
    }
    if !pieces.isEmpty { lines.append(trimmed(pieces.joined(separator: " ")[...])) }
    return lines
  }

  private static func trimmed(_ text: Substring) -> String {
    let isBlank = { (character: Character) in
      character == " " || character == "\t" || character == "\r" || character == "\r\n"
    }
    var text = text
    while let first = text.first, isBlank(first) { text.removeFirst() }
    while let last = text.last, isBlank(last) { text.removeLast() }
    return String(text)
  }

  private mutating func take(key: String, value: String) {
    let words = value.split { $0 == " " || $0 == "\t" }.map { Self.unquoted(String($0)) }
    switch key {
    case "WantedBy", "RequiredBy", "UpheldBy":
      guard let suffix = Self.suffixes[key] else { return }
      // An empty value takes back what was said before.
      if words.isEmpty {
        dependents.removeAll { $0.suffix == suffix }
      } else {
        dependents.append(Dependents(suffix: suffix, units: words))
      }
    case "Alias": aliases = words.isEmpty ? [] : aliases + words
    case "Also": also = words.isEmpty ? [] : also + words
    case "DefaultInstance": defaultInstance = value.isEmpty ? nil : value
    default: break
    }
  }

  private static func unquoted(_ word: String) -> String {
    for quote in ["\"", "'"] where word.count >= 2 && word.hasPrefix(quote) && word.hasSuffix(quote)
    {
      return String(word.dropFirst().dropLast())
    }
    return word
  }
}

/// A unit's name: `NAME.TYPE`, `TEMPLATE@.TYPE` or `TEMPLATE@INSTANCE.TYPE`.
///
/// Source: systemd.unit(5), "Description".
struct SystemdUnitName: Hashable {
  /// What stands before `@`, or before the type.
  var prefix: String
  /// Empty for a template; `nil` for a unit that is none.
  var instance: String?
  /// Without its dot.
  var type: String

  private static let types: Set = [
    "service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice",
    "scope",
  ]
  /// UNIT_NAME_MAX of systemd, 256, less the NUL.
  private static let byteLimit = 255

  /// `nil` for what cannot be a unit's name; one without a type is a service's.
  init?(_ text: String) {
    var whole = text
    let dot = text.lastIndex(of: ".")
    let hasType = dot.map { Self.types.contains(String(text[text.index(after: $0)...])) } ?? false
    if !hasType { whole += ".service" }
    guard whole.utf8.count <= Self.byteLimit, let end = whole.lastIndex(of: "."),
      whole.utf8.allSatisfy(Self.isAllowed)
    else { return nil }
    type = String(whole[whole.index(after: end)...])
    let stem = whole[..<end]
    if let at = stem.firstIndex(of: "@") {
      prefix = String(stem[..<at])
      instance = String(stem[stem.index(after: at)...])
    } else {
      prefix = String(stem)
    }
    if prefix.isEmpty { return nil }
  }

  private init(prefix: String, instance: String?, type: String) {
    self.prefix = prefix
    self.instance = instance
    self.type = type
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: ":-_.\\@".utf8.contains(byte)
    }
  }

  var text: String { prefix + (instance.map { "@" + $0 } ?? "") + "." + type }
  var isTemplate: Bool { instance == "" }

  /// The template that an instance is made from.
  var template: SystemdUnitName? {
    guard let instance, !instance.isEmpty else { return nil }
    return SystemdUnitName(prefix: prefix, instance: "", type: type)
  }

  func instantiated(_ name: String) -> SystemdUnitName {
    SystemdUnitName(prefix: prefix, instance: name, type: type)
  }

  /// `text` with its specifiers expanded; `nil` with one that only a running system can expand.
  ///
  /// Source: systemd.unit(5), "Specifiers".
  func expand(_ text: String) -> String? {
    var expanded = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      guard character == "%" else {
        expanded.append(character)
        continue
      }
      switch rest.popFirst() {
      case "%": expanded.append("%")
      case "i": expanded += instance ?? ""
      case "p": expanded += prefix
      case "n": expanded += self.text
      case "N": expanded += prefix + (instance.map { "@" + $0 } ?? "")
      case "j":
        expanded += String(
          prefix[(prefix.lastIndex(of: "-").map(prefix.index(after:)) ?? prefix.startIndex)...]
        )
      default: return nil
      }
    }
    return expanded
  }
}
