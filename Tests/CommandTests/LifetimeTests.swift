// A mount from its beginning to its end, whoever ends it: ready when the command returns, listed while
// it lives, and gone without a trace.

import Foundation
import Glibc
import TestKit
import Testing

struct LifetimeTests {
  /// A workplace with an image and an empty directory `mnt` in the home.
  private func place(_ role: Role) throws -> (place: Workplace, reference: String) {
    let place = try Workplace(role)
    try place.makeDirectory("home/mnt")
    return (place, try SmallImage(in: place).reference)
  }

  private func mounted(_ role: Role) throws -> Workplace {
    let (place, reference) = try place(role)
    expect(try place.run("mount", reference, "mnt"), is: .success())
    return place
  }

  private func waitUntilGone(_ place: Workplace) throws {
    try Program.wait(for: "the end of the mount") {
      try place.mounts().isEmpty && place.servers().isEmpty
    }
  }

  /// The state of the mount `mnt` as `mounts` tells it; `nil` where it is not listed.
  private func state(_ place: Workplace) throws -> String? {
    let document = try JSONText.object(try place.run("mounts", "--format", "json").output)
    let mounts = document["mounts"] as? [[String: String]] ?? []
    return mounts.first { $0["mountpoint"] == place.home + "/mnt" }?["state"]
  }

  // MARK: Begin

  @Test(arguments: Role.all)
  func `a mount is ready when the command returns, and gone after umount`(_ role: Role) throws {
    let place = try mounted(role)
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    #expect(try place.mounts() == [place.home + "/mnt"])
    #expect(try state(place) == "alive")
    expect(try place.run("umount", "mnt"), is: .success())
    #expect(try place.mounts() == [])
    #expect(try state(place) == nil)
    try waitUntilGone(place)
    #expect(try place.names() == ["cache", "mnt"])
    #expect(try place.names(in: place.home + "/mnt") == [])
  }

  @Test(arguments: Role.all)
  func `a mount lets go of its caller's pipes`(_ role: Role) throws {
    let (place, reference) = try place(role)
    // The cat ends when nobody has the pipe any more, under whatever number.
    let script = #"{ "$0" mount "$1" mnt 2>&1 7>&1; } | cat; echo done"#
    expect(try place.runShell(script, reference), is: .success("done\n"))
    #expect(try state(place) == "alive")
  }

  @Test(arguments: Role.all)
  func `a mount in the background keeps no directory of its caller's busy`(_ role: Role) throws {
    let place = try mounted(role)
    let directory = try FileManager.default.destinationOfSymbolicLink(
      atPath: "/proc/\(try place.server())/cwd"
    )
    #expect(directory == "/")
    expect(try place.run("umount", "mnt"), is: .success())
  }

  @Test(arguments: Role.all)
  func `a mount in front says that it is there and ends with Ctrl-C`(_ role: Role) throws {
    let (place, reference) = try place(role)
    let program = try place.start(["mount", "-f", reference, "mnt"])
    try Program.wait(for: "the mount") { try !program.errorsSoFar().isEmpty }
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    program.send(SIGINT)
    let outcome = try program.finish()
    #expect((outcome.status, outcome.text) == (0, ""))
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(lines[0].contains("mounted \(reference) (sha256:"))
    #expect(lines[0].hasSuffix(" at \(place.home)/mnt"))
    #expect(try place.mounts() == [])
  }

