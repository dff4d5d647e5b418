// tree: directories as they are drawn.

import TestKit
import Testing

struct TreeDrawingTests {
  private func outcome(_ arguments: String...) throws -> Outcome {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    return try place.start(["tree", image.reference] + arguments).finish()
  }

  @Test func `everything is drawn, names of any bytes too`() throws {
    let expected = #"""
      /
      ├── bin
      │   ├── again
      │   └── tool
      ├── data
      ├── dev
      │   ├── null
      │   └── sda
      ├── etc
      │   ├── passwd
      │   └── shared
      ├── gone -> no/where
      ├── odd
      │   ├── \x1b[31mred
      │   ├── back\\slash
      │   ├── link -> \x1b]0;title\x07
      │   ├── new\x0aline
      │   ├── two words
      │   └── \xff\xfe
      ├── programs -> bin
      ├── run
      │   └── pipe
      └── sh -> bin/tool

      6 directories, 16 files

      """#
    expect(try outcome(), is: .success(expected))
  }

  @Test func `depth and kind can be bounded`() throws {
    let expected = """
      /
      ├── bin
      ├── dev
      ├── etc
      │   └── shared
      ├── odd
      └── run

      6 directories

      """
    expect(try outcome("-d"), is: .success(expected))
    let shallow = try outcome("-L", "1", "/etc")
    expect(shallow, is: .success("/etc\n├── passwd\n└── shared\n\n1 directory, 1 file\n"))
  }

  @Test(arguments: [
    (["etc/passwd"], 66, "etc/passwd: not a directory but a regular"),
    (["nope"], 66, "nope: no such file or directory in the image"),
  ])
  func `what is no directory is refused`(path: [String], status: Int32, message: String) throws {
    expect(try outcome(path[0]), is: .failure(status, message))
  }

  @Test func `a depth of nothing is refused`() throws {
    #expect(try outcome("-L", "0").status == 64)
  }
}
