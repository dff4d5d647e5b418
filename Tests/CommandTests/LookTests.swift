// ls, stat, cat and dump, as text: whole outputs, for every type of file and every odd name.

import TestKit
import Testing

struct LookTests {
  private func outcome(_ role: Role, _ command: String..., path: String...) throws -> Outcome {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    return try place.start(command + [image.reference] + path).finish()
  }

  // MARK: ls

  @Test(arguments: Role.all)
  func `ls prints the names in the root`(_ role: Role) throws {
    let names = "bin\ndata\ndev\netc\ngone\nodd\nprograms\nrun\nsh\n"
    expect(try outcome(role, "ls"), is: .success(names))
  }

  @Test(arguments: [
    ("etc", "passwd\nshared\n"), ("/etc/", "passwd\nshared\n"), ("etc/passwd", "etc/passwd\n"),
    ("programs", "again\ntool\n"), ("gone", ""),
    ("odd", "\\x1b[31mred\nback\\\\slash\nlink\nnew\\x0aline\ntwo words\n\\xff\\xfe\n"),
    ("run/../etc/../../bin", "again\ntool\n"),
  ])
  func `ls of a path prints a file's name or a directory's names`(
    path: String,
    expected: String
  ) throws {
    let outcome = try outcome(Role.all[0], "ls", path: path)
    // What ls(1) does with a link that leads nowhere needs -l.
    if path == "gone" {
      expect(outcome, is: .failure(66, "gone: no such file or directory in the image"))
    } else {
      expect(outcome, is: .success(expected))
    }
  }

  @Test func `ls -l lines its columns up`() throws {
    let expected = """
      drwxr-xr-x 2     0     0      0 2001-09-09 01:46:41 bin
      -rw-r--r-- 1 70000 70000 300000 2001-09-09 01:46:48 data
      drwxr-xr-x 2     0     0      0 2001-09-09 01:46:44 dev
      drwxr-xr-x 3     0     0      0 2001-09-09 01:46:47 etc
      lrwxrwxrwx 1     0     0      8 2001-09-09 01:46:43 gone -> no/where
      drwxr-s--- 2  1000   100      0 2001-09-09 01:46:46 odd
      lrwxrwxrwx 1     0     0      3 2001-09-09 01:46:43 programs -> bin
      drwxrwxrwt 2     0     0      0 2001-09-09 01:46:45 run
      lrwxrwxrwx 1     0     0      8 2001-09-09 01:46:43 sh -> bin/tool

      """
    expect(try outcome(Role.all[0], "ls", "-l"), is: .success(expected))
  }

  @Test func `ls -l marks extended attributes`() throws {
    let expected = """
      -rw-------+ 1 0  0 11 1969-12-31 23:59:59 passwd
      drwxrwsr-x+ 2 0 50  0 2096-10-02 07:06:40 shared

      """
    expect(try outcome(Role.all[0], "ls", "-l", path: "etc"), is: .success(expected))
  }

  @Test func `ls -l of a link to a directory shows the link`() throws {
    expect(
      try outcome(Role.all[0], "ls", "-l", path: "programs"),
      is: .success("lrwxrwxrwx 1 0 0 3 2001-09-09 01:46:43 programs -> bin\n")
    )
  }

