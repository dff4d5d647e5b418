// How Python's tarfile, bsdtar and GNU tar read an archive, and how the scanner does, in the same words: one
// line of `FIELD=VALUE` for each member. Each says what it can; none is corrected here.

import Foundation
import Offsets
import TarFormat
import TestKit

/// What one reader says of one archive.
struct Reading: Decodable {
  var archive: String
  var tool: String
  /// In the archive's order, as far as it was read.
  var members: [Member]
  /// Whether the archive was refused, or said to be broken.
  var failed: Bool

  /// What a reader says of a member, by field; bytes are the first 256 characters of Unicode.
  typealias Member = [String: String]

  /// What `other` says otherwise about the archive.
  ///
  /// `FIELD of PATH: VALUE`, or no such member, or another one. Nothing is asked where either was
  /// silent.
  func differences(from other: Reading) -> [String] {
    var lines: [String] = []
    if failed != other.failed { lines.append(failed ? "takes it" : "refuses it") }
    var rest = other.members
    for member in members {
      let path = member["path"] ?? ""
      guard let index = rest.firstIndex(where: { $0["path"] == path }) else {
        lines.append("no \(path)")
        continue
      }
      let theirs = rest.remove(at: index)
      for (field, value) in theirs.sorted(by: { $0.key < $1.key }) {
        guard let mine = member[field], mine != value else { continue }
        lines.append("\(field) of \(path): \(value)")
      }
    }
    lines += rest.map { "also \($0["path"] ?? "")" }
    // A directory's time of access is when somebody last looked.
    return lines.map { $0.replacing(/[0-9]{11}\//, with: "TIME/") }
  }
}

enum OtherReaders {
  /// Reads every file of the directory that ends in `.tar` with each of them.
  static func readings(of tree: ToolTests.Tree) throws -> [Reading] {
    let printed = try tree.run(["python3", "-c", script, tree.directory])
    let lines = printed.split(separator: UInt8(ascii: "\n"))
    return try lines.map { try JSONDecoder().decode(Reading.self, from: Data($0)) }
  }

  /// One process for all: Python runs the two programs itself.
  private static let script = #"""
    import decimal, hashlib, json, os, re, subprocess, sys, tarfile, tempfile

    TYPES = {b"0": "regular", b"\0": "regular", b"7": "regular", b"S": "regular",
             b"1": "hardLink", b"2": "symbolicLink", b"3": "characterDevice",
             b"4": "blockDevice", b"5": "directory", b"6": "fifo", b"D": "directory"}
    LETTERS = {"-": "regular", "h": "hardLink", "l": "symbolicLink", "d": "directory",
               "c": "characterDevice", "b": "blockDevice", "p": "fifo", "C": "regular",
               "file": "regular", "dir": "directory", "link": "symbolicLink",
               "char": "characterDevice", "block": "blockDevice"}
    ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")

    def text(data):
        return data.decode("latin-1")

    def name(data):
        path = text(data).rstrip("/")
        return path[2:] if path.startswith("./") else path

    def seconds(whole, nanoseconds=0):
        return "%d.%09d" % (whole, nanoseconds)

    def unescaped(data):
        return re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3
                      else {b"n": b"\n", b"t": b"\t"}.get(m[1], m[1]), data)

    def run(*command, **options):
        return subprocess.run(command, capture_output=True, env=ENVIRONMENT, **options)

    # Adds the digests of regular files as they are unpacked, and tells whether that failed. Through a
    # pipe, or into a listing, both programs leave out the holes of sparse files.
    def digest(members, tool, path, *options):
        named = [m for m in members if m["kind"] == "regular" and m["path"]]
        if not named:
            return False
        files = [m["path"].encode("latin-1") for m in named]
        with tempfile.TemporaryDirectory() as place:
            done = run(tool, "-xf", path, "-C", place, "--no-same-owner", *options, "--null",
                       "-T", "/dev/stdin", input=b"\0".join(files) + b"\0")
            for member, file in zip(named, files):
                file = os.path.join(place.encode(), file)
                if os.path.isfile(file):
                    with open(file, "rb") as data:
                        member["digest"] = hashlib.sha256(data.read()).hexdigest()
        return done.returncode != 0

    def python(path):
        members = []
        coding = dict(encoding="utf-8", errors="surrogateescape")
        raw = lambda words: words.encode("utf-8", "surrogateescape")
        try:
            with tarfile.open(path, "r:", **coding) as archive:
                for m in archive:
                    kind = TYPES.get(m.type, text(m.type))
                    time = decimal.Decimal(m.pax_headers.get("mtime", m.mtime))
                    whole = int(time.to_integral_value(decimal.ROUND_FLOOR))
                    fields = dict(path=name(raw(m.name)), kind=kind, mode="%o" % m.mode,
                                  owner="%d:%d" % (m.uid, m.gid), size=str(m.size),
                                  mtime=seconds(whole, int((time - whole) * 10 ** 9)),
                                  target=text(raw(m.linkname)))
                    if kind.endswith("Device"):
                        fields["device"] = "%d:%d" % (m.devmajor, m.devminor)
                    if m.isreg():
                        data = archive.extractfile(m)
                        fields["digest"] = hashlib.sha256(data.read()).hexdigest()
                    prefix = "SCHILY.xattr."
                    fields["attributes"] = " ".join(sorted(
                        text(raw(key[len(prefix):])) + "=" + text(raw(value))
                        for key, value in m.pax_headers.items() if key.startswith(prefix)))
                    members.append(fields)
        except (tarfile.TarError, ValueError, EOFError, OSError, ArithmeticError):
            return members, True
        return members, False

    def bsdtar(path):
        listing = run("bsdtar", "-tvf", path, "--numeric-owner")
        links = {}
        members = []
        for line in listing.stdout.splitlines():
            if line.startswith(b"h") and b" link to " in line:
                before, target = line.split(b" link to ", 1)
                links[name(unescaped(before.split(None, 8)[8]))] = text(unescaped(target))
        keys = "!all,type,mode,uid,gid,size,time,link,device"
        tree = run("bsdtar", "-c", "-f", "-", "--format=mtree", "--options=" + keys, "@" + path)
        for line in tree.stdout.splitlines()[1:]:
            words = line.split(b" ")
            facts = dict(word.split(b"=", 1) for word in words[1:])
            time = text(facts[b"time"]).split(".")
            fields = dict(path=name(unescaped(words[0])), kind=LETTERS.get(
                text(facts[b"type"]), text(facts[b"type"])), mode=text(facts[b"mode"]).lstrip("0") or "0",
                owner=text(facts[b"uid"] + b":" + facts[b"gid"]),
                mtime=seconds(int(time[0]), int(time[1])))
            fields["target"] = text(unescaped(facts.get(b"link", b"")))
            if b"size" in facts:
                fields["size"] = text(facts[b"size"])
            if b"device" in facts:
                fields["device"] = ":".join(text(facts[b"device"]).split(",")[1:])
            if fields["path"] in links:
                fields["kind"] = "hardLink"
                fields["target"] = links[fields["path"]]
            members.append(fields)
        failed = listing.returncode != 0 or tree.returncode != 0
        return members, digest(members, "bsdtar", path) or failed

    def permissions(letters):
        mode = 0
        for place, letter in enumerate(letters):
            if letter not in "-ST":
                mode |= 0o400 >> place
            if letter in "sStT":
                mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[place]
        return "%o" % mode

    def gnu(path):
        members = []
        listing = run("tar", "-tvf", path, "--numeric-owner", "--full-time", "--utc",
                      "--quoting-style=escape")
        failed = listing.returncode != 0
        for line in listing.stdout.splitlines():
            # A member without a name leaves the last of them out.
            letters, owner, size, day, time, rest = (line.split(None, 5) + [b""])[:6]
            kind = LETTERS.get(text(letters[:1]), text(letters[:1]))
            rest = re.sub(rb"--(Volume Header|Continued at byte 0)--$| unknown file type .*", b"", rest)
            target = b""
            for mark in [b" link to ", b" -> "]:
                if mark in rest:
                    rest, target = rest.split(mark, 1)
            clock = run("date", "-u", "-d", text(day + b" " + time), "+%s %N").stdout.split()
            clock = [int(number) for number in clock]
            # Before 1970 it lists the second above and what is missing from there.
            if clock[0] < 0 and clock[1] > 0:
                clock = [clock[0] - 1, 10 ** 9 - clock[1]]
            fields = dict(path=name(unescaped(rest)), kind=kind, mode=permissions(text(letters[1:10])),
                          owner=text(owner.replace(b"/", b":")), target=text(unescaped(target)),
                          mtime=seconds(clock[0], clock[1]))
            if b"," in size:
                fields["device"] = text(size.replace(b",", b":"))
            else:
                fields["size"] = text(size)
            members.append(fields)
        return members, digest(members, "tar", path, "--verbatim-files-from") or failed

    for file in sorted(os.listdir(sys.argv[1])):
        if file.endswith(".tar"):
            path = os.path.join(sys.argv[1], file)
            for tool, read in [("Python", python), ("bsdtar", bsdtar), ("GNU tar", gnu)]:
                members, failed = read(path)
                print(json.dumps(dict(archive=file[:-4], tool=tool, members=members, failed=failed)))
    """#
}

extension Reading {
  /// What the scanner says of an archive; `digest` is asked for the digest of a file's bytes.
  init(scanning bytes: [UInt8], digest: ([UInt8]) throws -> String) rethrows {
    let scan = Scan(bytes)
    self.init(archive: "", tool: "", members: [], failed: scan.error != nil)
    members = try scan.members.compactMap { member in
      // Data that is not there any more.
      if member.kind == .regular, member.dataEnd > bytes.count { return nil }
      return try Self.fields(of: member, in: bytes, digest: digest)
    }
  }

  private static func fields(
    of member: TarMember,
    in bytes: [UInt8],
    digest: ([UInt8]) throws -> String
  ) rethrows -> Member {
    let nanoseconds = String(member.modificationNanoseconds)
    let zeros = String(repeating: "0", count: 9 - nanoseconds.count)
    var path = latin1(member.path)
    while path.last == "/" { path.removeLast() }
    var fields = [
      "path": path.hasPrefix("./") ? String(path.dropFirst(2)) : path,
      "kind": "\(member.kind)",
      "mode": String(member.mode, radix: 8),
      "owner": "\(member.userID):\(member.groupID)",
      "size": "\(member.size)",
      "mtime": "\(member.modificationSeconds).\(zeros)\(nanoseconds)",
      "target": latin1(member.linkTarget),
      "attributes": member.attributes.map {
        latin1(Array(member.attributeBytes[$0.name])) + "="
          + latin1(Array(member.attributeBytes[$0.value]))
      }.joined(separator: " "),
    ]
    if member.kind == .regular {
      fields["digest"] = try digest(ToolTests.content(of: member, in: bytes))
    }
    if member.kind == .characterDevice || member.kind == .blockDevice {
      fields["device"] = "\(member.deviceMajor):\(member.deviceMinor)"
    }
    return fields
  }

  private static func latin1(_ bytes: [UInt8]) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }
}

extension TarMember {
  /// Where its last stored byte ends.
  fileprivate var dataEnd: Int { Int(data.bytes + storedByteCount) }
}
