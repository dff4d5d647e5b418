// What takes the room in an image, for people.

import FileTree

struct SpaceText {
  private let findings: SpaceFindings
  private let sizes: ByteCountOptions

  /// Names of one content that are shown; a million files may have the same.
  private static let nameLimit = 10

  init(_ findings: SpaceFindings, _ sizes: ByteCountOptions) {
    self.findings = findings
    self.sizes = sizes
  }

  private static func name(_ path: [UInt8]) -> String { "/" + EscapedBytes.string(path) }

  /// The path and the directories below.
  var pathLines: [String] {
    var table = Table([("SIZE", .right), ("PATH", .left)])
    for place in findings.paths { table.add([sizes.text(place.byteCount), Self.name(place.path)]) }
    return table.lines
  }

  /// What each layer put, and what of it can be seen.
  var layerLines: [String] {
    var table = Table([
      ("LAYER", .right), ("PUT", .right), ("VISIBLE", .right), ("SHADOWED", .right),
      ("CREATED BY", .left),
    ])
    for (number, layer) in zip(findings.layers, findings.use.layers).enumerated() {
      let (facts, space) = layer
      table.add([
        "\(number)", sizes.text(space.put), sizes.text(space.visible), sizes.text(space.shadowed),
        EscapedBytes.string((facts.createdBy ?? "-").utf8.prefix(60)),
      ])
    }
    return table.lines(fitting: OutputTerminal.width)
  }

  var summaryLines: [String] {
    let use = findings.use
    let paths = use.wastedPathCount == 1 ? "1 path" : "\(use.wastedPathCount) paths"
    let wasted =
      "wasted: \(sizes.text(use.shadowedByteCount)) of \(sizes.text(use.putByteCount)), at \(paths)"
    let overtaken = use.overtakenByteCount
    return [wasted, "efficiency: \(Self.percent(use.efficiency))"]
      + (overtaken == 0 ? [] : ["overtaken within a layer, beside that: \(sizes.text(overtaken))"])
  }

  /// With two decimals, rounded down: 100 % is nothing but all.
  static func percent(_ part: Double) -> String {
    let hundredths = Int(part * 10_000)
    let decimals = hundredths % 100
    return "\(hundredths / 100).\(decimals < 10 ? "0" : "")\(decimals) %"
  }

  var wastedLines: [String] {
    var table = Table([("WASTED", .right), ("LAYERS", .right), ("PATH", .left)])
    for waste in findings.use.wasted {
      table.add([sizes.text(waste.byteCount), "\(waste.layerCount)", Self.name(waste.path)])
    }
    return table.lines + summaryLines
  }

  var duplicateLines: [String] {
    guard let duplicates = findings.duplicates else { return [] }
    var table = Table([("SAVES", .right), ("SIZE", .right), ("FILES", .right), ("PATH", .left)])
    for content in duplicates.largest {
      var cells = [
        sizes.text(content.savedByteCount), sizes.text(content.byteCount), "\(content.paths.count)",
      ]
      for path in content.paths.prefix(Self.nameLimit) {
        table.add(cells + [Self.name(path)])
        cells = ["", "", ""]
      }
      let more = content.paths.count - Self.nameLimit
      if more > 0 { table.add(cells + ["and \(more) more"]) }
    }
    let contents =
      duplicates.contentCount == 1 ? "1 content" : "\(duplicates.contentCount) contents"
    let saved = sizes.text(duplicates.savedByteCount)
    return table.lines + ["duplicates: \(contents), \(saved) could be saved"]
  }
}
