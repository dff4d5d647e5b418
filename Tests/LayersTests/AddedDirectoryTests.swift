// Directories of this machine laid over an image: everything in them, as its witness sees it; and what
// cannot be added, by name.

import FileTree
import FlatArrays
import Foundation
import Glibc
import ImageStore
import Offsets
import SystemPackage
import TestKit
import Testing

@testable import Layers
import Threading

struct AddedDirectoryTests {
  private let place: AdditionPlace

  init() throws {
    place = try AdditionPlace()
  }

  /// Files of all kinds that anybody can make.
  private static let various = #"""
    mkdir -p d/sub/empty d/private 'd/a b'
    printf hello > d/hello; printf x > d/sub/x; : > d/empty; printf s > d/suid
    chmod 4755 d/suid; chmod 0600 d/hello; chmod 0700 d/private; chmod 1777 d/sub
    ln d/hello d/sub/again; ln d/hello 'd/a b/third'
    ln -s ../nowhere d/dangling; ln -s loop d/loop; ln -s / d/sub/root; ln d/dangling d/sub/dangling
    mkfifo d/fifo; ln d/fifo d/fifo2
    printf n > "d/$(printf '%0255d' 7)"; printf u > $'d/\xff\xfe not UTF-8'; printf c > $'d/new\nline'
    printf w > d/.whatever; printf w > d/.wh
    head -c 3000000 /dev/urandom > d/large; head -c 4096 /dev/zero > d/zeros
    truncate -s 10M d/hole; printf data | dd of=d/hole bs=1 seek=5000000 conv=notrunc status=none
    truncate -s 9M d/hollow
    touch -d '1965-03-01 00:00:00.123456789' d/hello; touch -d 2100-01-01 d/sub/x
    touch -h -d '2001-02-03 04:05:06.7' d/loop; touch -d @12.000000034 d/sub d/fifo d/private
    """#

  @Test func `a directory's files become root's, and are else what they are`() throws {
    try place.shell(Self.various)
    let opened = try place.open([place.directory("d")])
    let expected = try hostRows(place.path("d")) { row in
      row.uid = 0
      row.gid = 0
    }
    #expect(DumpRow.text(Array(try opened.rows().dropFirst())) == DumpRow.text(expected))
    #expect(opened.warningTexts == [])
    #expect(opened.indexes.isEmpty)
  }

  @Test func `the directory's own owner, mode and time are not the root's`() throws {
    try place.shell("mkdir -m 0700 d; touch d/a")
    let root = try place.open([place.directory("d")]).files.tree[.root]
    #expect(root.attributes == .implicitDirectory)
  }

  @Test(arguments: [
    (AddedOwner.ids(uid: 7, gid: 4_294_967_294), "7:4294967294" as String?), (.host, nil),
  ])
  func `other owners are given or kept`(owner: AddedOwner, text: String?) throws {
    try place.shell(
      "mkdir -p d/e; touch d/f; ln -s x d/l; [ $EUID != 0 ] || chown -h 1001:1002 d/*"
    )
    let own = geteuid() == 0 ? "1001:1002" : "\(geteuid()):\(getegid())"
    let tree = try place.open([place.directory("d", owner: owner)]).files.tree
    let owners = tree.walk().dropFirst().map { "\(tree[$0.node].uid):\(tree[$0.node].gid)" }
    #expect(owners == Array(repeating: text ?? own, count: 3))
  }

  @Test(.enabled(if: geteuid() == 0, "only root can make devices"))
  func `devices are kept`() throws {
    try place.shell(
      "mkdir d; mknod d/c c 1 3; mknod d/b b 4095 1048575; mknod d/z c 0 0; ln d/c d/c2"
    )
    let opened = try place.open([place.directory("d")])
    #expect(try opened.brief() == "b b4095:1048575, c c1:3, c2 = c, z c0:0")
    #expect(
      opened.warningTexts == [
        "--overlay \(place.path("d")): merge(FileTree.TreeWarning.Kind.nullDevice) 1 z"
      ]
    )
  }

  @Test func `attributes of users and capabilities are kept, labels of this machine are not`()
    throws
  {
    try place.shell("mkdir -p d/e; touch d/f")
    let (f, e) = (place.path("d/f").string, place.path("d/e").string)
    guard AttributeCalls.lsetxattr(f, "user.note", "x y") == 0 else {
      // A file system without attributes has nothing to be kept.
      return
    }
    #expect(AttributeCalls.lsetxattr(e, "user.dir", "1") == 0)
    #expect(AttributeCalls.lsetxattr(f, "user.large", String(repeating: "v", count: 2000)) == 0)
    if geteuid() == 0 {
      #expect(AttributeCalls.lsetxattr(f, "trusted.note", "1") == 0)
      try place.shell("setcap cap_net_raw+ep d/f; setfacl -m u:7:r d/f; setfacl -d -m g:8:rx d/e")
    }
    let tree = try place.open([place.directory("d")]).files.tree
    let names = tree.walk().map { step in
      tree.extendedAttributes(of: tree[step.node]).map { EscapedBytes.string($0.name.array) }
    }
    let ofDirectory = geteuid() == 0 ? ["system.posix_acl_default", "user.dir"] : ["user.dir"]
    let ofFile =
      geteuid() == 0
      ? ["security.capability", "system.posix_acl_access", "user.large", "user.note"]
      : ["user.large", "user.note"]
    #expect(names == [[], ofDirectory, ofFile])
  }

  @Test func `whiteouts in a directory mean what they mean in layers`() throws {
    try place.shell(
      "mkdir -p o/a o/b o/lib; : > o/a/.wh.gone; mkdir o/.wh.tree; : > o/b/.wh..wh..opq; : > o/b/new; : > o/lib/.wh.x"
    )
    let image = try place.image([
      .file("a/gone"), .file("a/kept"), .file("tree/x"), .file("b/old"),
      .symlink("lib", to: "usr/lib"), .file("usr/lib/x"), .file("usr/lib/y"),
    ])
    let opened = try place.opener().open(image, additions: [place.directory("o")])
    #expect(
      try opened.brief() == "a/, a/kept 0, b/, b/new 0, lib -> usr/lib, usr/, usr/lib/, usr/lib/y 0"
    )
  }

  @Test func `sockets are left out, and so is the cache`() throws {
    try place.shell(
      "mkdir -p d/e; touch d/f; cd d; python3 -c 'import socket; [socket.socket(socket.AF_UNIX).bind(n) for n in (\"s\", \"e/s\")]'"
    )
    let opened = try place.opener(cache: "d/cache").open(additions: [place.directory("d")])
    #expect(try opened.brief() == "e/, f 0")
    let name = "--overlay \(place.path("d"))"
    #expect(opened.warningTexts == ["\(name): cache 1 cache", "\(name): socket 2 e/s"])
  }

  @Test func `the cache itself can be no addition, and nothing is left in it`() throws {
    let opener = try place.opener()
    let before = try place.directory.listing("cache")
    let opened = try opener.open(additions: [place.directory(".")])
    #expect(try opened.brief() == "")
    #expect(try place.directory.listing("cache") == before)
  }

  @Test func `a tree of any depth is read`() throws {
    try place.shell(
      """
      python3 -c '
      import os
      for name in ["d"] + ["n"] * 3000:
          os.mkdir(name)
          os.chdir(name)
      open("f", "w").write("x")'
      """
    )
    defer { HostTool.attempt { try place.shell("rm -rf d") } }
    let tree = try place.open([place.directory("d")]).files.tree
    #expect(tree.nodeCount == 3002)
    #expect(tree.nodes.last?.kind == .regular)
  }

  @Test func `a huge file with holes takes no room and reads as it is`() throws {
    try place.shell(
      "mkdir d; truncate -s 1T d/f; printf a | dd of=d/f bs=1 seek=4095 conv=notrunc status=none; "
        + "printf b | dd of=d/f bs=1 seek=$((900 << 30)) conv=notrunc status=none"
    )
    let opened = try place.open([place.directory("d")])
    let file = try opened.files.file("f")
    #expect(file.size == 1 << 40)
    #expect((file.dataBlocks, file.dataRuns) == (2, 2))
    #expect(try opened.files.read("f", at: 4094, count: 3) == [0, UInt8(ascii: "a"), 0])
    #expect(try opened.files.read("f", at: 900 << 30, count: 2) == [UInt8(ascii: "b"), 0])
    #expect(try opened.files.read("f", at: 1 << 39, count: 3) == [0, 0, 0])
    #expect(try opened.files.read("f", at: (1 << 40) - 1, count: 3) == [0])
  }

  @Test func `data blocks are counted as the bytes are, not as they lie on the disk`() throws {
    try place.shell(
      """
      mkdir d; head -c 1048576 /dev/zero > d/zeros; truncate -s 1M d/hole; : > d/empty
      head -c 10000 /dev/urandom > d/noise; printf x > d/short
      (head -c 8192 /dev/zero; printf x; head -c 20000 /dev/zero; printf y) > d/mixed
      """
    )
    let tree = try place.open([place.directory("d")]).files.tree
    let counts = tree.walk().dropFirst().map { step in
      "\(EscapedBytes.string(step.path)) \(tree[step.node].dataBlocks)/\(tree[step.node].dataRuns)"
    }
    #expect(
      counts == ["empty 0/0", "hole 0/0", "mixed 2/2", "noise 3/1", "short 1/1", "zeros 0/0"]
    )
  }

  @Test func `what was added stays what it was`() throws {
    let bytes = CompressedBytes.sample(byteCount: 300_000, seed: 3)
    try place.shell("mkdir d")
    try place.write("d/f", bytes)
    let opened = try place.open([place.directory("d")])
    try place.write("d/f", [1])
    try place.shell("rm -r d")
    #expect(isSame(try opened.files.read("f", count: 300_000), bytes[...]))
    #expect(
      try opened.files.readDecoded(try opened.files.file("f"), at: 0, count: 4)
        == Array(bytes[..<4])
    )
  }

  // MARK: Refusals

  @Test(arguments: [
    (script: ":", what: "nowhere", message: "nowhere: cannot be opened: No such file or directory"),
    ("mkdir d; : > d/.wh.", "d", "d/.wh.: names that begin with .wh. are reserved"),
    ("mkdir d; : > d/.wh...", "d", "d/.wh...: names that begin with .wh. are reserved"),
    ("mkdir d; truncate -s 1099511627777 d/f", "d", "d/f: larger than 1 TiB"),
  ])
  func `what cannot be added is named, with the option`(
    script: String,
    what: String,
    message: String
  ) throws {
    try place.shell(script)
    #expect(
      additionFailure { try place.open([place.directory(what)]) }
        == "--overlay \(place.path(what)): \(place.directory.path)/\(message)"
    )
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `an unreadable file is named`() throws {
    try place.shell("mkdir -p d/e; echo x > d/e/secret; chmod 0 d/e/secret")
    #expect(
      additionFailure { try place.open([place.directory("d")]) }
        == "--overlay \(place.path("d")): \(place.path("d/e/secret")): cannot be opened: Permission denied"
    )
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount"))
  func `a directory that contains itself is refused`() throws {
    try place.shell("mkdir -p d/a/b; mount --bind d d/a/b")
    defer { HostTool.attempt { try place.shell("umount -l d/a/b") } }
    #expect(
      additionFailure { try place.open([place.directory("d")]) }
        == "--overlay \(place.path("d")): \(place.path("d/a/b")): the directory contains itself"
    )
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system that is full"))
  func `a full disk is an error and leaves nothing`() throws {
    try place.shell(
      "mkdir d small; mount -t tmpfs -o size=1m,mode=700 tmpfs small; head -c 4000000 /dev/urandom > d/f"
    )
    defer { HostTool.attempt { try place.shell("umount -l small") } }
    let opener = try place.opener(cache: "small")
    let before = try place.directory.listing("small")
    let failure = failure { try opener.open(additions: [place.directory("d")]) }
    guard case .addition(let name, .store(.failed(_, _, .noSpace))) = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(name == "--overlay \(place.path("d"))")
    #expect(try place.directory.listing("small") == before)
    var space = statvfs()
    #expect(statvfs(place.path("small").string, &space) == 0)
    #expect(space.f_bfree > space.f_blocks / 2)
  }

  @Test func `files that vanish are changes, or were never there`() throws {
    try place.shell("mkdir d; for i in {1..300}; do echo $i > d/$i; done")
    let path = place.path("d").string
    let isDone = Atomic32()
    try onThreads(1) { _ in
      while !isDone.value {
        for number in 1...300 { unlink("\(path)/\(number)") }
        for number in 1...300 { close(Glibc.open("\(path)/\(number)", O_CREAT | O_WRONLY, 0o644)) }
      }
    } meanwhile: {
      defer { isDone.set() }
      for _ in 0..<20 {
        let failure = additionFailure { try place.open([place.directory("d")]) }
        #expect(failure?.hasSuffix(": changes while it is read") ?? true, "\(failure ?? "")")
      }
    }
  }

  @Test func `a file that is written to all the time is given up, or kept whole`() throws {
    try place.shell("mkdir d; head -c 40000000 /dev/urandom > d/f")
    let path = place.path("d/f").string
    let isDone = Atomic32()
    try onThreads(1) { _ in
      let file = Glibc.open(path, O_WRONLY | O_APPEND)
      defer { close(file) }
      while !isDone.value { _ = withUnsafeBytes(of: 1) { write(file, $0.baseAddress, 1) } }
    } meanwhile: {
      defer { isDone.set() }
      #expect(
        additionFailure { try place.open([place.directory("d")]) }
          == "--overlay \(place.path("d")): \(path): changes while it is read"
      )
    }
  }
}

/// A flag that is set once.
private final class Atomic32: Sendable {
  private let flag = Mutex(false)
  var value: Bool { flag.withLock { $0 } }
  func set() { flag.withLock { $0 = true } }
}

extension TemporaryDirectory {
  /// Every path below a directory, sorted.
  fileprivate func listing(_ name: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: appending(name)).sorted()
  }
}
