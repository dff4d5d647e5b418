// The tables of a report, as HTML that needs no script: whatever an image says is escaped here.

import FileTree
import Foundation
import ImageStore
import OCISpec

struct ReportTables {
  private let findings: ReportFindings

  /// Bytes of a path, and characters of a command: enough to know it by, and a page stays small.
  private static let pathLimit = 512
  private static let commandLimit = 2000
  /// Characters of a command where it only tells layers apart.
  private static let shortCommandLimit = 300
  /// Steps of the history; images have some dozens.
  private static let historyLimit = 1000

  init(_ findings: ReportFindings) {
    self.findings = findings
  }

  // MARK: Tables

  var layers: String {
    let largest = findings.layers.map(\.space.put).max() ?? 0
    let rows = findings.layers.enumerated().map { number, layer in
      let digest = String(layer.digest.description.prefix(19))
      return Self.row([
        Self.cell("nowrap", Self.swatch(number) + "\(number)"),
        Self.cell("command", escaped(layer.createdBy, limit: Self.shortCommandLimit)),
        Self.cell("mono nowrap", digest, title: layer.digest.description),
        Self.size(layer.compressedByteCount), Self.cell("number", "\(layer.entryCount)"),
        Self.size(layer.space.put), Self.size(layer.space.visible),
        Self.size(layer.space.shadowed, isWaste: layer.space.shadowed > 0),
        Self.bar([layer.space.visible, layer.space.shadowed], of: largest),
      ])
    }
    return Self.table(
      [
        ("Layer", false), ("Created by", false), ("Digest", false), ("Compressed", true),
        ("Entries", true), ("Puts", true), ("Visible", true), ("Shadowed", true), ("", false),
      ],
      rows
    )
  }

  var directories: String {
    let rows = findings.directories.map { place in
      Self.row([
        Self.path(place.path), Self.size(place.byteCount),
        Self.bar([place.byteCount], of: findings.sizes.byteCount),
      ])
    }
    return Self.table([("Directory", false), ("Size", true), ("", false)], rows)
  }

  var wasted: String {
    let largest = findings.use.wasted.first?.byteCount ?? 0
    let rows = findings.use.wasted.map { waste in
      Self.row([
        Self.path(waste.path), Self.size(waste.byteCount, isWaste: true),
        Self.cell("number", "\(waste.layerCount)"),
        Self.bar([0, waste.byteCount], of: largest),
      ])
    }
    return Self.table(
      [("Path", false), ("Wasted", true), ("Layers that have it", true), ("", false)],
      rows
    )
  }

  var largest: String {
    let most = findings.largest.first?.byteCount ?? 0
    let rows = findings.largest.map { file in
      Self.row([
        Self.path(file.path), Self.size(file.byteCount),
        Self.cell("nowrap", Self.swatch(file.layer) + "layer \(file.layer)"),
        Self.bar([file.byteCount], of: most),
      ])
    }
    return Self.table([("Path", false), ("Size", true), ("From", false), ("", false)], rows)
  }

  var history: String {
    let steps = findings.image.configuration.history
    let isKnown = findings.image.configuration.historyByLayer() != nil
    let hasComments = steps.contains { $0.comment?.isEmpty == false }
    var layer = 0
    var rows: [String] = []
    for (number, step) in steps.prefix(Self.historyLimit).enumerated() {
      var place = "–"
      if !step.isEmptyLayer, isKnown {
        place = Self.swatch(layer) + "layer \(layer)"
        layer += 1
      }
      let cells = [
        Self.cell("number", "\(number + 1)"), Self.cell("nowrap", place),
        Self.cell("nowrap", escaped(step.created, limit: 40)),
        Self.cell("command", command(step.createdBy)),
      ]
      rows.append(
        Self.row(cells + (hasComments ? [Self.cell("command", command(step.comment))] : []))
      )
    }
    return Self.table(
      [("Step", true), ("Makes", false), ("When", false), ("Created by", false)]
        + (hasComments ? [("Comment", false)] : []),
      rows
    )
  }

  /// One entry for each layer that anything on the map can come from, as far as one can tell colours apart.
  var legend: String {
    findings.layers.enumerated().filter { $0.element.space.visible > 0 }.prefix(24).map {
      "<li>\(Self.swatch($0))layer \($0) · \(ByteCount.text($1.space.visible))</li>"
    }.joined()
  }

  // MARK: Texts

  private func command(_ text: String?) -> String { escaped(text, limit: Self.commandLimit) }

  private func escaped(_ text: String?, limit: Int) -> String {
    HTMLText.escaped(ShownText.text(text ?? "", limit: limit))
  }

  // MARK: Cells

  private static func table(_ columns: [(title: String, isNumber: Bool)], _ rows: [String])
    -> String
  {
    let heads = columns.map { column in
      let isNumber = column.isNumber ? " class=\"number\"" : ""
      return column.title.isEmpty
        ? "<td></td>" : "<th scope=\"col\"\(isNumber)>\(column.title)</th>"
    }
    return """
      <div class="scroll"><table>
      <thead><tr>\(heads.joined())</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table></div>
      """
  }

  private static func row(_ cells: [String]) -> String { "<tr data-row>\(cells.joined())</tr>" }

  /// `html` is escaped already.
  private static func cell(_ kind: String, _ html: String, title: String? = nil) -> String {
    let title = title.map { " title=\"\(HTMLText.escaped($0))\"" } ?? ""
    return "<td class=\"\(kind)\"\(title)>\(html)</td>"
  }

  private static func path(_ path: [UInt8]) -> String {
    cell("path", "/" + HTMLText.escaped(ShownText.name(path, limit: pathLimit)))
  }

  private static func size(_ count: UInt64, isWaste: Bool = false) -> String {
    cell(isWaste ? "number wasted" : "number", ByteCount.text(count), title: "\(count) bytes")
  }

  private static func swatch(_ layer: Int) -> String {
    "<span class=\"swatch\" style=\"--h:\(ReportStyle.hue(ofLayer: layer))\"></span>"
  }

  /// A bar of what there is and what of it is wasted, as parts of the whole.
  private static func bar(_ counts: [UInt64], of whole: UInt64) -> String {
    let parts = zip(counts, ["", " class=\"lost\""]).compactMap { count, kind -> String? in
      guard count > 0, whole > 0 else { return nil }
      let share = String(format: "%.2f", 100 * Double(count) / Double(whole))
      return "<i\(kind) style=\"width:\(share)%\"></i>"
    }
    return "<td class=\"share\"><div class=\"bar\">\(parts.joined())</div></td>"
  }
}