  @Test func `a failed read is in the log, once for each file`() throws {
    let place = try Workplace()
    try place.makeDirectory("home/mnt")
    let image = try SmallImage(in: place)
    expect(
      try place.run("mount", "--log", "log", image.reference, "mnt"),
      is: .success()
    )
    // The middle of `data`, in the upper layer, which nobody has read yet.
    var blob = image.layers[1].blob
    blob[150_000] ^= 1
    try image.fixture.replaceBlob(image.digest(ofLayer: 1), with: blob)
    for _ in 0..<2 {
      let outcome = try place.runTool("cmp", "mnt/data", "/dev/null")
      #expect(outcome.status == 1 || outcome.errors.contains("Input/output error"))
      #expect(try place.runTool("cat", "mnt/data").status == 1)
    }
    let log = try String(contentsOfFile: place.home + "/log", encoding: .utf8)
    let lines = log.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].contains(" mounted \(image.reference) ("))
    #expect(
      lines[1].hasSuffix(
        " /data: read failed: layer \(image.digest(ofLayer: 1)): "
          + "the blob has changed since it was verified, at or after blob byte 131072"
      )
    )
    expect(try place.run("umount", "mnt"), is: .success())
  }

  // MARK: End

  @Test(arguments: Role.all, [SIGTERM, SIGINT, SIGHUP])
  func `a signal to the server unmounts`(role: Role, signal: Int32) throws {
    let place = try mounted(role)
    kill(try place.server(), signal)
    try waitUntilGone(place)
  }

  @Test(arguments: Role.all)
  func `an unmount by other means ends the server`(_ role: Role) throws {
    let place = try mounted(role)
    let tool = role == .root ? ["umount", "mnt"] : ["fusermount3", "-u", "mnt"]
    expect(try place.startTool(tool).finish(), is: .success())
    try waitUntilGone(place)
  }

  @Test(arguments: Role.all)
  func `a busy mount says so, and can be hidden`(_ role: Role) throws {
    let place = try mounted(role)
    let user = try place.startTool(["bash", "-c", "cd mnt/etc && exec sleep 1000"])
    try Program.wait(for: "somebody in the mount") {
      // The link is read without a look at the mount.
      let link = "/proc/\(user.processID)/cwd"
      return try FileManager.default.destinationOfSymbolicLink(atPath: link).hasSuffix("/mnt/etc")
    }
    expect(
      try place.run("umount", "mnt"),
      is: .failure(
        75,
        "mnt: unmount: Device or resource busy",
        hint: "somebody may be using it; banger-fs umount --lazy hides it at once"
      )
    )
    #expect(try state(place) == "alive")
    expect(try place.run("umount", "--lazy", "mnt"), is: .success())
    #expect(try place.mounts() == [])
    user.send(SIGKILL)
    _ = try user.finish()
    try waitUntilGone(place)
  }

  @Test(arguments: Role.all)
  func `X25: a dead mount is told apart, and umount clears it`(_ role: Role) throws {
    let place = try mounted(role)
    kill(try place.server(), SIGKILL)
    try Program.wait(for: "the death") { try place.servers().isEmpty }
    #expect(try state(place) == "dead")
    expect(try place.run("umount", "mnt"), is: .success())
    #expect(try place.mounts() == [])
  }

  @Test(arguments: Role.all)
  func `X25: a server that does not answer keeps nobody waiting`(_ role: Role) throws {
    let (place, reference) = try place(role)
    expect(try place.run("mount", reference, "mnt"), is: .success())
    let server = try place.server()
    kill(server, SIGSTOP)
    defer { kill(server, SIGCONT) }
    #expect(try state(place) == "silent")
    expect(
      try place.run("mount", reference, "mnt"),
      is: .failure(
        73,
        "mnt: the mountpoint is already in use by a mount of this program",
        hint: "unmount it first with banger-fs umount"
      )
    )
    // Other tests look at all mounts, and cannot let go of this one.
    let outcome = try place.run("umount", "mnt")
    #expect([0, 75].contains(outcome.status))
    if outcome.status == 75 { expect(try place.run("umount", "-l", "mnt"), is: .success()) }
    #expect(try place.mounts() == [])
    kill(server, SIGCONT)
    try waitUntilGone(place)
  }

  @Test(arguments: Role.all)
  func `a dead mount goes with somebody still in it`(_ role: Role) throws {
    let place = try mounted(role)
    let user = try place.startTool(["bash", "-c", "cd mnt/etc && exec sleep 1000"])
    try Program.wait(for: "somebody in the mount") {
      let link = "/proc/\(user.processID)/cwd"
      return try FileManager.default.destinationOfSymbolicLink(atPath: link).hasSuffix("/mnt/etc")
    }
    kill(try place.server(), SIGKILL)
    try Program.wait(for: "the death") { try place.servers().isEmpty }
    expect(try place.run("umount", "mnt"), is: .success())
    #expect(try place.mounts() == [])
    user.send(SIGKILL)
    _ = try user.finish()
  }

  @Test(arguments: Role.all)
  func `mounting at a dead mount clears it`(_ role: Role) throws {
    let (place, reference) = try place(role)
    expect(try place.run("mount", reference, "mnt"), is: .success())
    kill(try place.server(), SIGKILL)
    try Program.wait(for: "the death") { try place.servers().isEmpty }
    let outcome = try place.run("mount", reference, "mnt")
    let said = Outcome(status: 0, output: [], errors: "cleared a dead mount at mnt\n")
    expect(outcome, is: said)
    #expect(try place.mounts() == [place.home + "/mnt"])
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    expect(try place.run("umount", "mnt"), is: .success())
  }

  @Test(arguments: [[], ["-o", "allow_other"]])
  func `X24: nobody unmounts what is another's`(_ options: [String]) throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    let mnt = try place.makeDirectory("mnt")
    expect(
      try place.start(["mount"] + options + [image.reference, mnt]).finish(),
      is: .success()
    )
    expect(
      try Program.run([place.binary, "umount", mnt], user: Role.ordinary.user),
      is: .failure(77, "\(mnt): another user mounted it")
    )
    #expect(try place.mounts() == [mnt])
    expect(try place.run("umount", mnt), is: .success())
  }

  // MARK: Interrupts while the image is read

  @Test(arguments: Role.all, [["mount"], ["mount", "-f"], ["materialize"]])
  func `an interrupt while layers are read leaves nothing`(role: Role, command: [String]) throws {
    let (place, reference) = try place(role)
    // A layer waits for its lock, which somebody else has.
    expect(try place.run("ls", reference, "dev"), is: .success("null\nsda\n"))
    try FileManager.default.removeItem(atPath: place.cache + "/banger/index")
    let locks = place.cache + "/banger/locks"
    let name = try #require(try place.names(in: locks).first)
    let path = "\(locks)/\(name)"
    // The lock goes with the process that becomes the sleep.
    let holder = try place.startTool(
      ["bash", "-c", "exec 9>>\"$0\" && flock 9 && echo locked && exec sleep 1000", path]
    )
    try Program.wait(for: "the lock") { try !holder.outputSoFar().isEmpty }
    let target = command == ["materialize"] ? "out.ext4" : "mnt"
    let program = try place.start(command + [reference, target])
    try Program.wait(for: "the layer to wait") {
      guard program.isRunning else { throw ProgramFailure("\(try program.finish())") }
      return try place.isAwaited(lock: path)
    }
    program.send(SIGINT)
    let outcome = try program.finish()
    #expect((outcome.status, outcome.text) == (130, ""))
    #expect(outcome.errors == "banger-fs: interrupted\n")
    try waitUntilGone(place)
    #expect(try place.names().filter { $0 != "cache" } == ["mnt"])
    holder.send(SIGKILL)
    _ = try holder.finish()
  }
}
