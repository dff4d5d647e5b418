// JSON as dictionaries, for tests that look at parts of a document.

import Foundation
import TestKit

enum JSONText {
  static func object(_ bytes: [UInt8]) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(bytes))
    guard let object = value as? [String: Any] else { throw ProgramFailure("no JSON object") }
    return object
  }
}
