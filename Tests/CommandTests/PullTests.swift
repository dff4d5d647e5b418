// pull, and every other command as a way to pull: what is fetched, what is said, and what is used again.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

struct PullTests {
  @Test(arguments: Role.all)
  func `a pull prints what the name means, and the next one fetches nothing`(
    _ role: Role
  ) throws {
    let here = try RegistryPlace(role)
    let first = try here.place.run("pull", here.reference)
    #expect((first.status, first.text) == (0, "\(here.pinned)\n"))
    let lines = first.errors.split(separator: "\n")
    #expect(lines.first?.hasPrefix("pulling \(here.reference): 3 layers, ") == true)
    #expect(lines.last?.hasPrefix("pulling \(here.reference): done in ") == true)
    #expect(lines.count { $0.hasSuffix(", done") } == 3)

    try here.running.forgetRequests()
    expect(try here.place.run("pull", here.reference), is: .success("\(here.pinned)\n"))
    let requests = try here.running.requests.filter { $0.path != "/v2/" }
    #expect(requests.map(\.line) == ["HEAD /v2/team/app/manifests/1"])
  }

  @Test func `a pull in silence says what it must`() throws {
    let here = try RegistryPlace()
    expect(try here.place.run("pull", "-q", here.reference), is: .success("\(here.pinned)\n"))
  }

