// How lists are printed: for terminals, for programs, for people who want every byte.

import TestKit
import Testing

struct OutputFormTests {
  /// Runs the program on a terminal of so many columns, and returns what it shows there.
  private func screen(
    _ command: String,
    columns: Int = 80,
    environment: [String: String] = ["TERM": "xterm"]
  ) throws -> String {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let line = "stty cols \(columns); \(place.binary) \(command) \(image.reference)"
    let program = try place.startTool(
      ["script", "--quiet", "--return", "--command", line, "/dev/null"],
      environment: environment
    )
    return String(decoding: try place.succeed(program), as: UTF8.self)
      .replacing("\r\n", with: "\n")
  }

  @Test(arguments: ["-0", "-0R"])
  func `names for programs are bytes as they are`(option: String) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let names: [[UInt8]] = [
      [0x1B] + Array("[31mred".utf8), Array(#"back\slash"#.utf8), Array("link".utf8),
      Array("new\nline".utf8), Array("two words".utf8), [0xFF, 0xFE],
    ]
    let isWhole = option == "-0R"
    let expected =
      (isWhole ? [Array("/odd".utf8)] : [])
      + names.map {
        (isWhole ? Array("/odd/".utf8) : []) + $0
      }
    expect(
      try place.run("ls", option, image.reference, "odd"),
      is: Outcome(status: 0, output: expected.flatMap { $0 + [0] }, errors: "")
    )
  }

  @Test(arguments: [["-0", "-l"], ["-0", "--format", "json"]])
  func `names for programs are nothing else`(options: [String]) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    #expect(try place.start(["ls"] + options + [image.reference]).finish().status == 64)
  }

  @Test func `a terminal shows kinds of files in colours`() throws {
    let shown = try screen("ls")
    let escape = "\u{1B}["
    #expect(
      shown.split(separator: "\n").map(String.init) == [
        "\(escape)1;34mbin\(escape)0m", "data", "\(escape)1;34mdev\(escape)0m",
        "\(escape)1;34metc\(escape)0m", "\(escape)36mgone\(escape)0m",
        "\(escape)1;34modd\(escape)0m", "\(escape)36mprograms\(escape)0m",
        "\(escape)1;34mrun\(escape)0m", "\(escape)36msh\(escape)0m",
      ]
    )
  }

  @Test(arguments: [["TERM": "xterm", "NO_COLOR": "1"], ["TERM": "dumb"]])
  func `nobody who does not want colours gets them`(environment: [String: String]) throws {
    for command in ["ls", "tree"] {
      #expect(!(try screen(command, environment: environment)).contains("\u{1B}"))
    }
  }

  @Test func `a table fits the terminal as far as its last column can be cut`() throws {
    let wide = try screen("layers", columns: 300).split(separator: "\n")
    let narrow = try screen("layers", columns: 100).split(separator: "\n")
    #expect(wide.count == 3 && narrow.count == 3)
    #expect(narrow.allSatisfy { $0.count <= 100 })
    #expect(zip(wide, narrow).allSatisfy { $0.prefix(90) == $1.prefix(90) })
  }

  @Test func `sizes can be numbers of bytes`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let rows = try place.run("layers", "--bytes", image.reference).text.split(separator: "\n")
    let sizes = rows.dropFirst().map { $0.split(separator: " ")[2] }
    #expect(sizes == image.layers.map { "\($0.blob.count)" })
    let cache = try place.run("cache", "df", "--bytes").text
    #expect(!cache.contains("KiB") && !cache.contains(" B"))
  }
}
