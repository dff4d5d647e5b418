// images and cache: what is there, whether it is right, and what can go.

import Foundation
import TestKit
import TestRegistry
import Testing

struct CacheCommandTests {
  private func pulled(_ role: Role = Role.all[0]) throws -> RegistryPlace {
    let here = try RegistryPlace(role)
    let outcome = try here.place.run("pull", "-q", here.reference)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return here
  }

  // MARK: images

  @Test(arguments: Role.all)
  func `an empty cache lists nothing`(_ role: Role) throws {
    let place = try Workplace(role)
    expect(try place.run("images"), is: .success())
    expect(
      try place.run("images", "--format", "json"),
      is: .success("{\n  \"images\" : [\n\n  ],\n  \"schemaVersion\" : 1\n}\n")
    )
  }

  @Test(arguments: Role.all)
  func `an image is listed with its name, platform, digest and size`(_ role: Role) throws {
    let here = try pulled(role)
    let text = try here.place.run("images")
    #expect((text.status, text.errors) == (0, ""))
    let lines = text.text.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("NAME "))
    let hex = here.image.manifest.digest.dropFirst("sha256:".count)
    let words = lines[1].split(separator: " ")
    #expect(words.prefix(3) == [here.reference[...], "linux/amd64", hex.prefix(12)])
    #expect(words.last == "ago")

