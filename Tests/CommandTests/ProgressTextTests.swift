// One snapshot as every renderer shows it.

import Testing

@testable import BangerFS

struct ProgressTextTests {
  static let mebibyte: UInt64 = 1 << 20

  static let snapshot = ProgressSnapshot(
    activity: ProgressActivity(
      kind: .pull,
      title: "pulling",
      subject: "docker.io/library/debian:12"
    ),
    steps: [
      ProgressStep(
        id: "sha256:0123456789abcdef",
        doneByteCount: 25 * mebibyte,
        byteCount: 50 * mebibyte,
        state: .active
      ),
      ProgressStep(id: "sha256:1123456789abcdef", byteCount: 3 * mebibyte, state: .present),
      ProgressStep(
        id: "sha256:2123456789abcdef",
        doneByteCount: 2 * mebibyte,
        byteCount: 2 * mebibyte,
        state: .finished
      ),
      ProgressStep(
        id: "sha256:3123456789abcdef",
        byteCount: 700,
        state: .active,
        note: "retrying in 3 s: connection reset"
      ),
      ProgressStep(id: "sha256:4123456789abcdef", byteCount: 800),
    ],
    doneByteCount: 27 * mebibyte,
    byteCount: 52 * mebibyte,
    bytesPerSecond: 5_000_000,
    secondsLeft: 5.24,
    seconds: 6
  )

  // MARK: Terminal

