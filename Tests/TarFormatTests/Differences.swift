// Where other readers see other archives than we do, and why we see what we see.

import TestKit

/// What some tools say otherwise about some archives, with the reason.
struct Difference {
  /// One tool, one archive.
  struct Place: Hashable, Comparable {
    var archive: String
    var tool: String

    init(_ archive: String, _ tool: String) { (self.archive, self.tool) = (archive, tool) }

    static func < (left: Place, right: Place) -> Bool {
      (left.archive, left.tool) < (right.archive, right.tool)
    }
  }

  /// As `Reading.differences` says it.
  var says: [String]
  var tools: [String]
  var archives: [String]
  var reason: String

  init(_ says: String..., by tools: [String], on archives: [String], because reason: String) {
    (self.says, self.tools, self.archives, self.reason) = (says, tools, archives, reason)
  }

  var places: [Place] { archives.flatMap { archive in tools.map { Place(archive, $0) } } }

  private static let python = ["Python"]
  private static let gnu = ["GNU tar"]
  private static let bsd = ["bsdtar"]
  private static let everybody = python + gnu + bsd

  static let all = names + members + numbers + sparse + ends + reading

  private static let names = [
    Difference(
      "also nowhere",
      "no T10/f",
      by: python + gnu,
      on: ["T10: a global header"],
      because:
        "They give members the name of a global header, as POSIX has it; Go and bsdtar do not, and no "
        + "builder writes one."
    ),
    Difference(
      "also go",
      "no T1/prefix/go",
      by: gnu + bsd,
      on: ["T1: a prefix in a GNU header, as Go wrote before 1.8"],
      because: "GNU's headers have no prefix; but Go wrote some, and reads them."
    ),
    Difference(
      "also TIME/T1/gnu",
      "no T1/gnu",
      by: python,
      on: ["T1: times where others have the prefix: GNU's and star's"],
      because: "Python takes GNU's times of access and change for a prefix."
    ),
    Difference(
      "also TIME/d",
      "also TIME/d/f",
      "also TIME/p",
      "also TIME/s",
      "no d",
      "no d/f",
      "no p",
      "no s",
      by: python,
      on: ["GNU tar incremental"],
      because: "The same."
    ),
    Difference(
      "also T9/lost",
      "no T9/x",
      by: python,
      on: ["T9: two pax headers, of which the second counts alone"],
      because: "Python joins the records of both; Go, GNU tar and bsdtar forget those of the first."
    ),
    Difference(
      "no T9/x",
      "refuses it",
      by: bsd,
      on: ["T9: two pax headers, of which the second counts alone"],
      because: "bsdtar lists it as we do, but with a complaint, and then copies nothing."
    ),
    Difference(
      "also pax",
      "takes it",
      by: gnu,
      on: ["T9: a GNU name, then another one in a record"],
      because: "GNU tar prefers the record, Go the GNU name, the others the first: it is an error."
    ),
    Difference(
      "also long",
      "takes it",
      by: python + bsd,
      on: ["T9: a GNU name, then another one in a record"],
      because: "The same."
    ),
    Difference(
      "also pax",
      "takes it",
      by: everybody,
      on: ["T9: a name in a record, then another one of GNU's"],
      because: "The same; here Go is alone."
    ),
    Difference(
      "also ",
      "no T7/c",
      "refuses it",
      by: gnu,
      on: ["T7: line breaks and equals signs in values, and empty values"],
      because: "GNU tar takes an empty value for a value; in POSIX and Go it takes the record back."
    ),
    Difference(
      "no T7/c",
      "refuses it",
      by: python,
      on: ["T7: line breaks and equals signs in values, and empty values"],
      because: "The same, and an empty number breaks it off."
    ),
    Difference(
      "owner of T7/c: 0:5",
      by: bsd,
      on: ["T7: line breaks and equals signs in values, and empty values"],
      because: "The same, for numbers only."
    ),
    Difference(
      "attributes of T27/alone: ",
      by: python,
      on: ["T27: attributes as bsdtar writes them"],
      because: "Python hands records on as they are."
    ),
  ]

  private static let members = [
    Difference(
      "also label",
      by: gnu,
      on: ["GNU tar label", "GNU tar posix label", "T18: a volume label"],
      because: "The label of a volume is no file, but they list it."
    ),
    Difference(
      "also label",
      by: python,
      on: ["GNU tar label", "T18: a volume label"],
      because: "The same."
    ),
    Difference(
      "size of d: 4",
      by: gnu,
      on: ["GNU tar incremental"],
      because: "That is the size of its list of names."
    ),
    Difference(
      "size of T17/d: 4",
      by: gnu + python,
      on: ["T17: a directory of an incremental dump"],
      because: "The same."
    ),
    Difference(
      "also b",
      by: gnu,
      on: ["T18: part of a multi-volume archive"],
      because: "GNU tar lists it, and cannot unpack it."
    ),
    Difference(
      "also b",
      "takes it",
      by: python + bsd,
      on: ["T18: part of a multi-volume archive"],
      because: "They take a part of a file for the file; umoci and containerd refuse it."
    ),
    Difference(
      "also b",
      "takes it",
      by: everybody,
      on: ["T19: an unknown type"],
      because:
        "A regular file, by POSIX; but nobody knows what was meant, and umoci and containerd refuse it."
    ),
  ]

