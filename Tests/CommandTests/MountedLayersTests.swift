// An image's layers side by side in one mount: each alone as GNU tar sees it, and each tree as that of an
// image which ends there.

import Foundation
import Glibc
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Layers {
    /// Every directory is listed, and what links lead to is in the same layer: so that tar makes of each
    /// alone what there is to be shown.
    private static let layers: [[TarEntry]] = [
      [
        .directory("./").mode(0o751).owner(1, 2).modified(5), .directory("d/").modified(6),
        .file("d/stays", "1").modified(7, nanoseconds: 8),
        .file("d/goes", "22").mode(0o4755).modified(8), .hardLink("d/again", to: "d/stays"),
        .symlink("link", to: "d/stays").modified(9), .fifo("pipe").owner(3, 4).modified(10),
        .directory("full/").modified(11), .file("full/old", "333").modified(12),
        .file("new\nline", "n").modified(13),
      ],
      [
        .directory("d/").mode(0o700).modified(20), .whiteout("d/goes"),
        .file("d/added", TarText(CompressedBytes.sample(byteCount: 300_000, seed: 4))).modified(21),
        .directory("full/").modified(22), .opaque("full"), .file("full/new", "4").modified(23),
      ],
      [
        .whiteout("pipe"), .whiteout("never/there"),
        .file("d/attributed", "5").attribute("user.comment", "c").modified(30),
        .hardLink("attributed", to: "d/attributed"),
      ],
    ]

    /// Without the root, whose links nobody has counted, and with all that hangs on times of directories
    /// which no archive lists.
    private func belowRoot(_ dump: DumpText) -> DumpText {
      var dump = dump
      dump.lines.removeAll { $0.hasPrefix("/ ") || $0.hasPrefix("/never ") }
      return dump
    }

    private func mounted(
      _ role: Role,
      _ options: [String] = []
    ) throws -> (place: Workplace, mount: MountedImage) {
      let place = try Workplace(role)
      let reference = try place.image(Self.layers)
      return (place, try MountedImage(reference, ["--layers"] + options, in: place))
    }

    @Test(arguments: Role.all)
    func `there is a directory for each layer, and for the tree as of each`(role: Role) throws {
      let (_, mount) = try mounted(role)
      let listed = try mount.shell("cd \"$1\"; echo *; echo layers/* upto/*; ls merged/d")
      #expect(
        listed == """
          layers merged upto
          layers/0 layers/1 layers/2 upto/0 upto/1 upto/2
          added
          again
          attributed
          stays

          """
      )
      #expect(try mount.shell("stat -c '%A %u:%g %Y' \"$1/upto/1\"") == "drwxr-x--x 1:2 5\n")
      #expect(try mount.shell("stat -c '%A %u:%g %Y' \"$1/layers/1\"") == "drwxr-xr-x 0:0 0\n")
    }

    @Test(arguments: Role.all)
    func `each layer alone has the names that GNU tar lists`(role: Role) throws {
      let (_, mount) = try mounted(role)
      for (number, layer) in Self.layers.enumerated() {
        let tar = TarBytes.archive(layer)
        // A line break is told as `\n`, which is no character of another name here.
        let listed = try HostTool.run("tar", ["--list", "--file", "-"], input: tar).text
          .replacing("\\n", with: "?")
        var names = Set(
          listed.split(separator: "\n").map { $0.hasSuffix("/") ? $0.dropLast() : $0 }.map(
            String.init
          )
        )
        names.remove(".")
        // No member describes them.
        if number == 2 { names.formUnion(["never", "d"]) }
        let find = "cd \"$1/layers/$2\"; find . -mindepth 1 -printf '%P\\0' | tr '\\n\\0' '?\\n'"
        let shown = try mount.shell(find, "\(number)").split(separator: "\n").map(String.init)
        #expect(shown.count == Set(shown).count)
        #expect(Set(shown) == names)
      }
    }

    @Test(.enabled(if: Role.all.contains(.root)))
    func `each layer alone is what GNU tar unpacks`() throws {
      let (place, mount) = try mounted(.root)
      for (number, layer) in Self.layers.enumerated() {
        let unpacked = try place.makeDirectory("home/layer-\(number)")
        let archive = place.home + "/\(number).tar"
        try Data(TarBytes.archive(layer)).write(to: URL(fileURLWithPath: archive))
        let unpack = ["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive]
        _ = try place.succeed(try place.startTool(unpack + ["-C", unpacked]))
        // The only directory that this layer does not list but for the root.
        if number == 2 { try mount.shell("touch -d @0 \"$2/d\" \"$2/never\"", unpacked) }
        let shown = try place.dump(ofDirectory: "\(mount.path)/layers/\(number)")
        let expected = try place.dump(ofDirectory: unpacked)
        #expect(belowRoot(shown).differences(from: belowRoot(expected)) == [])
      }
    }

    @Test(arguments: Role.all)
    func `the tree as of a layer is that of an image which ends there`(role: Role) throws {
      let (place, mount) = try mounted(role)
      for count in 1...Self.layers.count {
        let image = try place.image(Array(Self.layers.prefix(count)))
        let expected = belowRoot(try place.dump(of: image))
        var paths = ["upto/\(count - 1)"]
        if count == Self.layers.count { paths.append("merged") }
        for path in paths {
          let shown = try place.dump(ofDirectory: "\(mount.path)/\(path)")
          #expect(belowRoot(shown).differences(from: expected) == [])
        }
      }
    }

    @Test(arguments: Role.all)
    func `all inodes are told apart, and directories lead up`(role: Role) throws {
      let (_, mount) = try mounted(role)
      // Names, and inodes of which two names of a file share one.
      let count = "find \"$1\" -printf '%i\\n' | sort"
      let names = try mount.shell("\(count) | wc -l").filter(\.isNumber)
      let inodes = try mount.shell("\(count) -u | wc -l").filter(\.isNumber)
      // d/again is in layers/0, upto/0 to upto/2 and merged; attributed in layers/2, upto/2 and merged.
      #expect(try #require(Int(names)) - #require(Int(inodes)) == 5 + 3)
      let ups = [
        ("upto/1/..", "upto"), ("layers/2/..", "layers"), ("merged/..", "."), ("upto/..", "."),
        ("upto/1/d/..", "upto/1"),
      ]
      for (path, parent) in ups {
        let compare = "cd \"$1\"; test \"$(stat -c %i \"$2\")\" = \"$(stat -c %i \"$3\")\""
        try mount.shell(compare, path, parent)
      }
      #expect(try mount.witness("list").hasSuffix(" directories\n"))
    }

    @Test(arguments: Role.all)
    func `files are read, and tell where they come from`(role: Role) throws {
      let (place, mount) = try mounted(role)
      try mount.shell(
        "cd \"$1\"; cmp layers/1/d/added merged/d/added; cmp upto/1/d/added merged/d/added"
      )
      #expect(try mount.shell("cat \"$1/upto/0/d/goes\" \"$1/layers/0/d/goes\"") == "2222")
      let ask = "getfattr --absolute-names --only-values -n user.banger.layer \"$1/$2\""
      for (path, layer) in [
        ("upto/2/d/stays", "0"), ("upto/2/d/added", "1"), ("layers/1/d/.wh.goes", "1"),
        ("layers/2/d/attributed", "2"), ("merged/full/new", "1"),
      ] {
        #expect(try mount.shell(ask, path) == layer)
      }
      let list = "getfattr -d -m - --absolute-names \"$1/upto/2/d/attributed\""
      #expect(try mount.shell(list).hasSuffix("\nuser.comment=\"c\"\n\n"))
      _ = place
    }

    @Test(arguments: Role.all)
    func `what cannot be read is told with the place it was read at`(role: Role) throws {
      let place = try Workplace(role)
      let tar = TarBytes.archive([
        .directory("d/"),
        .file("d/f", TarText(CompressedBytes.sample(byteCount: 200_000, seed: 2))),
      ])
      let layer = ImageFixture.Layer.plain(tar)
      let fixture = try ImageFixture.image([layer], at: place.appending("image"))
      let mount = try place.makeDirectory("home/mnt")
      let command = ["mount", "--layers", "--log", "log", "oci:\(fixture.path)", mount]
      expect(try place.start(command).finish(), is: .success())
      var blob = tar
      blob[150_000] ^= 1
      try fixture.replaceBlob(layer.diffID, with: blob)
      for path in ["layers/0/d/f", "upto/0/d/f"] {
        #expect(try place.runTool("cat", "mnt/\(path)").status == 1)
      }
      let log = try String(contentsOfFile: place.home + "/log", encoding: .utf8)
      let places = log.split(separator: "\n").dropFirst().map { line in
        String(line.split(separator: " ")[1])
      }
      #expect(places == ["/layers/0/d/f:", "/upto/0/d/f:"])
      #expect(try place.run("mounts", "-v").text.contains("\n  /upto/0/d/f at byte "))
      expect(try place.run("umount", "mnt"), is: .success())
    }

    @Test func `too much for one mount is an error where it is looked into`() throws {
      let place = try Workplace()
      let layers: [[TarEntry]] = [(0..<6).map { .file("\($0)", "x") }, [.file("more", "y")]]
      let reference = try place.image(layers)
      let options = ["--layers", "--limit", "entries=11"]
      let mount = try MountedImage(reference, options, in: place)
      // Eight nodes of the whole image; two of layer 1; seven of layer 0 are too many.
      #expect(try mount.shell("cat \"$1/merged/0\" \"$1/upto/1/0\" \"$1/layers/1/more\"") == "xxy")
      let outcome = try mount.run("cat \"$1/upto/0/0\"")
      #expect(outcome.errors.hasSuffix("Input/output error\n"))
      let text = try place.run("mounts", "-v").text
      #expect(text.contains("\n  /upto/0 at byte 0, last "))
    }

    @Test func `an image without layers has an empty tree`() throws {
      let place = try Workplace()
      let mount = try MountedImage(try place.image([]), ["--layers"], in: place)
      #expect(try mount.shell("cd \"$1\"; find . | sort") == ".\n./layers\n./merged\n./upto\n")
    }

    @Test(arguments: [
      ["--layer", "0"], ["--upto", "0"], ["--overlay", "."], ["--inject", "a:b"],
      ["--owner-map", "0:1:2"],
    ])
    func `layers are shown as they are, all of them, or not at all`(options: [String]) throws {
      let place = try Workplace()
      try place.makeDirectory("home/mnt")
      let reference = try place.image(Self.layers)
      let outcome = try place.start(["mount", "--layers"] + options + [reference, "mnt"]).finish()
      #expect((outcome.status, outcome.text) == (64, ""))
      #expect(outcome.errors.hasPrefix("Error: --layers "))
      #expect(try place.mounts() == [])
    }
  }
}
