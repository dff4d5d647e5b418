// Which links enable a unit: the same as systemctl 252 makes, tried with `systemctl --root=DIR enable`.

import Layers
import Testing

@testable import BangerFS

struct EnabledUnitTests {
  private static let units: [String: UnitLookup] = [
    "/usr/lib/systemd/system/plain.service": file(
      "[Unit]\nAlias=no.service\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=al.service\n"
    ),
    "/usr/lib/systemd/system/multi.service": file(
      "[Install]\nWantedBy = a.target  b.target \\\n# comment\n   c.target\nRequiredBy=r.service\nAlso=other.socket none.service\n"
    ),
    "/usr/lib/systemd/system/other.socket": file("[Install]\r\nWantedBy=sockets.target\r\n"),
    "/usr/lib/systemd/system/getty@.service": file(
      "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\nAlias=autovt@.service\n"
    ),
    "/usr/lib/systemd/system/inst@.service": file(
      "[Install]\nWantedBy=%p-%i.target foo@%i.target\nUpheldBy=\"%N.target\" 100%%.target\n"
    ),
    "/usr/lib/systemd/system/badalias@.service": file("[Install]\nAlias=x-%i.service\n"),
    "/usr/lib/systemd/system/booted.service": file("[Install]\nWantedBy=%b.target\n"),
    "/usr/lib/systemd/system/reset.service": file(
      "[Install]\nWantedBy=x.target\nRequiredBy=x.target\nWantedBy=\nWantedBy=y.target\n"
    ),
    "/usr/lib/systemd/system/static.service": file("[Service]\nWantedBy=x.target\n"),
    "/usr/lib/systemd/system/nothing.service": file("[Install]\nWantedBy=x.target\nWantedBy=\n"),
    "/usr/lib/systemd/system/static@.service": file("[Service]\n"),
    "/usr/lib/systemd/system/tmpl@.service": file("[Install]\nWantedBy=t@.target\n"),
    "/usr/lib/systemd/system/mixed@.service": file("[Install]\nWantedBy=t@.target u.target\n"),
    "/etc/systemd/system/own.service": file("[Install]\nWantedBy=multi-user.target\n"),
    "/usr/lib/systemd/system/own.service": file("[Install]\nWantedBy=other.target\n"),
    "/usr/local/lib/systemd/system/local.timer": file("[Install]\nWantedBy=timers.target\n"),
    "/lib/systemd/system/old.service": file("[Install]\nWantedBy=multi-user.target\n"),
    "/etc/systemd/system/masked.service": .masked,
    "/usr/lib/systemd/system/masked.service": file("[Install]\nWantedBy=multi-user.target\n"),
    "/usr/lib/systemd/system/aliased.service": .alias(of: "plain.service"),
    "/usr/lib/systemd/system/console@.service": .alias(of: "getty@.service"),
    "/usr/lib/systemd/system/loop.service": .alias(of: "pool.service"),
    "/usr/lib/systemd/system/pool.service": .alias(of: "loop.service"),
    "/etc/systemd/system/odd.service": .alias(of: "odd.socket"),
    "/usr/lib/systemd/system/circle.service": file(
      "[Install]\nWantedBy=a.target\nAlso=circle2.service\n"
    ),
    "/usr/lib/systemd/system/circle2.service": file(
      "[Install]\nWantedBy=b.target\nAlso=circle.service\n"
    ),
  ]

  private static func file(_ text: String) -> UnitLookup { .file(Array(text.utf8)) }

  /// As lines, sorted, without the directory in which links are made.
  private func links(_ names: [String]) throws -> [String] {
    let links = try SystemdUnits.links(for: names) { path in
      Self.units[String(decoding: path, as: UTF8.self)] ?? .missing
    }
    return links.map { link in
      let path = String(decoding: link.path, as: UTF8.self)
      let directory = "/etc/systemd/system/"
      #expect(path.hasPrefix(directory))
      return path.dropFirst(directory.count) + " -> " + String(decoding: link.target, as: UTF8.self)
    }
    .sorted()
  }

  private static let system = "/usr/lib/systemd/system"

