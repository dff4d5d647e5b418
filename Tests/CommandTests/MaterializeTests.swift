// materialize when all goes well: what it prints, what it writes, and that it does not matter who runs
// it, how often at once, and what was there before.

import FileTree
import Foundation
import TestKit
import Testing

struct MaterializeTests {
  private func check(_ path: String) throws {
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", path])
  }

  @Test(arguments: Role.all)
  func `the file has every name, owner and attribute, whoever writes it`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let outcome = try place.run("materialize", image.reference, "out.ext4")
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(outcome.text.hasPrefix("\(place.home)/out.ext4: "))
    #expect(outcome.text.split(separator: "\n").count == 1)
    #expect(try place.names() == ["cache", "out.ext4"])
    #expect(try place.mounts() == [])
    #expect(try place.names(in: place.cache + "/banger/mounts") == [])
    let file = place.home + "/out.ext4"
    try check(file)
    let rows = try Ext4Witness.rows(of: URL(fileURLWithPath: file))
    expect(try place.run("dump", image.reference), is: .success(DumpRow.text(rows)))
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.posixPermissions] as? Int == 0o644)
  }

  @Test func `the result as JSON has sizes, counts and the UUID`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.run(
      "materialize",
      "--format",
      "json",
      "--size",
      "128M",
      "--label",
      "a label",
      image.reference,
      "out.ext4"
    )
    #expect((outcome.status, outcome.errors) == (0, ""))
    var facts = try JSONText.object(outcome.output)
    let fields = try Superblock.fields(of: place.home + "/out.ext4")
    #expect(facts.removeValue(forKey: "path") as? String == place.home + "/out.ext4")
    #expect(facts.removeValue(forKey: "bytes") as? Int == 128 << 20)
    #expect(facts.removeValue(forKey: "label") as? String == "a label")
    #expect(fields["Filesystem volume name"] == "a label")
    #expect(facts.removeValue(forKey: "uuid") as? String == fields["Filesystem UUID"])
    for (key, field) in [
      ("blocks", "Block count"), ("freeBlocks", "Free blocks"), ("inodes", "Inode count"),
      ("freeInodes", "Free inodes"),
    ] {
      let value = try #require(facts.removeValue(forKey: key) as? Int)
      #expect("\(value)" == fields[field])
    }
    let allocated = try #require(facts.removeValue(forKey: "allocatedBytes") as? Int)
    #expect((300_000..<(64 << 20)).contains(allocated))
    #expect(facts.removeValue(forKey: "joinedLinks") as? Int == 0)
    #expect(facts.removeValue(forKey: "digest") as? String == image.manifest.digest)
    #expect(facts.removeValue(forKey: "reproducible") as? Bool == true)
    #expect(facts.removeValue(forKey: "origin") as? String == "built")
    #expect(facts.removeValue(forKey: "schemaVersion") as? Int == 1)
    #expect(facts.isEmpty)
  }

  @Test(arguments: ["odd\nname.ext4", "with blanks and \"quotes\"", "-out", "ü.ext4"])
  func `the file may have any name`(_ name: String) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.run("materialize", "--", image.reference, name)
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(outcome.text.split(separator: "\n").count == 1)
    try check(place.home + "/" + name)
  }

  @Test func `what was there is replaced, through a link too, and only by success`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/disks")
    let file = try place.write("home/disks/old", "precious")
    try FileManager.default.createSymbolicLink(
      atPath: place.home + "/out.ext4",
      withDestinationPath: "disks/old"
    )
    #expect(
      try place.run("materialize", "--size", "1M", image.reference, "out.ext4").status == 64
    )
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
    #expect(try place.run("materialize", image.reference, "out.ext4").status == 0)
    try check(file)
    #expect(try place.names() == ["cache", "disks", "out.ext4"])
    #expect(try place.names(in: place.home + "/disks") == ["old"])
  }

  @Test(arguments: Role.all, [["a.ext4", "b.ext4"], ["same.ext4", "same.ext4"]])
  func `two at once do not disturb each other`(role: Role, outputs: [String]) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let programs = try outputs.map { try place.start(["materialize", image.reference, $0]) }
    for program in programs {
      let outcome = try program.finish()
      #expect((outcome.status, outcome.errors) == (0, ""))
    }
    for output in outputs { try check(place.home + "/" + output) }
    #expect(try Set(place.names()) == Set(outputs + ["cache"]))
    #expect(try place.mounts() == [])
  }
}
