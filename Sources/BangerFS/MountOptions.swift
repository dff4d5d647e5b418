// The options of `mount -o`, as fstab and mount(8) hand them over.

/// What `-o` asked for.
struct MountOptions: Equatable {
  var allowsOtherUsers = false
  var allowsNonEmpty = false

  /// True of every mount of ours anyway, or addressed to mount(8) and systemd.
  private static let accepted: Set<String> = [
    "ro", "nosuid", "nodev", "noatime", "defaults", "default_permissions", "auto", "noauto",
    "user", "nouser", "nofail", "_netdev", "exec",
  ]

  /// Reads comma-separated options.
  init(_ lists: [String]) throws(CommandFailure) {
    for option in lists.flatMap({ $0.split(separator: ",").map(String.init) }) {
      switch option {
      case "allow_other": allowsOtherUsers = true
      case "nonempty": allowsNonEmpty = true
      case _ where Self.accepted.contains(option) || option.hasPrefix("x-"): continue
      case "rw", "suid", "dev":
        throw CommandFailure(
          .usage,
          "mount option \(option) is not possible: mounts are ro,nosuid,nodev"
        )
      default:
        throw CommandFailure(
          .usage,
          "unknown mount option: \(option)",
          hint: "there are allow_other and nonempty, and those of mount(8) that go with ro"
        )
      }
    }
  }
}
