// A cache that cannot be used, or not by this user, or not for long.

import Glibc
import TestKit
import Testing

struct CacheErrorTests {
  private static let hint = "use a cache of your own with --cache-dir or BANGER_FS_CACHE"

  @Test(arguments: Role.all)
  func `the cache is made where it is wanted, for its user alone`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let deep = place.home + "/a/b"
    let outcome = try place.run("ls", "--cache-dir", deep, image.reference, "dev")
    expect(outcome, is: .success("null\nsda\n"))
    #expect(!place.exists(place.cache))
    var status = stat()
    #expect(stat(deep, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o700)
  }

  @Test(arguments: Role.all)
  func `without a home there is no place for the cache`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let unset = ["HOME", "BANGER_FS_CACHE", "XDG_CACHE_HOME"].flatMap { ["-u", $0] }
    let program = try place.startTool(["env"] + unset + [place.binary, "ls", image.reference])
    expect(
      try program.finish(),
      is: .failure(
        64,
        "no place for the cache: HOME is not set",
        hint: "name one with --cache-dir or BANGER_FS_CACHE"
      )
    )
  }

  @Test func `the cache is in the user's directory for caches`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    for (variables, directory) in [
      (["XDG_CACHE_HOME=\(place.home)/xdg"], "xdg/banger/oci"),
      (["-u", "XDG_CACHE_HOME"], ".cache/banger/oci"),
    ] {
      let command = ["env", "-u", "BANGER_FS_CACHE"] + variables + [place.binary, "ls"]
      let outcome = try place.startTool(command + [image.reference, "dev"]).finish()
      expect(outcome, is: .success("null\nsda\n"))
      #expect(place.exists(place.home + "/\(directory)/banger/index"))
    }
  }

  @Test(arguments: Role.all)
  func `a cache of another user is refused`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    var path = "/usr"
    var owner: uid_t = 0
    if role == .root {
      path = try place.makeDirectory("other")
      owner = 12345
      chown(path, owner, owner)
    }
    expect(
      try place.run("ls", "--cache-dir", path, image.reference),
      is: .failure(77, "\(path): cache belongs to another user (uid \(owner))", hint: Self.hint)
    )
  }

  @Test(arguments: Role.all)
  func `a cache that others may write to is refused`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let path = try place.makeDirectory("shared", mode: 0o777)
    expect(
      try place.run("ls", "--cache-dir", path, image.reference),
      is: .failure(77, "\(path): cache is writable by other users (mode 0777)", hint: Self.hint)
    )
  }

  @Test func `a cache that cannot be made is refused`() throws {
    let place = try Workplace(.ordinary)
    let image = try SmallImage(in: place)
    expect(
      try place.run("ls", "--cache-dir", "/usr/banger-cache", image.reference),
      is: .failure(
        77,
        "/usr/banger-cache: not permitted to create: Permission denied",
        hint: Self.hint
      )
    )
  }

  @Test(arguments: Role.all)
  func `a file is no cache`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let path = try place.write("home/file", "")
    expect(
      try place.run("ls", "--cache-dir", path, image.reference),
      is: .failure(74, "\(path): cannot open: Not a directory", hint: Self.hint)
    )
  }

  @Test func `a full disk leaves the answer and says that it is not kept`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    // Room for the directories, and not for an index.
    let preparation = """
      mkdir "$1/cache"
      mount -t tmpfs -o size=4k,mode=700 tmpfs "$1/cache"
      head -c 4096 /dev/zero > "$1/cache/filler"
      """
    let command = #""$0" ls "# + image.reference + " dev"
    let outcome = try place.runIsolated(after: preparation, command)
    #expect((outcome.status, outcome.text) == (0, "null\nsda\n"))
    let lines = outcome.errors.split(separator: "\n")
    #expect(!lines.isEmpty)
    #expect(lines.allSatisfy { $0.hasPrefix("warning: cannot keep indexes of layers: ") })
    #expect(lines.allSatisfy { $0.hasSuffix(": No space left on device") })
  }
}
