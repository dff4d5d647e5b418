// Operating system, architecture and variant; their other spellings; which image runs where.
// Ignores os.version and os.features, which only Windows images use.
// Source: OCI image-spec 1.1, image-index.md "Platform Variants"; normal forms as containerd and
// Go's GOARCH spell them.

/// A platform in its normal form: lower case, `amd64` rather than `x86_64`, `arm64/v8`, `arm/v7`.
package struct Platform: Hashable, Sendable {
  package let os: String
  package let architecture: String
  /// The variant, or `nil` where the architecture has none or its base variant is meant.
  package let variant: String?

  /// The platform asked for when nobody says otherwise.
  package static let linuxAMD64 = Platform(os: "linux", architecture: "amd64")

  /// Brings any spelling into normal form.
  package init(os: String, architecture: String, variant: String? = nil) {
    let os = os.lowercased()
    self.os = os == "macos" ? "darwin" : os
    (self.architecture, self.variant) = Self.normalise(
      architecture.lowercased(),
      variant: (variant ?? "").lowercased()
    )
  }

  /// Reads `os/architecture[/variant]`.
  ///
  /// - Throws: `.badPlatform` unless there are two or three parts of letters, digits, `_`, `.`, `-`.
  package init(parsing text: String) throws(SpecError) {
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isWellFormed = parts.allSatisfy { part in
      !part.isEmpty
        && part.allSatisfy {
          isDigit($0) || isLowercase($0) || isUppercase($0) || [0x5F, 0x2E, 0x2D].contains($0)
        }
    }
    guard isWellFormed, parts.count == 2 || parts.count == 3 else {
      throw .badPlatform(printable(text))
    }
    self.init(
      os: String(decoding: parts[0], as: UTF8.self),
      architecture: String(decoding: parts[1], as: UTF8.self),
      variant: parts.count == 3 ? String(decoding: parts[2], as: UTF8.self) : nil
    )
  }

  /// Whether this is the `unknown/unknown` that build tools give to attestations.
  package var isUnknown: Bool { os == "unknown" && architecture == "unknown" }

  /// How far an image for this platform is from what `request` would best run; 0 is exact.
  ///
  /// `nil` when it does not run there. Variants of amd64 and arm are ordered and run their
  /// predecessors' code; other variants match only themselves.
  package func distance(to request: Platform) -> Int? {
    guard os == request.os, architecture == request.architecture else { return nil }
    if variant == request.variant { return 0 }
    guard let own = level, let wanted = request.level, own <= wanted else { return nil }
    return wanted - own
  }

  /// The position of the platform that suits `request` best, the first one if several do.
  package static func best(for request: Platform, among candidates: [Platform]) -> Int? {
    var best: (position: Int, distance: Int)?
    for (position, candidate) in candidates.enumerated() {
      guard let distance = candidate.distance(to: request) else { continue }
      if let known = best, known.distance <= distance { continue }
      best = (position, distance)
    }
    return best?.position
  }

  /// The rank of an ordered variant: amd64 v1...v4, arm v5...v8, arm64 v8 and v9.
  private var level: Int? {
    switch architecture {
    case "amd64": ["v1": 1, "v2": 2, "v3": 3, "v4": 4][variant ?? "v1"]
    case "arm": ["v5": 5, "v6": 6, "v7": 7, "v8": 8][variant ?? "v7"]
    case "arm64": ["v8": 8, "v9": 9][variant ?? "v8"]
    default: nil
    }
  }

  private static func normalise(_ architecture: String, variant: String) -> (String, String?) {
    let given = variant.isEmpty ? nil : variant
    switch architecture {
    case "amd64", "x86_64", "x86-64": return ("amd64", given == "v1" ? nil : given)
    case "arm64", "aarch64": return ("arm64", given == "8" ? "v8" : given ?? "v8")
    case "armhf": return ("arm", "v7")
    case "armel": return ("arm", "v6")
    case "arm":
      let isBareNumber = ["5", "6", "7", "8"].contains(given)
      return ("arm", isBareNumber ? "v" + variant : given ?? "v7")
    case "i386", "i486", "i586", "i686": return ("386", given)
    default: return (architecture, given)
    }
  }
}

extension Platform: CustomStringConvertible {
  /// The platform as the command line takes it, fit to be printed whatever a document wrote there.
  package var description: String {
    printable(variant.map { "\(os)/\(architecture)/\($0)" } ?? "\(os)/\(architecture)")
  }
}
