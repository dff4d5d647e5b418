// Layers as odd writers make them, each beside what it means: the rows T1 to T33 of docs/SEMANTICS.md that
// make a tree. Every row is a layer of one image, and has a directory of its own in it.

/// A layer in an odd form, and the members that it must be read as.
package struct DialectRow: Sendable {
  /// The rule's name in docs/SEMANTICS.md, and what is special here.
  package var rule: String
  package var written: Written
  /// The same in the plainest form there is.
  package var meaning: [TarEntry]
  /// The warnings about it, in the order of their places.
  package var warnings: [Warning]

  /// What is told of one kind of oddity.
  package struct Warning: Equatable, Sendable {
    package var code: String
    package var count: Int
    /// `blob` or `tar`.
    package var stream: String
    package var offset: Int

    package init(_ code: String, count: Int = 1, stream: String = "tar", at offset: Int) {
      (self.code, self.count, self.stream, self.offset) = (code, count, stream, offset)
    }
  }

  package enum Written: Sendable {
    /// An archive, which is the layer's blob as it is.
    case archive([UInt8])
    /// A blob that holds the archive `tar`.
    case blob([UInt8], tar: [UInt8], mediaType: String)
  }

  init(
    _ rule: String,
    _ written: [TarEntry],
    end: TarBytes.End = .twoZeroBlocks,
    means meaning: [TarEntry],
    warnings: [Warning] = []
  ) {
    self.rule = rule
    self.written = .archive(TarBytes.archive(written, end: end))
    self.meaning = meaning
    self.warnings = warnings
  }

  init(
    _ rule: String,
    blob: [UInt8],
    of tar: [UInt8],
    mediaType: String,
    means meaning: [TarEntry],
    warnings: [Warning] = []
  ) {
    self.rule = rule
    written = .blob(blob, tar: tar, mediaType: mediaType)
    self.meaning = meaning
    self.warnings = warnings
  }

  /// The rows about archives.
  package static let archives = headers + records + extensions + sparse + ends

  /// Replaces header bytes from `offset` on.
  static func put(_ text: TarText, at offset: Int) -> TarEntry.Edit {
    { block in block.replaceSubrange(offset..<(offset + text.bytes.count), with: text.bytes) }
  }

  private static func blank(_ field: Range<Int>) -> TarEntry.Edit {
    put(TarText([UInt8](repeating: 0, count: field.count)), at: field.lowerBound)
  }

  static func repeated(_ character: Character, _ count: Int) -> TarText {
    TarText([UInt8](repeating: character.asciiValue ?? 0, count: count))
  }

  private static let ninety = String(repeating: "d", count: 90)

  static let headers: [DialectRow] = [
    DialectRow(
      "T1: a ustar prefix",
      [.file("T1/\(ninety)/\(ninety)", "deep").dialect(.ustar)],
      means: [.file("T1/\(ninety)/\(ninety)", "deep")]
    ),
    DialectRow(
      "T1: a prefix in a GNU header, as Go wrote before 1.8",
      [.file("go", "1.7").dialect(.gnu).editingHeader(put("T1/prefix", at: 345))],
      means: [.file("T1/prefix/go", "1.7")],
      warnings: [Warning("prefix-in-gnu-header", at: 0)]
    ),
    DialectRow(
      "T1: times where others have the prefix: GNU's and star's",
      [
        .file("T1/gnu", "g").dialect(.gnu)
          .editingHeader(put("14524770600\u{0}14524770601\u{0}", at: 345)),
        .file("star", "s").dialect(.ustar).editingHeader(put("T1/shorter", at: 345))
          .editingHeader(put("14524770600 14524770601 ", at: 476))
          .editingHeader(put("tar\u{0}", at: 508)),
      ],
      means: [.file("T1/gnu", "g"), .file("T1/shorter/star", "s")]
    ),
    DialectRow(
      "T2: v7",
      [
        .member("\0", "T2/d/").dialect(.v7).mode(0o750),
        .member("\0", "T2/d/f", "text").dialect(.v7).owner(12, 34).modified(99),
        .symlink("T2/s", to: "d/f").dialect(.v7),
        .hardLink("T2/h", to: "T2/d/f").dialect(.v7).owner(12, 34).modified(99),
      ],
      means: [
        .directory("T2/d").mode(0o750), .file("T2/d/f", "text").owner(12, 34).modified(99),
        .symlink("T2/s", to: "d/f"), .hardLink("T2/h", to: "T2/d/f"),
      ]
    ),
    DialectRow(
      "T3: a checksum over signed bytes",
      [
        .file([0x54, 0x33, 0x2f, 0xe4], "x").editingChecked { block in
          let sum = block.reduce(0) { $0 + Int($1) } - block[148..<156].reduce(0) { $0 + Int($1) }
          // The field as eight spaces; 0xe4 as -28 instead of 228.
          put("0\(String(sum + 8 * 0x20 - 256, radix: 8))\u{0} ", at: 148)(&block)
        }
      ],
      means: [.file([0x54, 0x33, 0x2f, 0xe4], "x")],
      warnings: [Warning("signed-checksum", at: 0)]
    ),
    DialectRow(
      "T4: numbers between spaces and NULs, and none",
      [
        .file("T4/a", "x").editingHeader(put("   755 \u{0}", at: 100)),
        .file("T4/b", "x").editingHeader(put("\u{0}\u{0}000755", at: 100)),
        .file("T4/c", "x").owner(7, 7).editingHeader(put("        ", at: 108)),
      ],
      means: [
        .file("T4/a", "x").mode(0o755), .file("T4/b", "x").mode(0o755),
        .file("T4/c", "x").owner(0, 7),
      ],
      warnings: [Warning("blank-number", at: 2 * 1024 + 108)]
    ),
    DialectRow(
      "T4: blank sizes and device numbers",
      [
        .file("T4/empty").editingHeader(blank(124..<136)),
        .directory("T4/d").editingHeader(blank(124..<136)),
        .characterDevice("T4/n", major: 9, minor: 9).editingHeader(blank(329..<345)),
      ],
      means: [
        .file("T4/empty"), .directory("T4/d"), .characterDevice("T4/n", major: 0, minor: 0),
      ],
      warnings: [
        Warning("blank-number", count: 3, at: 124), Warning("null-device", at: 2 * 512),
      ]
    ),
    DialectRow(
      "T5: base-256",
      [
        .file("T5/all", "four").owner(4_294_967_294, 70_000).modified(1 << 33).base256(),
        .file("T5/negative", "x").modified(-2).dialect(.gnu),
      ],
      means: [
        .file("T5/all", "four").owner(4_294_967_294, 70_000).modified(1 << 33),
        .file("T5/negative", "x").modified(-2),
      ]
    ),
    DialectRow(
      "T15: Solaris' X header",
      [.paxHeader([("path", "T15/f"), ("SUN.holesdata", " 0 9")], type: "X"), .file("f", "x")],
      means: [.file("T15/f", "x")],
      warnings: [Warning("unknown-record-ignored", at: 526)]
    ),
    DialectRow(
      "T16: a contiguous file",
      [.member("7", "T16/f", "text")],
      means: [.file("T16/f", "text")]
    ),
    DialectRow(
      "T17: a directory of an incremental dump",
      [.member("D", "T17/d/", "Yf\u{0}\u{0}").dialect(.gnu).mode(0o700), .file("T17/d/f", "x")],
      means: [.directory("T17/d").mode(0o700), .file("T17/d/f", "x")],
      warnings: [Warning("dump-directory", at: 0)]
    ),
    DialectRow(
      "T18: a volume label",
      [.member("V", "label").dialect(.gnu), .file("T18/f", "x")],
      means: [.file("T18/f", "x")],
      warnings: [Warning("volume-label-skipped", at: 0)]
    ),
    DialectRow(
      "T30: the largest device numbers",
      [.blockDevice("T30/d", major: 4095, minor: (1 << 20) - 1).base256()],
      means: [.blockDevice("T30/d", major: 4095, minor: (1 << 20) - 1)]
    ),
    DialectRow(
      "T31: the type of file in the mode",
      [.file("T31/f", "x").mode(0o104751), .directory("T31/d").mode(0o41777)],
      means: [.file("T31/f", "x").mode(0o4751), .directory("T31/d").mode(0o1777)],
      warnings: [Warning("mode-bits-ignored", count: 2, at: 100)]
    ),
    DialectRow(
      "T33: a time that octal digits cannot say",
      [.file("T33/f", "x").modified(1 << 33).dialect(.gnu)],
      means: [.file("T33/f", "x").modified(1 << 33)]
    ),
  ]
}
