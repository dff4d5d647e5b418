// report: the page in a real browser, what stands in it without a script, names that would be markup, and
// where it is written.

import Foundation
import TestKit
import Testing

struct ReportTests {
  /// A page, and the place where a browser may look at it.
  private struct Page {
    let place: Workplace
    var html: String

    /// Opens the page in Chromium, with a script behind it, and returns what became of it.
    func dom(running script: String = "", _ options: String...) throws -> String {
      let added = script.isEmpty ? "" : "<script>\n\(script)\n</script>\n"
      try place.write("home/shown.html", html.replacing("</body>", with: added + "</body>"))
      let outcome = try browse(["--dump-dom", "--virtual-time-budget=3000"] + options)
      #expect(outcome.text.contains("</html>"), "\(outcome.errors)")
      return outcome.text
    }

    /// The PNG file of the page's first screen.
    func screenshot(_ options: String...) throws -> Data {
      try place.write("home/shown.html", html)
      let path = place.home + "/shown.png"
      let size = ["--window-size=1000,700", "--hide-scrollbars"]
      _ = try browse(["--screenshot=\(path)"] + size + options)
      return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// There is no sandbox for root, nor in most containers; the page is ours, and its policy holds.
    private func browse(_ options: [String]) throws -> Outcome {
      let outcome = try place.startTool(
        [
          "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--user-data-dir=\(place.home)/browser",
        ] + options + ["file://\(place.home)/shown.html"]
      ).finish()
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome
    }

    /// What a script set as an attribute of the page's element.
    static func value(_ name: String, in dom: String) throws -> String {
      let start = try #require(dom.range(of: " data-\(name)=\""), "\(dom.prefix(500))")
      return String(dom[start.upperBound...].prefix { $0 != "\"" })
        .replacing("&quot;", with: "\"").replacing("&lt;", with: "<").replacing("&gt;", with: ">")
        .replacing("&amp;", with: "&")
    }
  }

  private func page(of reference: String, in place: Workplace) throws -> Page {
    let outcome = try place.run("report", "--progress", "none", reference, "-o", "report.html")
    expect(outcome, is: .success())
    let bytes = try Data(contentsOf: URL(fileURLWithPath: place.home + "/report.html"))
    return Page(place: place, html: String(decoding: bytes, as: UTF8.self))
  }

  private func smallPage() throws -> Page {
    let place = try Workplace()
    return try page(of: try SmallImage(in: place).reference, in: place)
  }

  // MARK: In a browser

  @Test func `the page runs, and shows layers, files and the map`() throws {
    let dom = try smallPage().dom()
    #expect(try Page.value("ready", in: dom) == "true")
    for text in [
      "<h1>oci:", "<b>293 KiB</b><span>in 8 files</span>",
      "<b>12 B</b><span>wasted at 2 paths</span>", "<b>99.99 %</b>",
      "<td class=\"path\">/etc/hidden</td><td class=\"number wasted\" title=\"7 bytes\">7 B</td>",
      "<td class=\"path\">/data</td><td class=\"number\" title=\"300000 bytes\">293 KiB</td>",
      "<span class=\"name\">data</span><span class=\"size\">293 KiB</span>",
      "aria-label=\"/data: 293 KiB, 100.0 % of all, layer 1\"",
    ] {
      #expect(dom.contains(text), "\(text)")
    }
  }

  @Test func `directories are gone into and left, by mouse and by key`() throws {
    let place = try Workplace()
    let reference = try place.image([
      [.file("usr/lib/large", TarText([UInt8](repeating: 1, count: 60_000)))],
      [.file("usr/bin/tool", TarText([UInt8](repeating: 2, count: 30_000))), .file("etc/x", "1")],
    ])
    let dom = try page(of: reference, in: place).dom(
      running: """
        const look = () => [
          [...document.querySelectorAll("#crumbs button")].map((crumb) => crumb.textContent).join(">"),
          [...document.querySelectorAll("#contents tr")].map((row) => row.textContent).join("|"),
          [...document.querySelectorAll("#tiles .name")].map((name) => name.textContent).join("|"),
          document.activeElement === document.body ? "" : document.activeElement.textContent,
        ];
        const seen = [look()];
        document.querySelector("#tiles button").click();
        seen.push(look());
        document.querySelector("#contents button").click();
        seen.push(look());
        document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key: "Escape", bubbles: true }),
        );
        seen.push(look());
        document.documentElement.dataset.seen = JSON.stringify(seen);
        """
    )
    let seen = try JSONSerialization.jsonObject(with: Data(try Page.value("seen", in: dom).utf8))
    let usr = "lib/58.6 KiB66.7 %layer 0|bin/29.3 KiB33.3 %layer 1"
    #expect(
      seen as? [[String]] == [
        [
          "/", "usr/87.9 KiB100.0 %layer 0 (66.7 %)|1 more1 B0.0 %",
          "usr/|lib/|large|bin/|tool", "",
        ],
        ["/>usr", usr, "lib/|large|bin/|tool", "usr"],
        ["/>usr>lib", "large58.6 KiB100.0 %layer 0", "large", "lib"],
        ["/>usr", usr, "lib/|large|bin/|tool", "usr"],
      ]
    )
  }