  @Test(arguments: Role.all)
  func `X29: ls -lR prints everything with whole paths`(_ role: Role) throws {
    let expected = #"""
      drwxr-xr-x  7     0     0      0 2001-09-09 01:46:40 /
      drwxr-xr-x  2     0     0      0 2001-09-09 01:46:41 /bin
      -rwsr-xr-x+ 2     0     0     20 2001-09-09 01:46:42 /bin/again
      -rwsr-xr-x+ 2     0     0     20 2001-09-09 01:46:42 /bin/tool
      -rw-r--r--  1 70000 70000 300000 2001-09-09 01:46:48 /data
      drwxr-xr-x  2     0     0      0 2001-09-09 01:46:44 /dev
      crw-rw-rw-  1     0     0   1, 3 2001-09-09 01:46:44 /dev/null
      brw-rw----  1     0     6   8, 0 2001-09-09 01:46:44 /dev/sda
      drwxr-xr-x  3     0     0      0 2001-09-09 01:46:47 /etc
      -rw-------+ 1     0     0     11 1969-12-31 23:59:59 /etc/passwd
      drwxrwsr-x+ 2     0    50      0 2096-10-02 07:06:40 /etc/shared
      lrwxrwxrwx  1     0     0      8 2001-09-09 01:46:43 /gone -> no/where
      drwxr-s---  2  1000   100      0 2001-09-09 01:46:46 /odd
      -rw-r--r--  1     0     0      3 2001-09-09 01:46:46 /odd/\x1b[31mred
      -rw-r--r--  1     0     0      4 2001-09-09 01:46:46 /odd/back\\slash
      lrwxrwxrwx  1     0     0     10 2001-09-09 01:46:46 /odd/link -> \x1b]0;title\x07
      -rw-r--r--  1     0     0      1 2001-09-09 01:46:46 /odd/new\x0aline
      -rw-r--r--  1     0     0      5 2001-09-09 01:46:46 /odd/two words
      -rw-r--r--  1     0     0      2 2001-09-09 01:46:46 /odd/\xff\xfe
      lrwxrwxrwx  1     0     0      3 2001-09-09 01:46:43 /programs -> bin
      drwxrwxrwt  2     0     0      0 2001-09-09 01:46:45 /run
      prw-------  1  1000  1000      0 2001-09-09 01:46:45 /run/pipe
      lrwxrwxrwx  1     0     0      8 2001-09-09 01:46:43 /sh -> bin/tool

      """#
    expect(try outcome(role, "ls", "-lR"), is: .success(expected))
  }

  @Test func `ls -R of a directory stays below it`() throws {
    expect(
      try outcome(Role.all[0], "ls", "-R", path: "programs"),
      is: .success("/programs\n/programs/again\n/programs/tool\n")
    )
  }

  // MARK: cat

  @Test(arguments: Role.all)
  func `cat writes several files, through links`(_ role: Role) throws {
    let tool = "#!/bin/sh\necho tool\n"
    expect(
      try outcome(role, "cat", path: "sh", "etc/passwd", "programs/again", "/odd/two words"),
      is: .success("\(tool)root:x:0:0\n\(tool)55555")
    )
  }

  @Test func `cat writes a file of many pieces as it is`() throws {
    let outcome = try outcome(Role.all[0], "cat", path: "data")
    expect(outcome, is: Outcome(status: 0, output: SmallImage.data, errors: ""))
  }

  @Test(arguments: [
    ("etc", "etc: not a regular file but a directory"),
    ("programs", "programs: not a regular file but a directory"),
    ("run/pipe", "run/pipe: not a regular file but a fifo"),
    ("dev/null", "dev/null: not a regular file but a character-device"),
    ("nope", "nope: no such file or directory in the image"),
    ("etc/hidden", "etc/hidden: no such file or directory in the image"),
    ("gone", "gone: no such file or directory in the image"),
    ("etc/passwd/x", "etc/passwd/x: not a directory in the image"),
    ("\u{1B}[2J", "\\x1b[2J: no such file or directory in the image"),
  ])
  func `cat refuses what has no bytes`(path: String, message: String) throws {
    expect(try outcome(Role.all[0], "cat", path: path), is: .failure(66, message))
  }

  @Test func `an empty path is a mistake`() throws {
    expect(try outcome(Role.all[0], "cat", path: ""), is: .failure(64, "the path is empty"))
  }

  // MARK: stat

  @Test(arguments: Role.all)
  func `stat shows a link, and with -L where it leads`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let link = """
      path: /sh
      type: symlink
      mode: lrwxrwxrwx (0777)
      owner: 0:0
      size: 8
      links: 1
      inode: 22
      modified: 2001-09-09 01:46:43 UTC, 0 ns
      target: bin/tool
      layer: 0 \(image.digest(ofLayer: 0))
      member: at tar byte 3584

      """
    expect(try place.run("stat", image.reference, "sh"), is: .success(link))
    let capability = "\\x01\\x00\\x00\\x02\\x00 " + String(repeating: "\\x00", count: 14)
    let tool = """
      path: /sh
      type: regular
      mode: -rwsr-xr-x+ (04755)
      owner: 0:0
      size: 20
      links: 2
      inode: 3
      modified: 2001-09-09 01:46:42 UTC, 0 ns
      xattr: security.capability=\(capability)
      layer: 0 \(image.digest(ofLayer: 0))
      member: at tar byte 1024

      """
    expect(try place.run("stat", "-L", image.reference, "sh"), is: .success(tool))
  }

  @Test func `stat shows the layer that a replaced file came from`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let expected = #"""
      path: /etc/passwd
      type: regular
      mode: -rw-------+ (0600)
      owner: 0:0
      size: 11
      links: 1
      inode: 9
      modified: 1969-12-31 23:59:59 UTC, 5 ns
      xattr: user.note=two\x0alines
      layer: 1 \#(image.digest(ofLayer: 1))
      member: at tar byte 512

      """#
    expect(try place.run("stat", image.reference, "etc/passwd"), is: .success(expected))
  }

  @Test func `stat shows a device's numbers`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let expected = """
      path: /dev/sda
      type: block-device
      mode: brw-rw---- (0660)
      owner: 0:6
      size: 0
      links: 1
      inode: 7
      modified: 2001-09-09 01:46:44 UTC, 0 ns
      device: 8:0
      layer: 0 \(image.digest(ofLayer: 0))
      member: at tar byte 6144

      """
    expect(try place.run("stat", image.reference, "/dev/sda"), is: .success(expected))
  }
}
