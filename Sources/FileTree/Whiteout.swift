// Recognising the names by which a layer takes things away.
// Source: OCI image-spec, layer.md, "Whiteouts"; AUFS names as older Docker versions wrote them.

/// What a file name says beyond naming a file.
package enum NameMeaning: Equatable, Sendable {
  case ordinary
  /// `.wh.NAME`: hides NAME of lower layers.
  case whiteout(ArraySlice<UInt8>)
  /// `.wh..wh..opq`: hides everything lower layers have in the directory.
  case opaque
  /// `.wh..wh.NAME`: bookkeeping of AUFS. Hard links may lead there, but the tree does not show it.
  case unionBookkeeping
  /// `.wh.` with nothing that could be hidden behind it: "", ".", "..".
  case malformedWhiteout
}

package enum Whiteout {
  /// What `name`, the last component of a path in normal form, means.
  package static func meaning(of name: ArraySlice<UInt8>) -> NameMeaning {
    guard name.starts(with: ".wh.".utf8) else { return .ordinary }
    if name.elementsEqual(".wh..wh..opq".utf8) { return .opaque }
    let hidden = name.dropFirst(4)
    if hidden.isEmpty || hidden.elementsEqual(".".utf8) || hidden.elementsEqual("..".utf8) {
      return .malformedWhiteout
    }
    return hidden.starts(with: ".wh.".utf8) ? .unionBookkeeping : .whiteout(hidden)
  }
}
