// A name that mkfs makes itself: row N12 of docs/SEMANTICS.md.

import FileTree
import Foundation
import TestKit
import Testing

struct LostAndFoundTests {
  @Test func `N12 a directory lost+found of the image is the one in ext4`() throws {
    let place = try Workplace()
    let image = try place.image([
      [
        .directory("lost+found").mode(0o751).owner(1, 2).modified(7).attribute("user.a", "b"),
        .file("lost+found/inside", "content"), .directory("d/lost+found").mode(0o750),
      ]
    ])
    let tree = try place.dump(of: image)
    let row = "d/, d/lost+found/ mode=750, lost+found/ mode=751 owner=1:2 time=7.0 user.a=b, "
    #expect(DumpRow.brief(try tree.rows()) == row + "lost+found/inside 7")
    let mount = try MountedImage(image, in: place)
    #expect(try mount.dump() == tree)
    try mount.end()
    let file = place.home + "/image.ext4"
    try place.materialize(image, to: file)
    let rows = try Ext4Witness.rows(of: URL(fileURLWithPath: file), includingLostAndFound: true)
    #expect(DumpText(rows).differences(from: tree) == [])
  }

  @Test(arguments: [TarEntry.file("lost+found", "x"), .symlink("lost+found", to: "tmp")])
  func `N12 anything else of that name is kept, but not materialized`(entry: TarEntry) throws {
    let place = try Workplace()
    let image = try place.image([[.directory("tmp"), entry]])
    let tree = try place.dump(of: image)
    let mount = try MountedImage(image, in: place)
    #expect(try mount.dump() == tree)
    try mount.end()
    let refusal = Outcome.failure(65, "/lost+found: is not a directory")
    expect(try place.run("size", image), is: refusal)
    expect(try place.run("materialize", image, "out.ext4"), is: refusal)
    #expect(try place.names().filter { $0.hasSuffix(".ext4") } == [])
  }
}