    let document = try here.json(try here.place.run("images", "--format", "json"))
    let image = try #require((document["images"] as? [[String: Any]])?.first)
    #expect(image["name"] as? String == here.reference)
    #expect(image["platform"] as? String == "linux/amd64")
    #expect(image["digest"] as? String == here.image.manifest.digest)
    #expect(image["layers"] as? Int == 3)
    #expect(image["isComplete"] as? Bool == true)
    let size = here.image.parts.values.reduce(0) { $0 + $1.count }
    #expect(image["bytes"] as? Int == size)
  }

  @Test func `what skopeo puts there is listed and found by its name`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    expect(try place.run("images"), is: .success())
    let name = "docker.io/library/small:latest"
    let copied = try place.runTool(
      "skopeo",
      "--insecure-policy",
      "copy",
      "-q",
      image.reference,
      "oci:\(place.cache):\(name)"
    )
    #expect(copied.status == 0, "\(copied.errors)")
    #expect(try place.run("images").text.contains(name))
    expect(
      try place.run("ls", "--offline", "docker.io/small", "dev"),
      is: .success("null\nsda\n")
    )
  }

  @Test func `skopeo reads what was pulled`() throws {
    let here = try pulled()
    let copied = try here.place.runTool(
      "skopeo",
      "--insecure-policy",
      "copy",
      "-q",
      "oci:\(here.place.cache):\(here.reference)",
      "oci:copy:1"
    )
    #expect(copied.status == 0, "\(copied.errors)")
    expect(try here.place.run("ls", "oci:copy:1"), is: .success("file0\nfile1\nfile2\n"))
  }

  // MARK: df

  @Test func `what the cache takes`() throws {
    let here = try pulled()
    let document = try here.json(try here.place.run("cache", "df", "--format", "json"))
    func amount(_ name: String, _ field: String) -> Int? {
      (document[name] as? [String: Int])?[field]
    }
    #expect(document["path"] as? String == here.place.cache)
    #expect(document["images"] as? Int == 1)
    #expect(amount("blobs", "count") == 5)
    #expect(amount("blobs", "bytes") == here.image.parts.values.reduce(0) { $0 + $1.count })
    #expect(amount("unreferencedBlobs", "count") == 0)
    #expect(amount("partials", "count") == 0)
    #expect(amount("indexes", "count") == 3)
    let text = try here.place.run("cache", "df")
    #expect(text.text.contains("\nblobs "))
  }

  // MARK: verify

  @Test(arguments: Role.all)
  func `a sound cache, and one with a wrong blob`(_ role: Role) throws {
    let here = try pulled(role)
    let sound = try here.place.run("cache", "verify")
    #expect((sound.status, sound.errors) == (0, ""))
    #expect(sound.text.hasPrefix("5 blobs, "))
    #expect(sound.text.hasSuffix(": all right\n"))

    let layer = here.image.layers[1]
    let path = here.place.cache + "/" + ImageFixture.blobName(layer.digest)
    var bytes = layer.bytes.all
    bytes[100] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    here.place.give(path)
    let actual = ImageFixture.sha256(bytes)
    let wrong = try here.place.run("cache", "verify")
    #expect(wrong.status == 65)
    #expect(
      wrong.text.hasPrefix(
        "blob \(layer.digest): content is \(actual), needed by \(here.reference)\n"
      )
    )
    #expect(wrong.errors.hasPrefix("banger-fs: \(here.place.cache): 1 fault\nhint: "))

    let mended = try here.place.run("cache", "verify", "--remove", "--format", "json")
    let document = try JSONText.object(mended.output)
    #expect(document["removed"] as? [String] == [layer.digest])
    #expect(try !here.blobs().contains(String(layer.digest.dropFirst("sha256:".count))))
    #expect(try here.place.run("images").text.contains("incomplete"))
    #expect(try here.place.run("pull", here.reference).status == 0)
    #expect(try here.place.run("cache", "verify").status == 0)
  }

  @Test func `a damaged index is found, and made again`() throws {
    let here = try pulled()
    let layer = here.image.layers[0].digest
    let path =
      here.place.cache + "/banger/index/3/" + layer.replacing(":", with: "/")
    try expectMending(
      of: path,
      in: here,
      told: "index of layer \(layer): damaged\n",
      listed: ("damagedIndexes", layer)
    )
  }

  @Test func `a damaged tree is found, and made again`() throws {
    let here = try pulled()
    expect(try here.place.run("ls", here.reference), is: .success(Self.files))
    let directory = here.place.cache + "/banger/trees/3/sha256"
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: directory).first
    )
    let layer = try #require(here.image.layers.last).digest
    #expect(name.hasPrefix(layer.dropFirst("sha256:".count)))
    let usage = try here.json(try here.place.run("cache", "df", "--format", "json"))
    #expect((usage["trees"] as? [String: Int])?["count"] == 1)
    try expectMending(
      of: directory + "/" + name,
      in: here,
      told: "tree of the image with last layer \(layer): damaged\n",
      listed: ("damagedTrees", layer)
    )
  }

  private static let files = "file0\nfile1\nfile2\n"

  /// Damages a file of flat arrays, and expects it to be found, removed and made again.
  private func expectMending(
    of path: String,
    in here: RegistryPlace,
    told line: String,
    listed: (member: String, layer: String)
  ) throws {
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    // In the first of the records, which begin behind the head.
    bytes[4100] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    here.place.give(path)
    let wrong = try here.place.run("cache", "verify")
    #expect(wrong.status == 65)
    #expect(wrong.text.hasPrefix(line))
    let mended = try here.place.run("cache", "verify", "--remove", "--format", "json")
    #expect(try here.json(mended)[listed.member] as? [String] == [listed.layer])
    #expect(try here.place.run("cache", "verify").text.hasSuffix(": all right\n"))
    #expect(!here.place.exists(path))
    expect(try here.place.run("ls", here.reference), is: .success(Self.files))
    #expect(here.place.exists(path))
  }

  // MARK: prune and remove

  @Test(arguments: Role.all)
  func `what is mounted stays, and goes afterwards`(_ role: Role) throws {
    let here = try pulled(role)
    try here.place.makeDirectory("home/mnt")
    expect(try here.place.run("mount", here.reference, "mnt"), is: .success())
    let blobs = try here.blobs()
    let refused = try here.place.run("cache", "prune", "--all")
    #expect(refused.status == 0)
    #expect(
      refused.text.hasPrefix("in use: \(here.reference) (\(here.image.manifest.digest))\n")
    )
    #expect(try here.blobs() == blobs)
    expect(try here.place.runTool("ls", "mnt"), is: .success("file0\nfile1\nfile2\n"))
    expect(try here.place.run("umount", "mnt"), is: .success())
    try Program.wait(for: "the end of the server") { try here.place.servers().isEmpty }

    let planned = try here.place.run("cache", "prune", "--all", "--dry-run")
    #expect(planned.text.hasPrefix("would remove \(here.reference) "))
    #expect(try here.blobs() == blobs)
    let done = try here.place.run("cache", "prune", "--all")
    #expect(done.text.hasPrefix("removed \(here.reference) "))
    #expect(done.text.contains("\nremoved 5 blobs, "))
    #expect(done.text.contains("\nfreed "))
    #expect(try here.blobs() == [])
    expect(try here.place.run("images"), is: .success())
  }

  @Test func `a name goes at once, its blobs when the cache is pruned`() throws {
    let here = try pulled()
    expect(
      try here.place.run("cache", "remove", here.reference),
      is: .success("\(here.reference)\n")
    )
    #expect(try here.blobs().count == 5)
    let document = try here.json(
      try here.place.run("cache", "prune", "--format", "json")
    )
    #expect((document["blobs"] as? [String: Int])?["count"] == 5)
    // The indexes of three layers, and the tree that they make.
    #expect((document["derivedFiles"] as? [String: Int])?["count"] == 3 + 1)
    #expect(document["isDryRun"] as? Bool == false)
    #expect(try here.blobs() == [])
    expect(
      try here.place.run("cache", "remove", here.reference),
      is: .failure(
        66,
        "\(here.reference): not in the cache",
        hint: "banger-fs images lists what is there"
      )
    )
  }

  @Test func `what could be removed is told beside what was not there`() throws {
    let here = try pulled()
    let outcome = try here.place.run("cache", "remove", "no.where/a:1", here.reference, "b")
    #expect(outcome.text == "\(here.reference)\n")
    #expect(
      outcome.errors == """
        banger-fs: no.where/a:1, b: not in the cache
        hint: banger-fs images lists what is there

        """
    )
    #expect(outcome.status == 66)
  }

  @Test func `images go by age and by size`() throws {
    let here = try pulled()
    let kept = try here.place.run("cache", "prune", "--older-than", "1h", "--max-size", "1G")
    #expect(kept.text == "freed 0 B\n")
    let gone = try here.place.run("cache", "prune", "--max-size", "1K")
    #expect(gone.text.hasPrefix("removed \(here.reference) "))
  }

  @Test(arguments: [
    ["--older-than", "30"], ["--older-than", "d"], ["--older-than", "-1d"],
    ["--older-than", "99999999999999999999d"], ["--max-size", "ten"],
    ["--all", "--max-size", "1G"],
    ["--all", "--older-than", "1d"],
  ])
  func `what says no age and no size is a usage error`(_ options: [String]) throws {
    let place = try Workplace()
    let outcome = try place.start(["cache", "prune"] + options).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(try place.names() == [])
  }
}
