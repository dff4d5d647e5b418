// The shape of the house as data: who may import whom, which targets are pure, which are synchronous.
// The picture is in docs/ARCHITECTURE.md; Package.swift holds the same directions for the compiler.

enum Architecture {
  /// Values only: no I/O, no locks, nothing unsafe.
  static let pureTargets: Set = ["Offsets", "OCISpec", "TarFormat", "FileTree"]

  /// Numbers in them come from archives, blobs and layers.
  static let readersOfForeignBytes: Set = ["TarFormat", "SeekableCompression", "FileTree"]

  /// Plain threads: everything below the blob cache, and the pure targets.
  static let synchronousTargets = pureTargets.union([
    "FlatArrays", "SeekableCompression", "ImageStore", "Layers", "TreeMount",
    "FuseServer", "Threading",
  ])

  /// All modules that a target's files may import.
  static let imports: [String: Set<String>] = [
    "Offsets": [],
    "OCISpec": ["FoundationEssentials"],
    "TarFormat": ["Offsets"],
    "FileTree": ["Offsets", "FlatArrays"],
    "FlatArrays": system,
    "SeekableCompression": system.union(["Offsets", "CZlib", "CZstd", "CIsal"]),
    "Threading": ["Glibc", "Synchronization"],
    "FuseServer": system.union(["CFuse3"]),
    "ImageStore": system.union([
      "Offsets", "OCISpec", "TarFormat", "SeekableCompression", "SystemPackage", "Crypto",
    ]),
    "Registry": system.union([
      "OCISpec", "ImageStore", "SystemPackage", "AsyncHTTPClient", "NIOCore", "NIOPosix",
      "NIOHTTP1", "NIOSSL",
      "Subprocess", "TOMLKit", "FoundationEssentials", "Dispatch",
    ]),
    "Layers": system.union([
      "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
      "ImageStore", "SystemPackage", "Dispatch",
    ]),
    "TreeMount": system.union(["Offsets", "FlatArrays", "FileTree", "Layers", "FuseServer"]),
    "Ext4Image": system.union(["Offsets", "FlatArrays", "FileTree", "SystemPackage", "Subprocess"]),
    "BangerFS": system.union([
      "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
      "FuseServer", "ImageStore", "Registry", "Layers", "TreeMount", "Ext4Image",
      "ArgumentParser", "SystemPackage", "Dispatch", "Foundation",
    ]),
  ]

  private static let system: Set = ["Glibc", "Synchronization", "Threading"]

  /// Modules over C libraries, and the only targets that may see them, tests included.
  static let ownersOfC: [String: Set<String>] = [
    "CFuse3": ["FuseServer"],
    "CIsal": ["SeekableCompression"],
    "CZlib": ["SeekableCompression", "TestKit"],
    "CZstd": ["SeekableCompression", "TestKit"],
  ]

  /// Memory that the compiler cannot see to be shared safely; each file argues why it is.
  static let uncheckedSendableFiles: Set = [
    "Sources/FlatArrays/ByteSlice.swift",
    "Sources/FlatArrays/FlatArray.swift",
    "Sources/Layers/DecoderPool.swift",
  ]

  static func importsAreAllowed(_ file: SourceFile) -> [Finding] {
    file.codeLines(with: "import ").compactMap { index in
      guard let module = importedModule(file.code[index]), !mayImport(module, in: file) else {
        return nil
      }
      return Finding(file, line: index, "\(file.target) must not import \(module)")
    }
  }

  private static func mayImport(_ module: String, in file: SourceFile) -> Bool {
    if let owners = ownersOfC[module] { return owners.contains(file.target) }
    return !file.isInSources || imports[file.target]?.contains(module) == true
  }

  private static func importedModule(_ line: String) -> String? {
    let declaration =
      /^\s*(?:@\w+(?:\([\w:, ]*\))?\s+)*(?:[a-z]+\s+)?import\s+(?:[a-z]+\s+)?(?<module>\w+)/
    return line.firstMatch(of: declaration).map { String($0.output.module) }
  }
}

/// The document's code map against the directory: each file is named, and each name is a file.
enum CodeMap {
  static let document = "docs/ARCHITECTURE.md"

  /// - Parameters:
  ///   - text: The document.
  ///   - sources: The paths of all files that must be named. A name is a path's end: `Tree.swift`,
  ///     or `FileTree/Tree.swift` where the short name is not unique.
  ///   - others: Paths of files that may be named.
  /// - Returns: Names without a file in the order of the document, then files without a name.
  static func findings(in text: String, sources: [String], others: [String]) -> [Finding] {
    let map = SourceFile(path: document, text: text)
    var findings: [Finding] = []
    var named: Set<String> = []
    for (index, line) in map.lines.enumerated() {
      for match in line.matches(of: /[\w+.\/-]*\.(?:swift|h|modulemap)\b/) {
        let name = String(match.output)
        let found = (sources + others).filter { $0 == name || $0.hasSuffix("/" + name) }
        if found.isEmpty { findings.append(Finding(map, line: index, "no file is called \(name)")) }
        if found.count == 1 { named.formUnion(found) }
      }
    }
    let missing = sources.filter { !named.contains($0) }
    return findings
      + missing.map {
        Finding(path: $0, line: 1, reason: "not named, or not uniquely, in \(document)")
      }
  }
}
