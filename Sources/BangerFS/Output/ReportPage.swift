// The page of a report: one HTML file that loads nothing. What an image says stands in it as escaped text,
// or as JSON that the page's own script sets as text. docs/SEMANTICS.md, "Report".

import FileTree
import ImageStore
import OCISpec

struct ReportPage {
  private let findings: ReportFindings
  private let tables: ReportTables

  init(_ findings: ReportFindings) {
    self.findings = findings
    tables = ReportTables(findings)
  }

  func html() throws -> String {
    let data = ReportData(findings.map, layerCount: findings.layers.count)
    return """
      <!DOCTYPE html>
      <html lang="en">
      \(head)
      <body>
      \(top)
      <main>
      \(overview)
      \(foundPlaces)
      \(section("layers", "Layers", tables.layers))
      \(map)
      \(section("wasted", "Wasted space", tables.wasted, note: wastedNote))
      \(section("largest", "Largest files", tables.largest, note: largestNote))
      \(section("history", "History", tables.history))
      </main>
      \(footer)
      <script type="application/json" id="data">\(try data.script())</script>
      <script>
      \(ReportScript.text)</script>
      </body>
      </html>

      """
  }

  // MARK: Parts

  /// The policy makes sure of what the page is: nothing is loaded, sent or framed, whatever stands in it.
  private var head: String {
    """
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src \
    'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="referrer" content="no-referrer">
    <link rel="icon" href="data:,">
    <title>\(name) · banger-fs report</title>
    <style>
    \(ReportStyle.text)</style>
    </head>
    """
  }

  private var name: String { Self.text(findings.image.reference) }

  private static func text(_ text: String) -> String {
    HTMLText.escaped(ShownText.text(text, limit: 300))
  }

  private var top: String {
    """
    <div class="bar-top"><div>
    <nav aria-label="Sections">
    <a href="#layers">Layers</a><a href="#map">Map</a><a href="#wasted">Wasted</a>\
    <a href="#largest">Largest</a><a href="#history">History</a>
    </nav>
    <input id="search" class="with-script" type="search" placeholder="Search paths and commands" \
    aria-label="Search paths and commands" autocomplete="off" spellcheck="false">
    </div></div>
    """
  }

  private var overview: String {
    let image = findings.image
    let created = image.configuration.created.map { "<span>created \(Self.text($0))</span>" } ?? ""
    let compressed = findings.layers.reduce(UInt64(0)) {
      $0.addingSaturated($1.compressedByteCount)
    }
    let use = findings.use
    let cards = [
      (ByteCount.text(findings.sizes.byteCount), "in \(count(findings.sizes.fileCount, "file"))"),
      (ByteCount.text(compressed), "compressed, in \(count(findings.layers.count, "layer"))"),
      (
        ByteCount.text(use.shadowedByteCount),
        "wasted at \(count(use.wastedPathCount, "path"))"
      ),
      (SpaceText.percent(use.efficiency), "efficiency"),
    ]
    return """
      <h1>\(name)</h1>
      <p class="facts"><span class="mono">\(image.digest)</span> \
      <span>\(Self.text(image.platform.description))</span> \(created)</p>
      <div class="cards">
      \(cards.map { "<div class=\"card\"><b>\($0)</b><span>\($1)</span></div>" }.joined())
      </div>
      """
  }

  private func count(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
  }

  private func section(
    _ id: String,
    _ title: String,
    _ content: String,
    note: String = ""
  ) -> String {
    """
    <section id="\(id)" aria-labelledby="\(id)-title">
    <div class="head"><h2 id="\(id)-title">\(title)</h2>\
    <span class="muted" data-rows="\(id)"></span></div>
    \(content)
    \(note.isEmpty ? "" : "<p class=\"muted\">\(note)</p>")
    </section>
    """
  }

  private var foundPlaces: String {
    """
    <section id="found" aria-labelledby="found-title" hidden>
    <div class="head"><h2 id="found-title">Found on the map</h2>\
    <span class="muted" id="found-count" role="status"></span></div>
    <ul class="found" id="found-list"></ul>
    </section>
    """
  }

  private var map: String {
    """
    <section id="map" aria-labelledby="map-title">
    <div class="head"><h2 id="map-title">Map</h2>\
    <span class="muted with-script" id="status" role="status"></span></div>
    <div class="with-script">
    <nav aria-label="Directory"><ol id="crumbs" class="mono"></ol></nav>
    <div id="tiles" role="group" aria-label="Sizes as areas"></div>
    <ul class="legend">\(tables.legend)</ul>
    <p class="muted">An area is a size, a colour the layer that most of it comes from. Click a \
    directory to go into it, Escape goes up. What has less than 0.05 % of all is left to “more”.</p>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Name</th><th scope="col" class="number">Size</th>\
    <th scope="col" class="number">Share</th><td></td><th scope="col">From</th></tr></thead>
    <tbody id="contents"></tbody>
    </table></div>
    </div>
    <div class="without-script">\(tables.directories)</div>
    </section>
    """
  }

  private var wastedNote: String {
    Self.rest(findings.use.wasted.count, of: findings.use.wastedPathCount, "paths")
      + "Wasted is what one layer puts and a later one overwrites or deletes: it is pulled and kept, "
      + "and nobody sees it."
  }

  private var largestNote: String {
    Self.rest(findings.largest.count, of: findings.sizes.fileCount, "files")
  }

  private static func rest(_ shown: Int, of all: Int, _ noun: String) -> String {
    shown < all ? "The first \(shown) of \(all) \(noun). " : ""
  }

  private var footer: String {
    """
    <footer>Sizes are those of regular files, a file with several names counted once. The efficiency \
    compares the smallest file at each path with all that layers put there. The search looks at what \
    is on this page. Made by banger-fs \(version).</footer>
    """
  }
}
