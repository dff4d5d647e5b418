// Arbitrary bytes as what users and documents write: references, digests, platforms, media types. What
// is promised: a value or an error that is safe to print; and a value's own text is read as the same
// value.

import OCISpec

enum ReferenceChecks {
  static func check(_ input: [UInt8], _ faults: inout Faults) {
    let text = String(decoding: input, as: UTF8.self)
    checkReference(text, &faults)
    read(text, as: Digest.init, &faults) { $0.description }
    checkPlatform(text, &faults)
    let type = MediaType(text)
    faults.require(MediaType(type.rawValue) == type, "a media type changes")
    requirePrintable("\(type)", &faults)
  }

  private static func checkReference(_ text: String, _ faults: inout Faults) {
    read(text, as: Reference.init, &faults) { $0.text }
    guard case .success(.registry(let reference)) = result(of: text, Reference.init) else { return }
    let name = reference.dockerName
    requirePrintable("\(name)", &faults)
    guard case .success(.registry(let again)) = result(of: name.text, Reference.init) else {
      faults.require(false, "a full name is no reference: \(name.text)")
      return
    }
    faults.require(again.dockerName == name, "a full name is completed further: \(name.text)")
  }

  private static func checkPlatform(_ text: String, _ faults: inout Faults) {
    // Its description is cut where it is longer than anybody reads.
    if text.utf8.count <= 256 {
      read(text, as: Platform.init(parsing:), &faults) { $0.description }
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else { return }
    // As documents carry it: any text.
    let platform = Platform(
      os: parts[0],
      architecture: parts[1],
      variant: parts.count > 2 ? parts[2] : nil
    )
    requirePrintable("\(platform)", &faults)
    let again = Platform(
      os: platform.os,
      architecture: platform.architecture,
      variant: platform.variant
    )
    faults.require(again == platform, "a normal platform is not kept: \(platform)")
    faults.require(platform.distance(to: platform) == 0, "a platform is far from itself")
  }

  // MARK: Reading again

  private static func result<Value>(
    of text: String,
    _ parse: (String) throws(SpecError) -> Value
  ) -> Result<Value, SpecError> {
    do throws(SpecError) { return .success(try parse(text)) } catch { return .failure(error) }
  }

  private static func read<Value: Equatable>(
    _ text: String,
    as parse: (String) throws(SpecError) -> Value,
    _ faults: inout Faults,
    spelling: (Value) -> String
  ) {
    switch result(of: text, parse) {
    case .failure(let error): requirePrintable("\(error)", &faults)
    case .success(let value):
      guard case .success(let again) = result(of: spelling(value), parse) else {
        faults.require(false, "\(Value.self) is not read again: \(spelling(value))")
        return
      }
      faults.require(again == value, "\(Value.self) is read otherwise: \(spelling(value))")
    }
  }

  private static func requirePrintable(_ text: String, _ faults: inout Faults) {
    let hasControls = text.utf8.contains { $0 < 0x20 || $0 == 0x7f }
    faults.require(!hasControls, "control characters in \(text.debugDescription)")
  }
}
