// The libFuzzer end of the fuzz targets. The engine's own main calls LLVMFuzzerTestOneInput; which
// target runs comes from the environment, because the command line is the engine's.
// Source: llvm.org/docs/LibFuzzer.html, "Fuzz Target".

import FuzzTargets
import Glibc

/// The variable that names the target, as `FuzzTarget` spells it.
private let variable = "FUZZ_TARGET"

private let target: FuzzTarget = {
  guard let name = getenv(variable), let target = FuzzTarget(rawValue: String(cString: name)) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    complain("\(variable) must be one of: \(names)")
    exit(64)
  }
  return target
}()

/// Runs one input; ends the process where a promise was broken, for the engine to keep the input.
///
/// The function that libFuzzer calls.
@_cdecl("LLVMFuzzerTestOneInput")
func runOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let faults = target.faults(of: Array(UnsafeBufferPointer(start: bytes, count: count)))
  if faults.isEmpty { return 0 }
  for fault in faults { complain("broken promise: \(fault)") }
  abort()
}

private func complain(_ text: String) {
  let line = Array((text + "\n").utf8)
  write(STDERR_FILENO, line, line.count)
}
