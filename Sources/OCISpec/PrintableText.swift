// Making texts from outside safe to show. Knows nothing of where they came from.

/// A text from outside, fit to be printed.
///
/// At most 256 scalars; control characters are escaped as in a Swift literal.
package func printable(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(256) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    default:
      shown.unicodeScalars.append(scalar)
    }
  }
  return text.unicodeScalars.count > 256 ? shown + "…" : shown
}
