// What is laid over an image on the command line: directories, archives, files, units. Only how it is
// written; what it means is docs/SEMANTICS.md, "Added layers".

import ArgumentParser
import FileTree
import Layers
import SystemPackage

struct AdditionOptions: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      Lay a directory, or a tar archive (plain, gzip or zstd), over the image; may be repeated, the \
      last one is on top. The files of a directory become root's, those of an archive keep their \
      owners.
      """,
      valueName: "dir|tar"
    )
  )
  var overlay: [String] = []

  @Option(
    help: ArgumentHelp(
      "Whose the files of --overlay directories become: UID:GID, or host to keep their owners.",
      valueName: "uid:gid|host"
    )
  )
  var overlayOwner = OverlayOwnerArgument(owner: .root)

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      Put a file into the image, above all overlays; may be repeated. It becomes root's and keeps \
      its mode unless said; GUEST is a path from the root, and with a slash at its end a directory. \
      A colon in a path is written \\:.
      """,
      valueName: "host:guest[:mode[:uid:gid]]"
    )
  )
  var inject: [InjectArgument] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Enable a systemd unit, as systemctl enable does; may be repeated.",
      valueName: "name"
    )
  )
  var enableUnit: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      Shift COUNT ids from FIRST on to TO, as newuidmap does, with u: or g: in front for users or \
      groups alone; may be repeated. Every id of the tree must be in a range.
      """,
      valueName: "first:to:count"
    )
  )
  var ownerMap: [String] = []

  var isEmpty: Bool { overlay.isEmpty && inject.isEmpty && enableUnit.isEmpty && ownerMap.isEmpty }

  /// What is laid over the image, the last one on top; units come after that, because they are looked for
  /// in what is there by then.
  func additions() throws(LayersError) -> [Addition] {
    var additions: [Addition] = []
    for path in overlay {
      additions.append(try .overlay(FilePath(path), owner: overlayOwner.owner))
    }
    if !inject.isEmpty { additions.append(.files(inject.map(\.file))) }
    return additions
  }

  func owners() throws(CommandFailure) -> OwnerMap? {
    if ownerMap.isEmpty { return nil }
    do throws(TreeError) {
      return try OwnerMap(ownerMap)
    } catch {
      throw CommandFailure(.usage, "--owner-map: \(error)")
    }
  }
}

struct OverlayOwnerArgument: ExpressibleByArgument, Equatable {
  let owner: AddedOwner

  init(owner: AddedOwner) {
    self.owner = owner
  }

  init?(argument: String) {
    if argument == "host" {
      owner = .host
      return
    }
    let fields = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count == 2, let uid = OwnerID(fields[0]), let gid = OwnerID(fields[1]) else {
      return nil
    }
    owner = .ids(uid: uid.number, gid: gid.number)
  }

  var defaultValueDescription: String { "0:0" }
}

/// `HOST:GUEST[:MODE[:UID:GID]]`.
///
/// `\:` is a colon of a path; every other backslash is itself.
struct InjectArgument: ExpressibleByArgument, Equatable {
  let file: AddedFile

  init?(argument: String) {
    let fields = Self.fields(Array(argument.utf8))
    guard [2, 3, 5].contains(fields.count), !fields[0].isEmpty, !fields[1].isEmpty else {
      return nil
    }
    let host = FilePath(String(decoding: fields[0], as: UTF8.self))
    var file = AddedFile(host: host, guest: fields[1])
    if fields.count > 2, !fields[2].isEmpty {
      guard let mode = Self.mode(fields[2]) else { return nil }
      file.mode = mode
    }
    if fields.count == 5 {
      guard let uid = OwnerID(String(decoding: fields[3], as: UTF8.self)[...]),
        let gid = OwnerID(String(decoding: fields[4], as: UTF8.self)[...])
      else { return nil }
      file.uid = uid.number
      file.gid = gid.number
    }
    self.file = file
  }

  private static func fields(_ text: [UInt8]) -> [[UInt8]] {
    var fields: [[UInt8]] = [[]]
    var position = 0
    while position < text.count {
      let isEscaped = text[position...].starts(with: "\\:".utf8)
      if isEscaped { position += 1 }
      if text[position] == UInt8(ascii: ":"), !isEscaped {
        fields.append([])
      } else {
        fields[fields.count - 1].append(text[position])
      }
      position += 1
    }
    return fields
  }

  /// Octal: 0 to 07777.
  private static func mode(_ text: [UInt8]) -> UInt16? {
    guard text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
      let mode = UInt16(String(decoding: text, as: UTF8.self), radix: 8), mode <= 0o7777
    else { return nil }
    return mode
  }
}

/// A user's or group's number: decimal, and not the one that means none.
private struct OwnerID {
  let number: UInt32

  init?(_ text: Substring) {
    guard !text.isEmpty,
      text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = UInt32(text), number != .max
    else { return nil }
    self.number = number
  }
}
