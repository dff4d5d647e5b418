// inject: files into a file system that exists, and what is refused; an image that something was
// refused to is as it was, to the byte.

import FileTree
import Foundation
import TestKit
import Testing

struct InjectTests {
  /// A materialized image of the user's, and the files that can be put into it.
  private func prepare(_ place: Workplace) throws -> (file: String, options: [String]) {
    let image = try SmallImage(in: place)
    let options = try place.writeAdditions()
    _ = try place.succeed(try place.start(["materialize", image.reference, "out.ext4"]))
    return (place.home + "/out.ext4", options)
  }

  private func rows(_ file: String) throws -> [Substring: String] {
    let dump = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
    return Dictionary(
      uniqueKeysWithValues: dump.files.map { ($0[0], $0[1..<6].joined(separator: " ")) }
    )
  }

  @Test(arguments: Role.all)
  func `files, overlays and units are put into an image`(_ role: Role) throws {
    let place = try Workplace(role)
    let (file, _) = try prepare(place)
    let before = try rows(file)
    let command = [
      "inject", "out.ext4", "agent:/usr/local/bin/", "agent:/etc/passwd:04711:3:4",
      "agent.service:/etc/systemd/system/", "--overlay", "more.tar.gz", "--enable-unit", "agent",
      "--format", "json",
    ]
    let outcome = try place.start(command).finish()
    #expect((outcome.status, outcome.errors) == (0, ""))
    let facts = try JSONText.object(outcome.output)
    #expect(facts["added"] as? Int == 4)
    #expect(facts["replaced"] as? Int == 1)
    #expect(facts["madeDirectories"] as? Int == 6)
    #expect(facts["changedDirectories"] as? Int == 0)
    #expect(facts["path"] as? String == file)
    #expect(try DiskNumbers(facts) == DiskNumbers(ofFile: file))
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", file])
    let after = try rows(file)
    #expect(after["/usr/local/bin/agent"] == "10 100755 1 0 0")
    #expect(after["/etc/passwd"] == "10 104711 1 3 4")
    #expect(after["/from\\x20tar"] == "14 100604 1 7 8")
    let link = "/etc/systemd/system/multi-user.target.wants/agent.service"
    #expect(after[Substring(link)]?.contains(" 120777 1 0 0") == true)
    // What was there is as it was.
    let changed: Set<Substring> = ["/", "/etc", "/etc/passwd"]
    for (path, row) in before where !changed.contains(path) { #expect(after[path] == row) }
    #expect(try !place.names().contains { $0.hasPrefix(".") })
  }

  @Test func `what is injected twice is there once`() throws {
    let place = try Workplace()
    let (file, _) = try prepare(place)
    for count in 0..<2 {
      let outcome = try place.run("inject", "out.ext4", "agent:/bin/tool2", "--format", "json")
      let facts = try JSONText.object(outcome.output)
      #expect(facts["added"] as? Int == 1 - count)
      #expect(facts["replaced"] as? Int == count)
    }
    #expect(try rows(file)["/bin/tool2"] == "10 100755 1 0 0")
  }

  struct Refusal: Sendable {
    var arguments: [String]
    var outcome: Outcome
  }

  static let refusals = [
    Refusal(
      arguments: ["nowhere:/x"],
      outcome: .failure(
        66,
        "--inject nowhere:/x: nowhere: cannot be opened: No such file or directory"
      )
    ),
    Refusal(
      arguments: ["agent:/etc"],
      outcome: .failure(
        73,
        "/etc: is a directory in the image",
        hint: "end the name with / to put the file into it"
      )
    ),
    Refusal(
      arguments: ["agent:/programs/x"],
      outcome: .failure(
        73,
        "/programs/x: /programs is a symbolic link to bin in the image",
        hint: "it leads to /bin: name that place, or use --follow-dirlinks"
      )
    ),
    Refusal(
      arguments: ["agent:/etc/passwd/x"],
      outcome: .failure(73, "/etc/passwd/x: /etc/passwd is not a directory in the image")
    ),
    Refusal(
      arguments: ["--enable-unit", "nope"],
      outcome: .failure(66, "--enable-unit nope.service: no such unit in the image")
    ),
  ]

  @Test(arguments: refusals)
  func `what is refused leaves the image as it was`(_ row: Refusal) throws {
    let place = try Workplace()
    let (file, _) = try prepare(place)
    let before = try HostTool.digests(of: [URL(fileURLWithPath: file)])
    let names = try place.names()
    expect(try place.start(["inject", "out.ext4"] + row.arguments).finish(), is: row.outcome)
    #expect(try HostTool.digests(of: [URL(fileURLWithPath: file)]) == before)
    #expect(try place.names() == names)
  }

  @Test func `no room is an error that leaves the image as it was`() throws {
    let place = try Workplace()
    let (file, _) = try prepare(place)
    let before = try HostTool.digests(of: [URL(fileURLWithPath: file)])
    let big = CompressedBytes.sample(byteCount: 1 << 20, seed: 5)
    let copies = (0..<300).reduce(into: Data()) { data, _ in data.append(contentsOf: big) }
    try copies.write(to: URL(fileURLWithPath: place.home + "/big"))
    let outcome = try place.run("inject", "--progress", "none", "out.ext4", "big:/big")
    #expect((outcome.status, outcome.text) == (73, ""))
    #expect(outcome.errors.hasPrefix("banger-fs: the image is full: "))
    #expect(outcome.errors.contains("\nhint: make the image larger: truncate -s, then resize2fs\n"))
    #expect(try HostTool.digests(of: [URL(fileURLWithPath: file)]) == before)
  }

  @Test func `an image that is mounted is refused`() throws {
    let place = try Workplace()
    let (file, _) = try prepare(place)
    let mount = try LoopMount(file)
    expect(
      try place.run("inject", "out.ext4", "agent:/x"),
      is: .failure(
        75,
        "\(file): is in use",
        hint: "unmount it, and detach it from its loop device"
      )
    )
    withExtendedLifetime(mount) {}
  }

  static let noImages = [
    Refusal(
      arguments: ["nowhere", "agent:/x"],
      outcome: .failure(66, "nowhere: No such file or directory")
    ),
    Refusal(
      arguments: ["/dev/null", "agent:/x"],
      outcome: .failure(
        64,
        "/dev/null: is not a regular file",
        hint: "inject works on files; materialize --device writes to devices, and takes --inject"
      )
    ),
  ]

  @Test(arguments: noImages)
  func `what is no image is refused`(_ row: Refusal) throws {
    let place = try Workplace()
    _ = try place.writeAdditions()
    expect(try place.start(["inject"] + row.arguments).finish(), is: row.outcome)
  }

  @Test func `a file without a file system is refused`() throws {
    let place = try Workplace()
    _ = try place.writeAdditions()
    expect(
      try place.run("inject", "agent", "agent:/x"),
      is: .failure(65, "\(place.home)/agent: is not an ext4 file system")
    )
  }

  @Test func `nothing to inject is a usage error`() throws {
    let place = try Workplace()
    let outcome = try place.run("inject", "out.ext4")
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(
      outcome.errors.hasPrefix(
        "Error: nothing to inject: name HOST:GUEST, --overlay or --enable-unit\n"
      )
    )
  }
}