  @Test func `a pull as JSON has the image and its layers`() throws {
    let here = try RegistryPlace()
    let outcome = try here.place.run("pull", "-q", "--format", "json", here.reference)
    let images = try #require(try here.json(outcome)["images"] as? [[String: Any]])
    #expect(images.count == 1)
    #expect(images[0]["name"] as? String == here.reference)
    #expect(images[0]["digest"] as? String == here.image.manifest.digest)
    #expect(images[0]["platform"] as? String == "linux/amd64")
    let layers = images[0]["layers"] as? [[String: Any]]
    #expect(layers?.map { $0["digest"] as? String } == here.image.layers.map(\.digest))
    #expect(
      layers?.map { $0["compressedBytes"] as? Int } == here.image.layers.map(\.bytes.byteCount)
    )
  }

  @Test func `of several images those before a failure are printed`() throws {
    let here = try RegistryPlace()
    let missing = "\(here.domain)/team/app:2"
    let outcome = try here.place.run("pull", "-q", here.reference, missing)
    #expect((outcome.status, outcome.text) == (66, "\(here.pinned)\n"))
    #expect(outcome.errors.contains("not found"))
  }

  @Test(arguments: ["oci:image:small", "oci-archive:a.tar", "docker-archive:a.tar"])
  func `what is in no registry cannot be pulled`(_ reference: String) throws {
    expect(
      try Workplace().run("pull", reference),
      is: .failure(
        64,
        "\(reference): not in a registry, so there is nothing to be fetched",
        hint: "layouts and archives are used where they are"
      )
    )
  }

  // MARK: Mounts

  @Test(arguments: Role.all)
  func `a mount pulls, and the next one is offline`(_ role: Role) throws {
    let here = try RegistryPlace(role)
    try here.place.makeDirectory("home/mnt")
    let first = try here.place.run("mount", here.reference, "mnt")
    #expect((first.status, first.text) == (0, ""))
    let lines = first.errors.split(separator: "\n")
    #expect(lines.contains("\(here.reference) is \(here.image.manifest.digest)"))
    expect(try here.place.runTool("ls", "mnt"), is: .success("file0\nfile1\nfile2\n"))
    let mounts = try here.json(try here.place.run("mounts", "--format", "json"))["mounts"]
    let mount = (mounts as? [[String: String]])?.first {
      $0["mountpoint"] == here.place.home + "/mnt"
    }
    #expect(mount?["image"] == here.pinned)
    expect(try here.place.run("umount", "mnt"), is: .success())

    here.stopRegistry()
    expect(try here.place.run("mount", here.reference, "mnt"), is: .success())
    expect(try here.place.runTool("ls", "mnt"), is: .success("file0\nfile1\nfile2\n"))
    expect(try here.place.run("umount", "mnt"), is: .success())
    expect(try here.place.run("mount", here.pinned, "mnt"), is: .success())
    expect(try here.place.run("umount", "mnt"), is: .success())
  }

  @Test func `X31: a mount stays what it was when the tag moves on`() throws {
    let here = try RegistryPlace()
    try here.place.makeDirectory("home/mnt")
    try here.place.makeDirectory("home/new")
    #expect(try here.place.run("mount", here.reference, "mnt").status == 0)
    let other = TestImage(layerByteCounts: [50_000], seed: 9)
    other.push(to: try here.running.contents, "team/app", tag: "1")
    // The cache answers as long as nobody asks for more.
    expect(try here.place.run("ls", here.reference), is: .success("file0\nfile1\nfile2\n"))
    #expect(try here.place.run("mount", "--pull", "always", here.reference, "new").status == 0)
    expect(try here.place.runTool("ls", "mnt"), is: .success("file0\nfile1\nfile2\n"))
    expect(try here.place.runTool("ls", "new"), is: .success("file0\n"))
    expect(try here.place.run("ls", here.reference), is: .success("file0\n"))
  }

  // MARK: Whether a registry is asked

  @Test(arguments: [[], ["--pull", "missing"], ["--pull", "never"], ["--offline"]])
  func `an image in the cache needs no network`(_ options: [String]) throws {
    let here = try RegistryPlace()
    #expect(try here.place.run("pull", here.reference).status == 0)
    let connections = try here.running.connectionCount
    let outcome = try here.place.start(["ls"] + options + [here.reference]).finish()
    expect(outcome, is: .success("file0\nfile1\nfile2\n"))
    #expect(try here.running.connectionCount == connections)
  }

  @Test(arguments: [["--offline"], ["--pull", "never"]])
  func `without the network an image has to be there`(_ options: [String]) throws {
    let here = try RegistryPlace()
    expect(
      try here.place.start(["ls"] + options + [here.reference]).finish(),
      is: .failure(
        66,
        "\(here.reference): not in the cache, and no registry may be asked",
        hint: "fetch it first with banger-fs pull, or leave --offline and --pull never out"
      )
    )
    #expect(try here.running.connectionCount == 0)
  }

  @Test func `B14: what stands in the descriptor of a layer is not used`() throws {
    let here = try RegistryPlace()
    let (layers, diffIDs) = (here.image.layers, here.image.diffIDs)
    let odd = TestImage(layers: layers, diffIDs: diffIDs, layerExtras: #","data":"eA==""#)
    odd.push(to: try here.running.contents, "team/odd", tag: "1")
    for options in [[], ["--offline"]] {
      let outcome = try here.place.start(["ls"] + options + ["\(here.domain)/team/odd:1"]).finish()
      #expect(String(decoding: outcome.output, as: UTF8.self) == "file0\nfile1\nfile2\n")
      #expect(outcome.status == 0)
    }
  }

  @Test func `without the network an image has to be whole, and its part that is missing is named`()
    throws
  {
    let here = try RegistryPlace()
    #expect(try here.place.run("pull", here.reference).status == 0)
    let blobs = here.place.cache + "/blobs/sha256/"
    let layer = try #require(here.image.layers.last).digest
    try FileManager.default.removeItem(atPath: blobs + layer.dropFirst("sha256:".count))
    expect(
      try here.place.run("ls", "--offline", here.reference),
      is: .failure(
        66,
        "\(here.reference): not whole in the cache: blob \(layer): missing",
        hint: "fetch the rest with banger-fs pull, or leave --offline and --pull never out"
      )
    )
    let again = try here.place.run("ls", here.reference)
    #expect((again.status, again.text) == (0, "file0\nfile1\nfile2\n"))
  }

  @Test func `without the network a platform has to be there`() throws {
    let here = try RegistryPlace()
    #expect(try here.place.run("pull", here.reference).status == 0)
    expect(
      try here.place.run("ls", "--offline", "--platform", "linux/s390x", here.reference),
      is: .failure(
        66,
        "\(here.reference): not in the cache for linux/s390x; there is linux/amd64",
        hint: "choose one with --platform, or leave --offline and --pull never out"
      )
    )
  }

  @Test(arguments: [
    ["--offline", "--pull", "always"], ["--pull", "often"], ["--jobs", "0"], ["--jobs", "33"],
    ["--progress", "bar"],
  ])
  func `options that make no sense are usage errors`(_ options: [String]) throws {
    let place = try Workplace()
    let outcome = try place.start(["ls", "localhost:1/a"] + options).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(try place.names() == [])
  }

  // MARK: Interrupts

  @Test(arguments: Role.all, [["pull"], ["mount"], ["ls"]])
  func `Ctrl-C keeps what has come, and the next pull goes on from there`(
    role: Role,
    command: [String]
  ) throws {
    let here = try RegistryPlace(role, layerByteCounts: [2_000_000])
    try here.place.makeDirectory("home/mnt")
    let layer = here.image.layers[0].digest
    let size = here.image.layers[0].bytes.byteCount
    let gate = Gate()
    try here.running.on(.blob(layer), .stopping(at: .body(size / 2), .wait(gate)))
    let arguments = command + [here.reference] + (command == ["mount"] ? ["mnt"] : [])
    let program = try here.place.start(arguments)
    let partial = here.place.cache + "/banger/ingest/" + layer.replacing(":", with: "-")
    try Program.wait(for: "half of the layer") {
      guard program.isRunning else { throw ProgramFailure("\(try program.finish())") }
      guard here.place.exists(partial) else { return false }
      let size = try FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int
      return (size ?? 0) > 0
    }
    program.send(SIGINT)
    let outcome = try program.finish()
    #expect((outcome.status, outcome.text) == (130, ""))
    #expect(outcome.errors.hasSuffix("banger-fs: interrupted\n"))
    #expect(try here.place.mounts() == [])
    #expect(try here.partials() == [layer.replacing(":", with: "-")])
    #expect(try here.place.run("images").text == "")
    gate.open()
    try here.running.removeRules()
    try here.running.forgetRequests()

    #expect(try here.place.run("pull", here.reference).text == "\(here.pinned)\n")
    let requests = try here.running.requests(.blob(layer))
    #expect(requests.count == 1)
    #expect(requests[0].range?.hasPrefix("bytes=") == true)
    #expect(requests[0].range != "bytes=0-")
    #expect(try here.partials() == [])
  }

  @Test func `a reader that has left early ends a pull in silence`() throws {
    let here = try RegistryPlace()
    let script = #""$0" pull -q "$1" | true; echo ${PIPESTATUS[0]}"#
    expect(try here.place.runShell(script, here.reference), is: .success("141\n"))
    #expect(try here.place.run("images").text.contains(here.reference))
  }

  // MARK: Progress

  @Test func `a pull tells programs each step`() throws {
    let here = try RegistryPlace()
    let outcome = try here.place.run("pull", "--progress", "json", here.reference)
    #expect((outcome.status, outcome.text) == (0, "\(here.pinned)\n"))
    let records = try outcome.errors.split(separator: "\n").map {
      try JSONText.object(Array($0.utf8))
    }
    let pulling = records.filter {
      $0["activity"] as? String == "pull" || $0["event"] as? String == "resolved"
    }
    let events = pulling.compactMap { $0["event"] as? String }.filter { $0 != "progress" }
    #expect(events.prefix(3) == ["begin", "resolved", "steps"])
    #expect(events.last == "end")
    #expect(pulling[1]["digest"] as? String == here.image.manifest.digest)
    for layer in here.image.layers {
      let states = pulling.filter { $0["id"] as? String == layer.digest }
        .compactMap { $0["state"] as? String }
      #expect(states == ["started", "finished"])
    }
    let total = here.image.layers.reduce(0) { $0 + $1.bytes.byteCount }
    #expect(pulling.last?["doneBytes"] as? Int == total)
    #expect(pulling.last?["isComplete"] as? Bool == true)
  }

  @Test(arguments: ["", "1"])
  func `a pull in a terminal shows its layers, and in the end its result`(
    _ noColor: String
  ) throws {
    let here = try RegistryPlace()
    let gate = Gate()
    try here.running.on(.blob(here.image.layers[1].digest), .stopping(at: .body(0), .wait(gate)))
    let program = try here.place.startTool(
      [
        "script", "-qefc", "stty cols 70; exec '\(here.place.binary)' pull '\(here.reference)'",
        "t",
      ],
      environment: ["TERM": "xterm", "SHELL": "/bin/sh", "NO_COLOR": noColor]
    )
    func typescript() throws -> String {
      let path = here.place.home + "/t"
      guard here.place.exists(path) else { return "" }
      let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
      return String(text.drop { $0 != "\n" }.dropFirst())
        .components(separatedBy: "\nScript done on")[0]
    }
    try Program.wait(for: "two layers") { try typescript().contains("2 of 3 layers") }
    let lines = Screen(try typescript()).lines
    #expect(lines.count == 5)
    #expect(lines.first == "pulling \(here.reference)")
    #expect(lines.allSatisfy { $0.count < 70 })
    #expect(try typescript().contains("\u{1B}[1mpulling ") == noColor.isEmpty)
    gate.open()
    #expect(try program.finish().status == 0)
    // Longer than the terminal is wide, which wraps it for itself.
    #expect(Screen(try typescript()).lines == [here.pinned])
  }
}