  @Test(arguments: [
    (
      names: ["plain"],
      links: [
        "al.service -> \(system)/plain.service",
        "multi-user.target.wants/plain.service -> \(system)/plain.service",
      ]
    ),
    (
      ["multi.service"],
      [
        "a.target.wants/multi.service -> \(system)/multi.service",
        "b.target.wants/multi.service -> \(system)/multi.service",
        "c.target.wants/multi.service -> \(system)/multi.service",
        "r.service.requires/multi.service -> \(system)/multi.service",
        "sockets.target.wants/other.socket -> \(system)/other.socket",
      ]
    ),
    (
      ["getty@.service"],
      [
        "autovt@.service -> \(system)/getty@.service",
        "getty.target.wants/getty@tty1.service -> \(system)/getty@.service",
      ]
    ),
    (
      ["getty@tty5"],
      [
        "autovt@tty5.service -> \(system)/getty@.service",
        "getty.target.wants/getty@tty5.service -> \(system)/getty@.service",
      ]
    ),
    (
      ["reset", "reset.service"],
      [
        "x.target.requires/reset.service -> \(system)/reset.service",
        "y.target.wants/reset.service -> \(system)/reset.service",
      ]
    ),
    (["static"], ["multi-user.target.wants/static.service -> \(system)/static.service"]),
    (["nothing"], ["multi-user.target.wants/nothing.service -> \(system)/nothing.service"]),
    (["static@x"], ["multi-user.target.wants/static@x.service -> \(system)/static@.service"]),
    (["tmpl@.service"], ["t@.target.wants/tmpl@.service -> \(system)/tmpl@.service"]),
    (
      ["mixed@a"],
      [
        "t@.target.wants/mixed@a.service -> \(system)/mixed@.service",
        "u.target.wants/mixed@a.service -> \(system)/mixed@.service",
      ]
    ),
    (["own"], ["multi-user.target.wants/own.service -> /etc/systemd/system/own.service"]),
    (
      ["local.timer"],
      ["timers.target.wants/local.timer -> /usr/local/lib/systemd/system/local.timer"]
    ),
    (["old"], ["multi-user.target.wants/old.service -> /lib/systemd/system/old.service"]),
    (
      ["aliased"],
      [
        "al.service -> \(system)/plain.service",
        "multi-user.target.wants/plain.service -> \(system)/plain.service",
      ]
    ),
    (
      ["console@tty7"],
      [
        "autovt@tty7.service -> \(system)/getty@.service",
        "getty.target.wants/getty@tty7.service -> \(system)/getty@.service",
      ]
    ),
    (
      ["circle"],
      [
        "a.target.wants/circle.service -> \(system)/circle.service",
        "b.target.wants/circle2.service -> \(system)/circle2.service",
      ]
    ),
    ([], []),
  ])
  func `a unit's links are those of systemctl`(names: [String], links: [String]) throws {
    #expect(try self.links(names) == links)
  }

  private static let refusals: [(name: String, status: Int32, message: String)] = [
    ("none", Int32(66), "none.service: no such unit in the image"),
    ("masked", 66, "masked.service: the unit is masked in the image"),
    ("mixed@.service", 64, "mixed@.service: a template without a default instance"),
    ("static@.service", 64, "static@.service: a template without a default instance"),
    ("badalias@one", 66, "badalias@one.service: x-one.service cannot be another name of it"),
    ("booted", 66, "booted.service: %b.target can only be known when the system runs"),
    ("loop", 66, "loop.service: too many levels of other names in the image"),
    ("odd", 66, "odd.service: a link to odd.socket, which is not the name of a unit"),
    (
      "inst@one", 66,
      "inst@one.service: wanted by 100%.target, which is not the name of a unit"
    ),
    ("a/b", 64, "a/b: not the name of a unit"), ("", 64, ": not the name of a unit"),
    (".service", 64, ".service: not the name of a unit"),
    ("@x", 64, "@x: not the name of a unit"), ("a b", 64, "a b: not the name of a unit"),
    (
      String(repeating: "x", count: 248), 64,
      String(repeating: "x", count: 248) + ": not the name of a unit"
    ),
  ]

  @Test(arguments: refusals)
  func `what cannot be enabled is refused by name`(
    name: String,
    status: Int32,
    message: String
  ) {
    let failure = #expect(throws: CommandFailure.self) { try links([name]) }
    #expect(failure?.status.rawValue == status)
    #expect(failure?.message == "--enable-unit " + message)
  }

  @Test func `a reading error is passed on`() {
    #expect(throws: LayersError.addition("x", .guest([], .isRoot))) {
      try SystemdUnits.links(for: ["a"]) { _ in throw LayersError.addition("x", .guest([], .isRoot))
      }
    }
  }
}

struct AdditionArgumentTests {
  @Test(arguments: [
    (text: "a:/b", file: "a|/b|-|0:0"), ("/a/b c:d/", "/a/b c|d/|-|0:0"),
    ("a:/b:4755", "a|/b|4755|0:0"), ("a:/b:0", "a|/b|0|0:0"), ("a:/b:00644:1:2", "a|/b|644|1:2"),
    ("a:/b::0:4294967294", "a|/b|-|0:4294967294"), (#"a\:b:/c\:d"#, "a:b|/c:d|-|0:0"),
    (#"a\b:/c\\d\"#, #"a\b|/c\\d\|-|0:0"#), ("é:/ü", "é|/ü|-|0:0"),
  ])
  func `a file to inject is read`(text: String, file: String) {
    let read = InjectArgument(argument: text)?.file
    let words = read.map { read in
      let mode = read.mode.map { String($0, radix: 8) } ?? "-"
      return
        "\(read.host)|\(String(decoding: read.guest, as: UTF8.self))|\(mode)|\(read.uid):\(read.gid)"
    }
    #expect(words == file)
  }

  @Test(arguments: [
    "", "a", ":", "a:", ":b", "a:b:c", "a:b:8", "a:b:-1", "a:b:10000", "a:b:644:1", "a:b:644:1:",
    "a:b:644::1", "a:b:644:1:4294967295", "a:b:644:1:-1", "a:b:644:1:+1", "a:b:644:x:1",
    "a:b:644:1:2:3", #"a\:b"#, "a:b: 644", "a:b:0o644",
  ])
  func `what is written wrong is refused`(text: String) {
    #expect(InjectArgument(argument: text) == nil)
  }

  @Test(arguments: [
    (text: "host", owner: AddedOwner.host as AddedOwner?), ("0:0", .root),
    ("1000:4294967294", .ids(uid: 1000, gid: 4_294_967_294)), ("", nil), ("1000", nil),
    ("root:root", nil), ("1:2:3", nil), ("1:", nil), ("4294967295:0", nil), ("-1:0", nil),
  ])
  func `an overlay's owner is read`(text: String, owner: AddedOwner?) {
    #expect(OverlayOwnerArgument(argument: text)?.owner == owner)
  }
}
