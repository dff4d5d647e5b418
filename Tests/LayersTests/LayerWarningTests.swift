// The kinds of warnings that a layer can have, by the codes that programs know them by.

import FileTree
import Testing

@testable import Layers

struct LayerWarningTests {
  @Test func `every kind has a code of its own, made of small letters and hyphens`() {
    let codes = LayerWarning.Kind.all.map(\.code)
    #expect(Set(codes).count == codes.count)
    for code in codes {
      #expect(code.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil, "\(code)")
    }
  }

  @Test func `a code leads back to its kind`() {
    for kind in LayerWarning.Kind.all { #expect(LayerWarning.Kind(code: kind.code) == kind) }
    #expect(LayerWarning.Kind(code: "") == nil)
    #expect(LayerWarning.Kind(code: "duplicateEntry") == nil)
  }

  @Test func `every kind has a text of its own for people, without a full stop`() {
    let texts = LayerWarning.Kind.all.map(\.text)
    #expect(Set(texts).count == texts.count)
    #expect(texts.filter { $0.isEmpty || $0.last == "." } == [])
  }
}