  @Test func `the search looks at paths and commands`() throws {
    let dom = try smallPage().dom(
      running: """
        const search = document.getElementById("search");
        const look = () => [
          [...document.querySelectorAll("#largest tbody tr")].filter((row) => !row.hidden)
            .map((row) => row.firstChild.textContent).join(" "),
          document.querySelector("[data-rows=wasted]").textContent,
          document.getElementById("found").hidden,
          document.getElementById("found-count").textContent,
          [...document.querySelectorAll("#found-list li")].map((item) => item.textContent).join("|"),
        ];
        const seen = [];
        const steps = ["PASSWD", "data", ""];
        const next = () => {
          if (steps.length === 0) {
            document.documentElement.dataset.seen = JSON.stringify(seen);
            return;
          }
          search.value = steps.shift();
          search.dispatchEvent(new Event("input"));
          setTimeout(() => { seen.push(look()); next(); }, 300);
        };
        next();
        """
    )
    let all =
      #"/data /bin/again /etc/passwd /odd/two words /odd/back\\\\slash "#
      + #"/odd/\x1b[31mred /odd/\xff\xfe /odd/new\x0aline"#
    let expected =
      #"[["/etc/passwd","1 of 2 rows match",false,"0 places",""],"#
      + #"["/data","0 of 2 rows match",false,"1 place","/data293 KiB"],["#
      + "\"" + all.replacing(#"\x"#, with: #"\\x"#) + #"","",true,"0 places",""]]"#
    #expect(try Page.value("seen", in: dom) == expected)
  }

  @Test func `light and dark follow what the reader prefers`() throws {
    let page = try smallPage()
    let script = """
      const style = (name) => getComputedStyle(document.querySelector(name));
      document.documentElement.dataset.seen = `${style("body").backgroundColor} ${style("body").color}`;
      """
    let light = try page.dom(running: script)
    #expect(try Page.value("seen", in: light) == "rgb(245, 246, 248) rgb(27, 31, 36)")
    let dark = try page.dom(running: script, "--force-dark-mode")
    #expect(try Page.value("seen", in: dark) == "rgb(16, 19, 23) rgb(229, 232, 236)")
    let pictures = [try page.screenshot(), try page.screenshot("--force-dark-mode")]
    #expect(pictures[0] != pictures[1])
    for picture in pictures {
      #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]))
      // An empty page of that size has some 5 KB.
      #expect(picture.count > 20_000)
    }
  }

  @Test func `without a script the tables are there`() throws {
    var page = try smallPage()
    page.html = page.html.replacing("script-src 'unsafe-inline'", with: "script-src 'none'")
    let dom = try page.dom()
    #expect(!dom.contains("data-ready") && !dom.contains("class=\"js\""))
    for text in [
      "<td class=\"path\">/bin</td>", "<td class=\"path\">/etc/hidden</td>",
      "<td class=\"path\">/odd/two words</td>",
    ] {
      #expect(dom.contains(text), "\(text)")
    }
  }

  // MARK: Hostile

  private static let attack = "document.documentElement.dataset.owned='yes'"

  @Test func `no name, path, command or reference becomes markup`() throws {
    let place = try Workplace()
    let names = [
      "<script>\(Self.attack)<", "<img src=x onerror=\(Self.attack)>",
      "\" onmouseover=\"\(Self.attack)", "'-->&lt;&#60;b>", "\u{2028}\u{2029}\u{202E}",
      "<script", "`${\(Self.attack)}`",
    ]
    // Where paths are joined, there is the end of an element.
    let entries = names.map { name in
      TarEntry.file(TarText(Array("a<\(name)/script><script>\(Self.attack)<".utf8)), "content")
    }
    let base =
      entries + [.file(TarText([0x3C, 0xFF, 0x3E]), "not UTF-8"), .file("gone<b>", "gone")]
    let layers = [base, [.whiteout("gone<b>")]].map {
      ImageFixture.Layer.plain(TarBytes.archive($0))
    }
    let fixture = try ImageFixture(at: place.appending("image<b>&amp;"))
    let command = "</script><script>\(Self.attack)</script><img src=x onerror=\(Self.attack)>"
    let step = #"{"created":"<b>","created_by":"\#(command)","comment":"\#(command)"}"#
    let config = try fixture.addConfiguration(of: layers, #","history":[\#(step),\#(step)]"#)
    let blobs = try layers.map { try fixture.addBlob($0.blob, mediaType: $0.mediaType) }
    try fixture.write(index: [try fixture.addManifest(config: config, layers: blobs).named("x")])

    let page = try page(of: "oci:../image<b>&amp;:x", in: place)
    let dom = try page.dom(
      running: """
        const all = [...document.querySelectorAll("*")];
        const count = (name) => all.filter((element) => element.localName === name).length;
        const handlers = all.filter((element) => {
          element.dispatchEvent(new Event("mouseover"));
          return [...element.attributes].some((attribute) => attribute.name.startsWith("on"));
        });
        document.documentElement.dataset.seen =
          [count("script"), count("img"), count("b"), handlers.length].join(" ");
        """
    )
    #expect(try Page.value("ready", in: dom) == "true")
    // The page's data and script, and the one above; the figures of the four cards.
    #expect(try Page.value("seen", in: dom) == "3 0 4 0")
    #expect(!dom.contains("data-owned"))
    for mark in ["<script", "</script>"] {
      #expect(page.html.components(separatedBy: mark).count == 3, "\(mark)")
    }
    #expect(
      !page.html.unicodeScalars.contains { "\u{2028}\u{2029}\u{202E}".unicodeScalars.contains($0) }
    )
    #expect(dom.contains(#"<td class="path">/&lt;\xff&gt;</td>"#))
    #expect(dom.contains("<h1>oci:../image&lt;b&gt;&amp;amp;:x</h1>"))
    #expect(dom.contains("<td class=\"command\">&lt;/script&gt;&lt;script&gt;"))
  }

  @Test func `the page loads nothing and says so`() throws {
    let html = try smallPage().html
    #expect(!html.contains("://"))
    let policy =
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    #expect(html.contains("http-equiv=\"Content-Security-Policy\" content=\"\(policy);"))
    let links = html.matches(of: /(?:src|href|action|url)=?\(?"(?<link>[^"]*)"/).map {
      String($0.output.link)
    }
    #expect(links.allSatisfy { $0.hasPrefix("#") || $0 == "data:," }, "\(links)")
    #expect(links.count > 4)
  }

