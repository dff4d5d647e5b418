// --layer and --upto: one layer as its archive has it, and the tree as of a layer.

import Foundation
import TestKit
import Testing

struct LayerChoiceTests {
  private static let base: [TarEntry] = [
    .directory("a/"), .file("a/old", "old\n"), .file("a/kept", "kept\n"), .file("b/x", "x"),
    .symlink("link", to: "a"),
  ]
  private static let middle: [TarEntry] = [
    .whiteout("a/old"), .opaque("b/"), .file("b/y", "yy"),
    .file(TarText(Array("a/".utf8) + [0xff]), "odd"),
  ]
  private static let top: [TarEntry] = [
    .hardLink("c", to: "a/kept"), .file("a/old", "new\n").mode(0o600),
  ]

  private static let layers = [base, middle, top].map {
    ImageFixture.Layer.plain(TarBytes.archive($0))
  }

  private func place(_ role: Role) throws -> (Workplace, image: String) {
    let place = try Workplace(role)
    _ = try ImageFixture.image(Self.layers, at: place.appending("image"))
    return (place, "oci:" + place.appending("image"))
  }

  // MARK: One layer

  @Test(
    arguments: Role.all,
    [
      (0, "/\n/a\n/a/kept\n/a/old\n/b\n/b/x\n/link\n"),
      (1, "/\n/a\n/a/.wh.old\n/a/\\xff\n/b\n/b/.wh..wh..opq\n/b/y\n"),
      (2, "/\n/a\n/a/old\n/c\n"),
    ]
  )
  func `a layer alone has the names of its archive`(
    role: Role,
    row: (layer: Int, names: String)
  ) throws {
    let (place, image) = try place(role)
    let warning =
      row.layer == 2
      ? "warning: 1 hard link to a file of lower layers: it is shown as an empty file\n" : ""
    let outcome = try place.run("ls", "-R", "--layer", "\(row.layer)", image)
    expect(outcome, is: Outcome(status: 0, output: Array(row.names.utf8), errors: warning))
  }

  @Test func `a layer alone has its own bytes, places and marks`() throws {
    let (place, image) = try place(Role.all[0])
    expect(try place.run("cat", "--layer", "0", image, "a/old"), is: .success("old\n"))
    expect(try place.run("cat", "--layer", "1", image, "a/.wh.old", "b/y"), is: .success("yy"))
    let stat = try place.run("stat", "--layer", "1", image, "b/y")
    // Headers of 512 bytes: the whiteout, the opaque mark, then this one.
    #expect(stat.text.contains("layer: 1 \(Self.layers[1].diffID)\nmember: at tar byte 1024\n"))
  }

  @Test(arguments: Role.all)
  func `layers that nobody asks for may be damaged`(_ role: Role) throws {
    let place = try Workplace(role)
    let fixture = try ImageFixture.image(Self.layers, at: place.appending("image"))
    try fixture.replaceBlob(Self.layers[1].diffID, with: Array("damaged".utf8))
    let image = "oci:" + place.appending("image")
    expect(try place.run("cat", "--upto", "0", image, "a/old"), is: .success("old\n"))
    #expect(try place.run("cat", "--layer", "2", image, "a/old").text == "new\n")
    let refused = try place.run("ls", "--layer", "1", image)
    #expect(refused.status == 65)
    #expect(refused.errors.contains(Self.layers[1].diffID))
  }

  // MARK: As of a layer

  @Test(arguments: 0..<3)
  func `the tree as of a layer is that of an image which ends with it`(last: Int) throws {
    let (place, image) = try place(Role.all[0])
    _ = try ImageFixture.image(Array(Self.layers[...last]), at: place.appending("shorter"))
    let shorter = try place.dump(of: "oci:" + place.appending("shorter"))
    #expect(try place.dump(of: image, ["--upto", "\(last)"]).lines == shorter.lines)
    #expect(shorter.lines.count >= 6)
  }

  @Test(arguments: Role.all)
  func `a mount shows one layer, or the tree as of one`(_ role: Role) throws {
    let (place, image) = try place(role)
    let alone = try MountedImage(image, ["--layer", "1"], in: place)
    #expect(
      try alone.shell("cd \"$1\"; find . | sort; cat b/y") == """
        .
        ./a
        ./a/.wh.old
        ./a/\u{FFFD}
        ./b
        ./b/.wh..wh..opq
        ./b/y
        yy
        """
    )
    let early = try MountedImage(image, ["--upto", "0"], in: place)
    #expect(try early.shell("cd \"$1\"; cat a/old link/kept b/x") == "old\nkept\nx")
  }

  @Test func `what is laid over an image lies over the tree as of a layer`() throws {
    let (place, image) = try place(Role.all[0])
    let file = try place.write("home/file", "mine\n")
    let options = ["--upto", "0", "--inject", "\(file):/a/mine"]
    expect(
      try place.start(["cat"] + options + [image, "a/mine", "a/old"]).finish(),
      is: .success("mine\nold\n")
    )
  }

  // MARK: What is refused

  @Test(arguments: [
    (["ls", "--layer", "3"], "layer 3: the image has layers 0 to 2"),
    (["ls", "--layer=-1"], "layer -1: the image has layers 0 to 2"),
    (["tree", "--upto", "9"], "layer 9: the image has layers 0 to 2"),
    (
      ["ls", "--layer", "0", "--inject", "/dev/null:/x"],
      "--layer shows one layer as it is: nothing can be laid over it"
    ),
  ])
  func `layers that are not there are refused`(command: [String], message: String) throws {
    let (place, image) = try place(Role.all[0])
    expect(try place.start(command + [image]).finish(), is: .failure(64, message))
  }

  @Test(arguments: [["--layer", "0", "--upto", "1"], ["--layer", "x"]])
  func `options that contradict are refused`(options: [String]) throws {
    let (place, image) = try place(Role.all[0])
    #expect(try place.start(["ls"] + options + [image]).finish().status == 64)
  }

  // MARK: A real image

  @Test func `each layer of a small Debian has the names that tar lists`() throws {
    let place = try Workplace()
    let image = try place.reference(of: .small)
    let list = """
      import json, os, sys, tarfile
      layout, number = sys.argv[1], int(sys.argv[2])
      def blob(digest): return layout + '/blobs/' + digest.replace(':', '/')
      index = json.load(open(layout + '/index.json'))
      manifest = json.load(open(blob(index['manifests'][0]['digest'])))
      names = set()
      with tarfile.open(blob(manifest['layers'][number]['digest'])) as tar:
        for member in tar:
          name = member.name.strip('/').removeprefix('./')
          names.add('/' + ('' if name == '.' else name))
      for name in list(names):
        while name: names.add(name); name = name.rpartition('/')[0]
      sys.stdout.buffer.write(b''.join(os.fsencode(n) + b'\\0' for n in names | {'/'}))
      """
    let layers = try place.run("layers", "--format", "json", image)
    let count = layers.text.split(separator: "\"diffID\"").count - 1
    #expect(count >= 1)
    for number in 0..<count {
      let expected = try Program.succeed(
        ["python3", "-c", list, try RealImage.small.layout, "\(number)"]
      )
      let listed = try place.run("ls", "-0R", "--layer", "\(number)", image)
      #expect(Set(listed.output.split(separator: 0)) == Set(expected.split(separator: 0)))
    }
  }
}
