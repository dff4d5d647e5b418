// A program that mounts and serves the fixture's tree for the tests, which then look at it from
// another process: who serves a mount must not use it.
//
//   fuse-fixture MOUNTPOINT [--threads N] [--workers N] [--queue N] [--xattrs [--unlisted]]
//                [--open-each-time] [--prepare] [--allow-other] [--gate FILE] [--alarm SECONDS]
//
// Prints READY, then on SIGUSR1 the requests so far and on SIGUSR2, after healing the broken file,
// HEALED; ends on SIGTERM or when unmounted, and says how.

import FuseServer
import Glibc

var options = FuseOptions(sourceName: Array("a, b\\c".utf8))
var gate: String?
var arguments = CommandLine.arguments.dropFirst()
let mountpoint = arguments.popFirst() ?? ""

@MainActor func number() -> Int { arguments.popFirst().flatMap { Int($0) } ?? 1 }

while let argument = arguments.popFirst() {
  switch argument {
  case "--threads": options.requestThreadCount = number()
  case "--workers": options.readWorkerCount = number()
  case "--queue": options.readQueueCapacity = number()
  case "--xattrs": options.servesExtendedAttributes = true
  case "--unlisted": options.listsExtendedAttributes = false
  case "--prepare": options.preparesDirectories = true
  case "--open-each-time": options.directoryOpening = .eachTime
  case "--allow-other": options.allowsOtherUsers = true
  case "--gate": gate = arguments.popFirst()
  // The default action of SIGALRM ends a fixture that nobody ends.
  case "--alarm": alarm(UInt32(number()))
  default:
    say("FAILED unknown argument \(argument)")
    exit(64)
  }
}

var handled = sigset_t()
sigemptyset(&handled)
for signal in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] { sigaddset(&handled, signal) }
pthread_sigmask(SIG_BLOCK, &handled, nil)

let fileSystem = FixtureFileSystem(gate: gate)
let session: FuseSession
do throws(FuseError) {
  session = try FuseSession(
    serving: fileSystem,
    at: Array(mountpoint.utf8),
    options: options
  )
} catch {
  say("FAILED \(error)")
  exit(73)
}

SignalThread(session, fileSystem, handled).start()

say("READY")
let end = session.waitUntilEnded()
sayCounts(of: session)
switch end {
case .stopped: say("ENDED stopped")
case .unmounted: say("ENDED unmounted")
case .failed(let error):
  say("ENDED failed \(error)")
  exit(74)
}