  @Test func `the page of a huge image with long names stays small`() throws {
    let place = try Workplace()
    let names = (1000..<4000).map { number in
      Array("\(number)".utf8) + [UInt8](repeating: 0xFF, count: 250)
    }
    let entries = names.map { TarEntry.file(TarText(Array("</".utf8) + $0), "12345678") }
    let deep = (0..<300).map { _ in "d" }.joined(separator: "/")
    let many = (0..<2000).map { TarEntry.file(TarText(Array("\(deep)/\($0)".utf8)), "1") }
    let page = try page(of: try place.image([entries + many]), in: place)
    #expect(page.html.utf8.count < 4 << 20)
    let dom = try page.dom()
    #expect(try Page.value("ready", in: dom) == "true")
    #expect(dom.components(separatedBy: "<tr data-row").count < 1000)
  }

  @Test func `an image without layers has a page`() throws {
    let place = try Workplace()
    _ = try ImageFixture.image([], tag: "empty", at: place.appending("image"))
    let dom = try page(of: "oci:../image:empty", in: place).dom()
    #expect(try Page.value("ready", in: dom) == "true")
    #expect(dom.contains("<b>0 B</b><span>in 0 files</span>"))
  }

  @Test func `a real image has a page that shows it`() throws {
    let place = try Workplace(.ordinary)
    let page = try page(of: try place.reference(of: .debian), in: place)
    #expect(page.html.utf8.count < 1 << 20)
    let dom = try page.dom()
    #expect(try Page.value("ready", in: dom) == "true")
    for text in [
      "<span class=\"name\">usr/</span>", "mmdebstrap", "dpkg -i", "oddities",
      "<td class=\"path\">/usr/bin/perl</td>",
    ] {
      #expect(dom.contains(text), "\(text)")
    }
    #expect(try page.screenshot().count > 50_000)
  }
}