  @Test func `a wide terminal shows a line for each layer`() {
    let lines = TerminalProgress(width: 80, height: 24).lines(Self.snapshot)
    #expect(
      lines == [
        TerminalLine(text: "pulling docker.io/library/debian:12", style: .title),
        TerminalLine(
          text: "  0123456789ab  [###############---------------]  50 %  25.0 MiB of 50.0 MiB"
        ),
        TerminalLine(text: "  1123456789ab  3.00 MiB, there already", style: .finished),
        TerminalLine(text: "  2123456789ab  2.00 MiB, done", style: .finished),
        TerminalLine(text: "  3123456789ab  retrying in 3 s: connection reset", style: .warning),
        TerminalLine(text: "  4123456789ab  800 B"),
        TerminalLine(text: "  2 of 5 layers, 51 %, 27.0 MiB of 52.0 MiB, 4.77 MiB/s, 5 s left"),
      ]
    )
  }

  @Test(arguments: Array(1...120))
  func `no line is as wide as the terminal`(_ width: Int) {
    let lines = TerminalProgress(width: width, height: 24).lines(Self.snapshot)
    #expect(lines.count == 7)
    #expect(lines.allSatisfy { $0.text.count <= max(1, width - 1) })
  }

  @Test(arguments: Array(1...12))
  func `there are always fewer lines than the terminal has`(_ height: Int) {
    let lines = TerminalProgress(width: 80, height: height).lines(Self.snapshot)
    #expect(lines.count <= max(1, height - 1))
    #expect(lines.last?.text.contains("51 %") == true)
  }

  @Test func `a low terminal shows what is going on`() {
    let lines = TerminalProgress(width: 40, height: 5).lines(Self.snapshot)
    #expect(
      lines.map(\.text) == [
        "pulling docker.io/library/debian:12",
        "  0123456789ab   50 %  25.0 MiB of 5...",
        "  3123456789ab  retrying in 3 s: con...",
        "  2 of 5 layers, 51 %, 27.0 MiB of 5...",
      ]
    )
  }

  @Test func `an activity without layers is one line`() {
    let snapshot = ProgressSnapshot(
      activity: ProgressActivity(kind: .checkFiles, title: "checking"),
      steps: [],
      doneByteCount: 0,
      seconds: 1
    )
    let terminal = TerminalProgress(width: 80, height: 24)
    #expect(terminal.lines(snapshot) == [TerminalLine(text: "checking")])
    var known = snapshot
    known.doneByteCount = 512
    #expect(terminal.lines(known) == [TerminalLine(text: "checking: 512 B")])
    known.byteCount = 1024
    #expect(terminal.lines(known) == [TerminalLine(text: "checking: 50 %, 512 B of 1.00 KiB")])
  }

  @Test func `nothing in a line moves the cursor`() {
    var snapshot = Self.snapshot
    snapshot.steps[3].note = "odd\u{1B}[2J\r\n\u{9B}1A"
    let lines = TerminalProgress(width: 80, height: 24).lines(snapshot)
    #expect(lines[4].text == "  3123456789ab  odd?[2J???1A")
  }

  @Test func `colours are left out on request`() {
    let line = TerminalLine(text: "a", style: .title)
    #expect(line.escaped(withColor: true) == "\u{1B}[1ma\u{1B}[0m")
    #expect(line.escaped(withColor: false) == "a")
  }

  // MARK: Lines of a log

  @Test func `a log names what begins, what is done and what is tried again`() {
    var plain = PlainProgress()
    let (first, third) = (Self.snapshot.steps[0].id, Self.snapshot.steps[2].id)
    let events: [ProgressEvent] = [
      .steps(Self.snapshot.steps), .present(Self.snapshot.steps[1].id), .started(third, from: 0),
      .received(third, 5), .started(first, from: 3 * Self.mebibyte),
      .retrying(first, reason: "connection reset", after: 3), .restarted(first),
      .waiting(Self.snapshot.steps[4].id), .finished(third),
      .retrying(nil, reason: "503 Service Unavailable", after: 90),
    ]
    #expect(
      events.flatMap { plain.lines(for: $0, Self.snapshot) } == [
        "pulling docker.io/library/debian:12: 5 layers, 55.0 MiB",
        "layer 0123456789ab: continued at 3.00 MiB",
        "layer 0123456789ab: retrying in 3 s: connection reset",
        "layer 0123456789ab: wrong bytes, fetched again",
        "layer 4123456789ab: another process is fetching it",
        "layer 2123456789ab: 2.00 MiB, done",
        "pulling docker.io/library/debian:12: retrying in 1 min 30 s: 503 Service Unavailable",
      ]
    )
    #expect(
      plain.totalLine(Self.snapshot) == "pulling docker.io/library/debian:12: 51 %, "
        + "27.0 MiB of 52.0 MiB, 4.77 MiB/s, 5 s left"
    )
    #expect(plain.endLine(Self.snapshot) == "pulling docker.io/library/debian:12: done in 6 s")
  }

  @Test func `what nothing was said of ends in silence`() {
    var plain = PlainProgress()
    #expect(plain.lines(for: .steps(Self.snapshot.steps), Self.snapshot) == [])
    #expect(plain.lines(for: .present(Self.snapshot.steps[1].id), Self.snapshot) == [])
    #expect(plain.endLine(Self.snapshot) == nil)
  }

  // MARK: Records

  @Test func `records are objects on one line each`() {
    let id = Self.snapshot.steps[0].id
    let records = [
      ProgressRecord.resolved("docker.io/library/debian:12", digest: "sha256:ab"),
      .begin(Self.snapshot.activity), ProgressRecord(.present(id), Self.snapshot),
      ProgressRecord(.received(id, 3), Self.snapshot),
      ProgressRecord(.retrying(id, reason: "a \"b\"", after: 1.23456), Self.snapshot),
      .progress(Self.snapshot), .end(Self.snapshot, isComplete: false),
    ]
    let total = 52 * Self.mebibyte
    let done = 27 * Self.mebibyte
    #expect(
      records.map { $0?.line } == [
        #"{"digest":"sha256:ab","event":"resolved","name":"docker.io/library/debian:12","#
          + #""schemaVersion":1}"#,
        #"{"activity":"pull","event":"begin","schemaVersion":1,"#
          + #""subject":"docker.io/library/debian:12"}"#,
        #"{"activity":"pull","doneBytes":26214400,"event":"step","id":"\#(id)","#
          + #""schemaVersion":1,"state":"present","totalBytes":52428800}"#,
        nil,
        #"{"activity":"pull","afterSeconds":1.235,"event":"retry","id":"\#(id)","#
          + #""reason":"a \"b\"","schemaVersion":1}"#,
        #"{"activity":"pull","bytesPerSecond":5000000,"doneBytes":\#(done),"event":"progress","#
          + #""schemaVersion":1,"secondsLeft":5.2,"steps":["#
          + #"{"doneBytes":26214400,"id":"\#(id)","totalBytes":52428800},"#
          + #"{"doneBytes":0,"id":"\#(Self.snapshot.steps[3].id)","totalBytes":700}],"#
          + #""totalBytes":\#(total)}"#,
        #"{"activity":"pull","doneBytes":\#(done),"event":"end","isComplete":false,"#
          + #""schemaVersion":1,"seconds":6,"totalBytes":\#(total)}"#,
      ]
    )
  }
}
