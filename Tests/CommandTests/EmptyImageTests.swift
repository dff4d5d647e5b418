// An image without layers: a tree with nothing in it. Whoever wants a file system of it has to say so.

import FileTree
import Foundation
import TestKit
import Testing

struct EmptyImageTests {
  private func image(in place: Workplace) throws -> String {
    _ = try ImageFixture.image([], tag: "empty", at: place.appending("image"))
    return "oci:../image:empty"
  }

  @Test(arguments: Role.all)
  func `I9: without layers there is an empty tree`(_ role: Role) throws {
    let place = try Workplace(role)
    let reference = try image(in: place)
    expect(try place.run("ls", reference), is: .success())
    #expect(try place.run("stat", reference, "/").status == 0)
    try place.makeDirectory("home/mnt")
    expect(try place.run("mount", reference, "mnt"), is: .success())
    expect(try place.runTool("ls", "-A", "mnt"), is: .success())
    expect(
      try place.runTool("stat", "-c", "%F %a %u:%g %Y", "mnt"),
      is: .success(
        "directory 755 0:0 0\n"
      )
    )
    expect(try place.run("umount", "mnt"), is: .success())
  }

  @Test(arguments: Role.all)
  func `I9: without layers a file system is only made with leave`(_ role: Role) throws {
    let place = try Workplace(role)
    let reference = try image(in: place)
    expect(
      try place.run("materialize", reference, "out.ext4"),
      is: .failure(
        65,
        "oci:../image:empty: the image has no layers",
        hint: "with --allow-empty an empty file system is written"
      )
    )
    #expect(try place.names().filter { $0 != "cache" } == [])
    let made = try place.run("materialize", "--allow-empty", reference, "out.ext4")
    #expect((made.status, made.errors) == (0, ""))
    let file = place.home + "/out.ext4"
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", file])
    let rows = try Ext4Witness.rows(of: URL(fileURLWithPath: file))
    expect(try place.run("dump", reference), is: .success(DumpRow.text(rows)))
  }

  @Test func `I9: what is added is enough for a file system`() throws {
    let place = try Workplace()
    let reference = try image(in: place)
    try place.write("home/file", "text")
    let made = try place.run("materialize", "--inject", "file:/etc/file", reference, "out.ext4")
    #expect((made.status, made.errors) == (0, ""))
  }
}