  private static let numbers = [
    Difference(
      "mode of T4/b: 0",
      by: everybody,
      on: ["T4: numbers between spaces and NULs, and none"],
      because: "They stop at the NUL in front; Go passes over it."
    ),
    Difference(
      "owner of T4/c: 4294967295:7",
      "refuses it",
      by: gnu,
      on: ["T4: numbers between spaces and NULs, and none"],
      because: "GNU tar wants digits; everybody else reads a blank field as 0."
    ),
    Difference(
      "mode of T31/d: 41777",
      "mode of T31/f: 104751",
      by: python,
      on: ["T31: the type of file in the mode"],
      because: "Python hands the number on as it is."
    ),
    Difference(
      "mtime of T11/b: -1.500000000",
      by: bsd,
      on: ["T11: times with fractions, also before 1970"],
      because: "It is half a second before second -1; bsdtar adds the fraction."
    ),
    Difference(
      "mtime of half: -1.500000000",
      by: bsd,
      on: ["Python PAX"],
      because: "The same."
    ),
    Difference(
      "also b",
      "takes it",
      by: bsd,
      on: ["T4: no number", "T5: an owner beyond 32 bits", "T11: no time"],
      because: "bsdtar reads as far as there are digits, and any number of bits."
    ),
    Difference(
      "also b",
      "takes it",
      by: python,
      on: ["T5: a negative size", "T5: an owner beyond 32 bits"],
      because: "Python takes any number."
    ),
    Difference(
      "also b",
      "takes it",
      by: everybody,
      on: ["T6: two sizes"],
      because: "The last one holds, but who takes the first finds another archive behind it."
    ),
    Difference(
      "also b",
      "takes it",
      by: everybody,
      on: ["T30: a device number that Linux has not"],
      because: "They do not make it here; mknod(2) would refuse it, or make another."
    ),
    Difference(
      "also b",
      "takes it",
      by: everybody,
      on: ["T27: an attribute that is not base64"],
      because: "They do not look at it, or drop it; nobody writes such."
    ),
  ]

  private static let sparse = [
    Difference(
      "digest of f: 6e5ecdeba01500b4d69ae94b5ab86451d111fbb19813c2cb1c751df84698832d",
      by: gnu,
      on: TarSparseFormat.allCases.map { "runs of a few bytes \($0)" },
      because:
        "GNU tar begins every run at a block. It writes none that does not end at one, and everybody "
        + "else, Go too, reads runs one after another."
    ),
    Difference(
      "also b",
      "takes it",
      by: python,
      on: ["T13: a run beyond the file", "T14: another version", "T14: runs that overlap"],
      because: "Python checks no maps."
    ),
    Difference(
      "also b",
      "takes it",
      by: bsd,
      on: ["T14: runs that overlap"],
      because: "bsdtar writes one run over the other."
    ),
    Difference(
      "also c",
      "takes it",
      by: everybody,
      on: ["T14: a name without a map"],
      because: "They give the member that name; Go does not look for one where there is no map."
    ),
    Difference(
      "also b",
      by: bsd,
      on: ["T13: a run beyond the file"],
      because: "bsdtar lists it, and cannot unpack it."
    ),
  ]

  private static let ends = [
    Difference(
      "takes it",
      by: everybody,
      on: ["T22: one zero block, then a member"],
      because: "They end at one zero block, and read on if they are told to; Go refuses it."
    ),
    Difference(
      "digest of T23/f: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "refuses it",
      by: gnu,
      on: ["T23: no padding behind the last file"],
      because:
        "They want whole blocks. Go does not, and umoci insert wrote such layers: all data is there."
    ),
    Difference(
      "refuses it",
      by: python,
      on: ["T23: no padding behind the last file"],
      because: "The same."
    ),
    Difference(
      "no T23/f",
      "refuses it",
      by: bsd,
      on: ["T23: no padding behind the last file"],
      because: "The same; and it copies nothing of what it refuses."
    ),
    Difference(
      "takes it",
      by: gnu,
      on: ["T23: part of a header", "T9: an extension without a member"],
      because: "GNU tar says so, and calls it success."
    ),
    Difference(
      "no a",
      by: bsd,
      on: ["T24: data cut short"],
      because: "It copies nothing of what it refuses."
    ),
  ]

  /// Errors that are no reason for others to stop, or no errors.
  private static let reading = [
    Difference(
      "takes it",
      by: python,
      on: [
        "T4: no number", "T7: a record that is none", "T10: a malformed global header",
        "T23: part of a header", "T25: a wrong checksum",
      ],
      because: "Python takes a header that it cannot read for the end of the archive."
    ),
    Difference(
      "also b",
      by: gnu,
      on: [
        "T4: no number", "T5: an owner beyond 32 bits", "T7: a record that is none",
        "T10: a malformed global header", "T11: no time", "T13: a run beyond the file",
        "T14: another version", "T14: runs that overlap", "T24: data cut short",
      ],
      because: "GNU tar says what is wrong, goes on, and fails in the end."
    ),
    Difference(
      "also b",
      "takes it",
      by: bsd,
      on: ["T10: a malformed global header"],
      because: "bsdtar does not look into global headers."
    ),
    Difference(
      "also ",
      "takes it",
      by: gnu + python,
      on: ["T32: an extension header of more than 1 MiB"],
      because: "They hold in memory whatever they are given; Go has the same bound as we."
    ),
  ]
}
