// Commands for debugfs that add names to directories, as text. A name stands in quotes, behind `./`
// where debugfs would take it for something else, and only in a directory that was entered by its
// number; what cannot be said so is refused before. Everything else is addressed by number.
// Sources: debugfs(8); e2fsprogs, lib/ss/parse.c and debugfs/debugfs.c.

import FileTree
import FlatArrays

/// The commands that make an injection's files, without their attributes.
struct InjectionBatch {
  private(set) var text: [UInt8] = []
  private let plan: InjectionPlan
  private let tree: Tree
  /// Where debugfs is: a directory of the image, and directories of the plan below it.
  private var present: [InjectionPlan.Directory] = []

  /// debugfs cuts a longer line and runs its tail as a command: 8192 with newline and end mark.
  private static let lineLimit = 8192 - 2

  static func contentFileName(_ item: Int) -> String {
    WorkDirectory.contentPrefix + String(item)
  }

  init(of plan: InjectionPlan, _ tree: Tree) {
    self.plan = plan
    self.tree = tree
    for (index, item) in plan.items.enumerated() {
      enter(item.directory)
      if let replaced = item.replaced { remove(item, replaced) }
      if item.linkedTo == nil { make(item, index) }
    }
    for patch in plan.patches {
      line("zap_block -o \(patch.offset) -l 1 -p \(patch.byte) \(patch.block)")
    }
  }

  /// Commands that add the further names of files whose inodes are known now.
  init(linking plan: InjectionPlan, _ tree: Tree, inodes: [UInt32]) {
    self.plan = plan
    self.tree = tree
    for item in plan.items {
      guard let first = item.linkedTo else { continue }
      switch item.directory {
      case .existing(let number): line("cd <\(number)>")
      case .made(let index): line("cd <\(inodes[index])>")
      }
      let name = Self.quoted(item.name)
      // unlike all others, ln does not make the directory larger: something else does first
      line("mknod ", name, " p")
      line("rm ", name)
      line("ln <\(inodes[first])> ", name)
    }
  }

  // MARK: Quoting

  /// A word in quotes.
  private static func quoted(_ word: [UInt8]) -> [UInt8] {
    let quote = UInt8(ascii: "\"")
    return [quote] + word.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }

  /// In front of what is looked up: `<12>` would be an inode's number, `./<12>` is a name.
  private static func located(_ name: [UInt8]) -> [UInt8] {
    quoted(Array("./".utf8) + name)
  }

  /// Whether `word` can stand in a command: lines end at either line break, and words at NUL.
  static func isTellable(_ word: [UInt8]) -> Bool {
    !word.contains { $0 == 0 || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
  }

  /// Whether a link can be made in one command.
  static func isTellable(link name: [UInt8], to target: [UInt8]) -> Bool {
    isTellable(target)
      && "symlink  ".utf8.count + quoted(name).count + quoted(target).count <= lineLimit
  }

  private mutating func line(_ parts: [UInt8]...) {
    let line = Array(parts.joined())
    precondition(Self.isTellable(line) && line.count <= Self.lineLimit, "an unsafe batch line")
    text += line
    text.append(UInt8(ascii: "\n"))
  }

  private mutating func line(_ command: String, _ name: [UInt8] = [], _ rest: String = "") {
    line(Array(command.utf8), name, Array(rest.utf8))
  }

  // MARK: Directories

  private mutating func enter(_ directory: InjectionPlan.Directory) {
    if present.last == directory { return }
    let way = way(to: directory)
    let common = zip(present, way).prefix { $0 == $1 }.count
    if common == 0 {
      if case .existing(let number) = way[0] { line("cd <\(number)>") }
    } else {
      for _ in common..<present.count { line("cd ..") }
    }
    for case .made(let index) in way.dropFirst(max(common, 1)) {
      line("cd ", Self.located(plan.items[index].name))
    }
    present = way
  }

  /// A directory of the image, and those of the plan from there to `directory`.
  private func way(to directory: InjectionPlan.Directory) -> [InjectionPlan.Directory] {
    var way = [directory]
    while case .made(let index) = way[way.count - 1] { way.append(plan.items[index].directory) }
    return way.reversed()
  }

  // MARK: Files

  private mutating func remove(_ item: InjectionPlan.Item, _ replaced: InjectionPlan.Replaced) {
    let name = Self.quoted(item.name)
    if replaced.isLastName, replaced.attributeBlock != 0 {
      // rm leaves the block in use, and no other command gives it back
      line("sif <\(replaced.number)> file_acl 0")
    }
    line("rm ", name)
    guard replaced.freesAttributeBlock else { return }
    let located = Self.located(item.name)
    // but rm gives back the blocks of a file's content
    line("mknod ", name, " p")
    line("sif ", located, " mode 0100600")
    line("sif ", located, " block[0] \(replaced.attributeBlock)")
    line("rm ", name)
  }

  private mutating func make(_ item: InjectionPlan.Item, _ index: Int) {
    let name = Self.quoted(item.name)
    let node = tree[item.node]
    switch node.kind {
    case .directory: line("mkdir ", name)
    case .regular: line("write \(Self.contentFileName(index)) ", name)
    case .symbolicLink:
      let target = Self.quoted(tree.target(of: node).array)
      line(Array("symlink ".utf8), name, Array(" ".utf8), target)
    case .fifo: line("mknod ", name, " p")
    case .characterDevice: makeDevice(item, "c")
    case .blockDevice: makeDevice(item, "b")
    }
  }

  /// mknod itself takes no minor numbers over 16 bits.
  ///
  /// Source: Linux include/linux/kdev_t.h, `old_encode_dev`, `new_encode_dev`.
  private mutating func makeDevice(_ item: InjectionPlan.Item, _ kind: String) {
    line("mknod ", Self.quoted(item.name), " \(kind) 0 0")
    let (major, minor) = (tree[item.node].deviceMajor, tree[item.node].deviceMinor)
    let located = Self.located(item.name)
    if major < 256, minor < 256 {
      line("sif ", located, " block[0] \(major << 8 | minor)")
    } else {
      line("sif ", located, " block[1] \(minor & 0xFF | major << 8 | (minor & ~0xFF) << 12)")
    }
  }
}
