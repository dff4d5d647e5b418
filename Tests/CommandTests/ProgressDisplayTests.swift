// Progress as the whole program shows it: in a terminal, in a pipe, for programs; and what is left of
// it in the end.

import Foundation
import Glibc
import TestKit
import Testing

struct ProgressDisplayTests {
  /// A program that waits, while it reads layers, for a lock that a test holds.
  private final class WaitingProgram {
    let place: Workplace
    let reference: String
    private let lock: String
    private let holder: Program

    init(_ role: Role) throws {
      place = try Workplace(role)
      reference = try SmallImage(in: place).reference
      expect(try place.run("ls", reference, "dev"), is: .success("null\nsda\n"))
      try FileManager.default.removeItem(atPath: place.cache + "/banger/index")
      let locks = place.cache + "/banger/locks"
      let name = try #require(try place.names(in: locks).first { $0.hasPrefix("sha256-") })
      lock = "\(locks)/\(name)"
      // The lock goes with the process that becomes the sleep.
      holder = try place.startTool(
        ["bash", "-c", "exec 9>>\"$0\" && flock 9 && echo locked && exec sleep 1000", lock]
      )
      try Program.wait(for: "the lock") { [holder] in try !holder.outputSoFar().isEmpty }
    }

    func waitUntilReading() throws {
      try Program.wait(for: "the layer to wait") { try place.isAwaited(lock: lock) }
    }

    func release() throws {
      holder.send(SIGKILL)
      _ = try holder.finish()
    }

    /// Runs the program's `ls` in a terminal; what the terminal got is in `typescript`.
    func startInTerminal(_ environment: [String: String] = [:]) throws -> Program {
      let command = """
        stty cols 60 rows 12; echo $$ > pid; exec '\(place.binary)' ls '\(reference)' dev
        """
      return try place.startTool(
        ["script", "-qefc", command, "typescript"],
        environment: ["TERM": "xterm", "SHELL": "/bin/sh"].merging(environment) { $1 }
      )
    }

    var processID: pid_t {
      get throws {
        let text = try String(contentsOfFile: place.home + "/pid", encoding: .utf8)
        return try #require(pid_t(text.split(separator: "\n").first ?? ""))
      }
    }

    /// What the terminal got, without the lines of script(1) itself.
    func typescript() throws -> String {
      let path = place.home + "/typescript"
      guard place.exists(path) else { return "" }
      let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
      let begin = text.range(of: "\n").map { $0.upperBound } ?? text.startIndex
      let end = text.range(of: "\nScript done on").map { $0.lowerBound } ?? text.endIndex
      return String(text[min(begin, end)..<end])
    }

    func waitForBlock(_ count: Int = 1) throws {
      try Program.wait(for: "the block") {
        try typescript().components(separatedBy: "reading layers: ").count > count
      }
    }
  }

  @Test(arguments: Role.all)
  func `a terminal shows a step that takes long, and nothing of it in the end`(
    _ role: Role
  ) throws {
    let waiting = try WaitingProgram(role)
    let program = try waiting.startInTerminal()
    try waiting.waitForBlock(3)
    let during = Screen(try waiting.typescript())
    #expect(during.unknown == [])
    #expect(during.lines.count == 1)
    #expect(during.lines.first?.hasPrefix("reading layers: ") == true)
    try waiting.release()
    #expect(try program.finish().status == 0)
    #expect(Screen(try waiting.typescript()).lines == ["null", "sda"])
  }

  @Test func `Ctrl-C leaves one line`() throws {
    let waiting = try WaitingProgram(.unprivileged)
    let program = try waiting.startInTerminal()
    try waiting.waitForBlock()
    kill(try waiting.processID, SIGINT)
    #expect(try program.finish().status == 130)
    #expect(Screen(try waiting.typescript()).lines == ["banger-fs: interrupted"])
    try waiting.release()
  }

  @Test func `a suspended program leaves the terminal, and comes back`() throws {
    let waiting = try WaitingProgram(.unprivileged)
    let program = try waiting.startInTerminal()
    try waiting.waitForBlock()
    let process = try waiting.processID
    kill(process, SIGTSTP)
    try Program.wait(for: "the stop") {
      let path = "/proc/\(process)/stat"
      let status = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
      return status.contains(") T ")
    }
    let count = try waiting.typescript().components(separatedBy: "reading layers: ").count
    // script(1) stops with what it runs, a moment later, and continues it: sent before, the signal
    // would be lost.
    try Program.wait(for: "the block after the stop") {
      program.send(SIGCONT)
      usleep(50_000)
      return try waiting.typescript().components(separatedBy: "reading layers: ").count > count
    }
    try waiting.release()
    #expect(try program.finish().status == 0)
    let text = try waiting.typescript()
    #expect(Screen(text).lines == ["null", "sda"])
    // Erased where it had been drawn: before the stop and in the end.
    #expect(text.components(separatedBy: "\u{1B}[J\r\u{1B}[J").count == 3)
  }

  @Test func `a terminal that cannot do anything gets no escape sequences`() throws {
    let waiting = try WaitingProgram(.unprivileged)
    let program = try waiting.startInTerminal(["TERM": "dumb"])
    try waiting.waitUntilReading()
    try waiting.release()
    #expect(try program.finish().status == 0)
    #expect(try waiting.typescript().contains("\u{1B}") == false)
  }

  @Test func `short steps are silent, also where progress is asked for`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    for style in ["auto", "plain", "none"] {
      expect(
        try place.run("ls", "--progress", style, image.reference, "dev"),
        is: .success("null\nsda\n")
      )
    }
  }

  @Test func `a log gets a line every few seconds, and one in the end`() throws {
    let waiting = try WaitingProgram(.unprivileged)
    let program = try waiting.place.start(["ls", waiting.reference, "dev"])
    try Program.wait(for: "a line") { try !program.errorsSoFar().isEmpty }
    try waiting.release()
    let outcome = try program.finish()
    #expect((outcome.status, outcome.text) == (0, "null\nsda\n"))
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.first?.hasPrefix("reading layers: ") == true)
    #expect(lines.last?.hasPrefix("reading layers: done in ") == true)
  }

  @Test func `programs get a record in each line`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.run("ls", "--progress", "json", image.reference, "dev")
    #expect((outcome.status, outcome.text) == (0, "null\nsda\n"))
    let records = try outcome.errors.split(separator: "\n").map {
      try JSONText.object(Array($0.utf8))
    }
    #expect(records.allSatisfy { $0["schemaVersion"] as? Int == 1 })
    #expect(records.allSatisfy { $0["activity"] as? String == "read-layers" })
    #expect(records.first?["event"] as? String == "begin")
    #expect(records.last?["event"] as? String == "end")
    #expect(records.last?["isComplete"] as? Bool == true)
    let total = image.layers.reduce(0) { $0 + $1.blob.count }
    #expect(records.last?["totalBytes"] as? Int == total)
    #expect(records.last?["doneBytes"] as? Int == total)
  }

  @Test func `a failed step ends with its record before the message`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try image.fixture.replaceBlob(
      image.digest(ofLayer: 1),
      with: [UInt8](repeating: 0, count: image.layers[1].blob.count)
    )
    let outcome = try place.run("ls", "--progress", "json", image.reference, "dev")
    #expect(outcome.status == 65)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.last == "hint: copy the image into the layout again")
    #expect(lines.dropLast().last?.hasPrefix("banger-fs: layer ") == true)
    let end = try JSONText.object(Array(try #require(lines.dropLast(2).last).utf8))
    #expect(end["event"] as? String == "end")
    #expect(end["isComplete"] as? Bool == false)
  }
}
