// Commands for debugfs, as text. Addresses inodes and blocks by number only: no file name ever gets into it, since
// debugfs hands lines that begin with `!` to a shell and has no way to quote every name.
// Source: debugfs(8).

package import FileTree

/// A change of one inode.
package enum InodeSetting: Hashable, Sendable {
  /// Type and permission bits, as stored: a mode without its type would change the file's type.
  case mode(UInt16)
  case uid(UInt32)
  case gid(UInt32)
  case linkCount(UInt16)
  /// The low 32 bits of a time; sets the epoch in the second word too, so that word comes after it.
  case seconds(InodeTimeField, UInt32)
  /// The second word of a time.
  case extra(InodeTimeField, UInt32)
  case removeAttribute(name: [UInt8])
  case setAttribute(ExtendedAttribute)

  /// What is changed, for messages.
  var fieldName: String {
    switch self {
    case .mode: "mode"
    case .uid: "uid"
    case .gid: "gid"
    case .linkCount: "link count"
    case .seconds(let field, _), .extra(let field, _): field.rawValue
    case .removeAttribute(let name): EscapedBytes.string(name)
    case .setAttribute(let attribute): EscapedBytes.string(attribute.name)
    }
  }
}

/// A timestamp of an inode, by debugfs's name for it.
package enum InodeTimeField: String, CaseIterable, Sendable {
  case accessed = "atime"
  case changed = "ctime"
  case modified = "mtime"
}

/// All changes of one inode.
package struct InodeCorrection: Hashable, Sendable {
  package var inode: UInt32
  package var settings: [InodeSetting]

  package init(inode: UInt32, settings: [InodeSetting]) {
    self.inode = inode
    self.settings = settings
  }
}

/// The text of a run of debugfs, and the files that it reads.
package struct DebugfsBatch: Hashable, Sendable {
  /// debugfs cuts a longer line and runs its tail as a command: 8192 with newline and end mark.
  private static let lineLimit = 8192 - 2

  package private(set) var text: [UInt8] = []
  /// Values of extended attributes: the batch reads number *i* from the file `value-i`, beside the
  /// image.
  package private(set) var values: [[UInt8]] = []
  private var fileOfValue: [[UInt8]: Int] = [:]

  package var isEmpty: Bool { text.isEmpty }

  /// - Precondition: names of attributes have passed `isSafe`.
  package init(_ corrections: [InodeCorrection] = []) {
    for correction in corrections { append(correction) }
  }

  /// - Precondition: names of attributes have passed `isSafe`.
  package mutating func append(_ correction: InodeCorrection) {
    for setting in correction.settings { append(setting, inode: correction.inode) }
  }

  package mutating func append(_ joining: LinkJoining) {
    for patch in joining.patches {
      line("zap_block -o \(patch.offset) -l 1 -p \(patch.byte) \(patch.block)")
    }
    for spare in joining.spares { append(spare) }
  }

  /// The text so far, which is forgotten here; what comes later goes on behind it.
  package mutating func takeText() -> [UInt8] {
    let taken = text
    text.removeAll(keepingCapacity: false)
    return taken
  }

  package static func valueFileName(_ index: Int) -> String { "value-\(index)" }

  /// Whether `byte` may stand in an attribute's name: printable ASCII, no blank, no quote.
  package static func isSafe(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"")
  }

  /// Read-only commands and the exact answer that proves which inodes are in use.
  package static func sentinel(last: UInt32, inodeCount: UInt32) -> (text: [UInt8], answer: String)
  {
    var text = "testi <\(last)>\n"
    var answer = "debugfs: testi <\(last)>\nInode \(last) is marked in use\n"
    if last < inodeCount {
      text += "testi <\(last + 1)>\n"
      answer += "debugfs: testi <\(last + 1)>\nInode \(last + 1) is not in use\n"
    }
    return (Array(text.utf8), answer)
  }

  private mutating func append(_ setting: InodeSetting, inode: UInt32) {
    switch setting {
    case .mode(let mode):
      line("sif <\(inode)> mode 0\(String(mode, radix: 8))")
    case .uid(let id):
      line("sif <\(inode)> uid \(id)")
    case .gid(let id):
      line("sif <\(inode)> gid \(id)")
    case .linkCount(let count):
      line("sif <\(inode)> links_count \(count)")
    case .seconds(let field, let low):
      // unsigned, as debugfs takes -1 for an error
      line("sif <\(inode)> \(field.rawValue) @\(low)")
    case .extra(let field, let extra):
      line("sif <\(inode)> \(field.rawValue)_extra \(extra)")
    case .removeAttribute(let name):
      line("ea_rm <\(inode)> ", name)
    case .setAttribute(let attribute):
      let file = fileNumber(of: attribute.value)
      line("ea_set -f \(Self.valueFileName(file)) <\(inode)> ", attribute.name)
    }
  }

  private mutating func append(_ spare: LinkJoining.Spare) {
    let inode = "<\(spare.inode)>"
    if !spare.blocks.isEmpty {
      // a file of just these blocks, which kill_file then gives back
      line("clri \(inode)")
      line("sif \(inode) mode 0100000")
      for (index, block) in spare.blocks.enumerated() {
        line("sif \(inode) block[\(index)] \(block)")
      }
    }
    line("kill_file \(inode)")
    // what the inode says is still there
    line("clri \(inode)")
  }

  private mutating func fileNumber(of value: [UInt8]) -> Int {
    if let known = fileOfValue[value] { return known }
    let number = values.count
    values.append(value)
    fileOfValue[value] = number
    return number
  }

  private mutating func line(_ command: String, _ name: [UInt8] = []) {
    precondition(name.allSatisfy(Self.isSafe), "an unsafe name in a batch")
    precondition(command.utf8.count + name.count <= Self.lineLimit, "a batch line too long")
    text += command.utf8
    text += name
    text.append(UInt8(ascii: "\n"))
  }
}
