// Where a file comes from, asked of the file itself in an ordinary mount; and that nobody takes the answer
// along who copies it.

import Foundation
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Provenance {
    private static let lower: [TarEntry] = [
      .directory("./"), .directory("d/"), .file("d/lower", "1"), .symlink("link", to: "d/lower"),
      .hardLink("d/second", to: "d/lower"), .file("implied/file", "2"),
    ]
    private static let upper: [TarEntry] = [.directory("d/").mode(0o700), .file("d/upper", "3")]
    private static let attributed = TarEntry.file("d/own", "4")
      .attribute("user.banger.layer", "mine").attribute("user.comment", "c")

    /// An image whose history says what made each layer, which no layer's number tells.
    private struct Image {
      let reference: String
      let tars: [[UInt8]]

      init(_ layers: [[TarEntry]], in place: Workplace) throws {
        tars = layers.map { TarBytes.archive($0) }
        let fixture = try ImageFixture(at: place.appending("image"))
        let entries = try tars.map {
          try fixture.addBlob($0, mediaType: "application/vnd.oci.image.layer.v1.tar")
        }
        let digests = entries.map { "\"\($0.digest)\"" }.joined(separator: ",")
        let configuration = """
          {"os": "linux", "architecture": "amd64", \
          "rootfs": {"type": "layers", "diff_ids": [\(digests)]}, \
          "history": [{"created_by": "ADD base"}, {"created_by": "ENV", "empty_layer": true}, \
          {"created_by": "COPY two\\nlines"}]}
          """
        let config = try fixture.addBlob(
          Array(configuration.utf8),
          mediaType: ImageFixture.MediaTypes.oci.configuration
        )
        try fixture.write(index: [try fixture.addManifest(config: config, layers: entries)])
        reference = "oci:\(fixture.path)"
      }

      func digest(_ layer: Int) -> String { ImageFixture.sha256(tars[layer]) }
    }

    private func value(_ name: String, of path: String, in mount: MountedImage) throws -> String? {
      let line = "getfattr --absolute-names --only-values -n \"user.banger.$2\" \"$1/$3\""
      let outcome = try mount.run(line, [name, path])
      if outcome.status == 0 { return outcome.text }
      #expect(outcome.errors.hasSuffix("user.banger.\(name): No such attribute\n"))
      return nil
    }

    /// The same whether the image has attributes of its own or none at all.
    @Test(arguments: Role.all, [false, true])
    func `a file tells its layer, digest, member and history`(
      role: Role,
      hasAttributes: Bool
    ) throws {
      let place = try Workplace(role)
      let upper = Self.upper + (hasAttributes ? [Self.attributed] : [])
      let image = try Image([Self.lower, upper], in: place)
      let mount = try MountedImage(image.reference, in: place)
      let commands = ["ADD base", "COPY two\nlines"]
      let places = [("d/lower", 0), ("d/second", 0), ("d/upper", 1), ("d", 1), ("", 0)]
      for (path, layer) in places {
        #expect(try value("layer", of: path, in: mount) == "\(layer)")
        #expect(try value("digest", of: path, in: mount) == image.digest(layer))
        #expect(try value("history", of: path, in: mount) == commands[layer])
        #expect(try value("option", of: path, in: mount) == nil)
        // From there on, the layer is an archive that begins with the file.
        let offset = try #require(Int(try value("offset", of: path, in: mount) ?? ""))
        let rest = Array(image.tars[layer][offset...])
        let listed = try HostTool.run("tar", ["--list", "--file", "-"], input: rest).text
        let first = try #require(listed.split(separator: "\n").first)
        let isDirectory = path == "d" || path == ""
        let member = path == "d/second" ? "d/lower" : path == "" ? "." : path
        #expect(first == member + (isDirectory ? "/" : ""))
      }
      // No layer says anything of it.
      for name in ["layer", "digest", "offset", "history", "option", "other"] {
        #expect(try value(name, of: "implied", in: mount) == nil)
      }
      if hasAttributes { #expect(try value("layer", of: "d/own", in: mount) == "mine") }
    }

    @Test(arguments: Role.all)
    func `what was laid over the image tells which option did it`(role: Role) throws {
      let place = try Workplace(role)
      let reference = try place.image([Self.lower])
      let options = try place.writeAdditions()
      let mount = try MountedImage(reference, options, in: place)
      #expect(try value("option", of: "etc/motd", in: mount) == "--overlay over")
      #expect(try value("option", of: "from tar", in: mount) == "--overlay more.tar.gz")
      #expect(try value("layer", of: "etc/motd", in: mount) == nil)
      #expect(try value("layer", of: "d/lower", in: mount) == "0")
      #expect(try value("option", of: "d/lower", in: mount) == nil)
    }

    @Test(arguments: Role.all, [false, true])
    func `nothing lists it, so that nothing copies it`(role: Role, hasAttributes: Bool) throws {
      let place = try Workplace(role)
      let upper = Self.upper + (hasAttributes ? [Self.attributed] : [])
      let mount = try MountedImage(try place.image([Self.lower, upper]), in: place)
      // Without any it says for each file that it supports none.
      let list = "getfattr -R -h -d -m - --absolute-names \"$1\" 2> /dev/null || true"
      let own = "# file: \(mount.path)/d/own\nuser.banger.layer=\"mine\"\nuser.comment=\"c\"\n\n"
      #expect(try mount.shell(list) == (hasAttributes ? own : ""))
      let copy = try place.makeDirectory("home/copy")
      try mount.shell("cp -a --preserve=all \"$1/.\" \"$2\"", copy)
      try mount.shell("cp -a --preserve=xattr \"$1/d/lower\" \"$2/again\"", copy)
      let copied = try mount.shell("cd \"$2\"; getfattr -R -h -d -m user -- .", copy)
      #expect(
        copied == (hasAttributes ? "# file: d/own\n" + own.drop { $0 != "\n" }.dropFirst() : "")
      )
      let archive = try mount.shell(
        "tar -C \"$1\" --xattrs --xattrs-include='*' --format=pax -c . | grep -ac banger || true"
      )
      #expect(archive == (hasAttributes ? "1\n" : "0\n"))
    }

    /// Linux knows no `user.*` attributes of anything but files and directories, and does not ask.
    @Test func `links tell nothing`() throws {
      let place = try Workplace(.ordinary)
      let mount = try MountedImage(try place.image([Self.lower]), in: place)
      let outcome = try mount.run("getfattr -h -n user.banger.layer \"$1/link\"")
      #expect(outcome.status == 1)
    }

    /// An image without attributes is told to have none: who would ask for the access control list of
    /// each file asks for that of the first.
    @Test(arguments: Role.all)
    func `ls -lR does not ask for the attributes of each file`(role: Role) throws {
      let place = try Workplace(role)
      let files = (0..<300).map { TarEntry.file("many/\($0)", "") }
      let mount = try MountedImage(try place.image([files]), in: place)
      try mount.shell("ls -lR \"$1\" > /dev/null")
      let counts = try mount.end().counts
      #expect(["GETXATTR", "LISTXATTR"].allSatisfy { counts[$0] ?? 0 <= 2 }, "\(counts)")
    }
  }
}
