// One scan of a plain archive's headers. The data of members is skipped by moving on in the file,
// so that a scan costs some reads for each member, however large the members are.

import Offsets
import SystemPackage
import TarFormat

/// Finds the members of an archive that is not compressed.
struct ArchiveScan {
  /// Room for one read: a header, and where members are small a few of them.
  private static let readByteCount = 16 << 10

  private let file: ArchiveFile
  private var scanner = TarScanner()
  private var table = ArchiveTable()

  private init(_ file: ArchiveFile) {
    self.file = file
  }

  /// The members of `file`, with the place of each file's bytes in it.
  ///
  /// - Throws: `.badArchive` for a broken header, a member that the file does not hold whole, or
  /// more
  ///   members than `ArchiveLimits` lets pass.
  static func table(of file: ArchiveFile) throws(ImageStoreError) -> ArchiveTable {
    var scan = ArchiveScan(file)
    do throws(ArchiveFailure) { try scan.run() } catch { throw error.of(file.path) }
    return scan.table
  }

  private mutating func run() throws(ArchiveFailure) {
    var buffer = [UInt8](repeating: 0, count: Self.readByteCount)
    while !scanner.isEnded, scanner.offset.bytes < file.byteCount {
      let count: Int
      do throws(ImageStoreError) {
        count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(ImageStoreError) in
          // No further than to where the file ended when it was opened: it may be growing.
          let rest = Int(clamping: file.byteCount - scanner.offset.bytes)
          let wanted = UnsafeMutableBufferPointer(rebasing: buffer.prefix(rest))
          return try file.read(
            at: scanner.offset.bytes,
            into: UnsafeMutableRawBufferPointer(wanted)
          )
        }
      } catch {
        throw .store(error)
      }
      // The file became shorter.
      if count == 0 { throw .fault(.changed) }
      do throws(ArchiveFault) { try take(buffer.span.extracting(first: count)) } catch {
        throw .fault(error)
      }
    }
    do throws(TarError) { try scanner.finish() } catch { throw .fault(ArchiveFault(error)) }
  }

  private mutating func take(_ piece: Span<UInt8>) throws(ArchiveFault) {
    var position = 0
    while try nextMember(in: piece, from: &position) { try add(scanner.member) }
    scanner.skip(min(scanner.skippableByteCount, file.byteCount - scanner.offset.bytes))
  }

  private mutating func nextMember(
    in piece: Span<UInt8>,
    from position: inout Int
  ) throws(ArchiveFault) -> Bool {
    do throws(TarError) {
      return try scanner.nextMember(in: piece, from: &position)
    } catch {
      throw ArchiveFault(error)
    }
  }

  private mutating func add(_ member: TarMember) throws(ArchiveFault) {
    let data = member.data.bytes
    let (end, overflow) = data.addingReportingOverflow(member.storedByteCount)
    guard !overflow, end <= file.byteCount else {
      throw .memberBeyondEnd(
        ArchiveTable.shown(member.path),
        at: member.header.bytes,
        end: overflow ? .max : end,
        archive: file.byteCount
      )
    }
    let place = member.isSparse ? ArchiveMember.Place.sparse : .archive(start: data)
    let file = ArchiveMember(place: place, byteCount: member.size)
    try table.add(member.path, ArchiveTable.Entry(member, file: file))
  }
}

extension ArchiveTable.Entry {
  /// What `member` is; `file` if it is a regular file.
  init(_ member: TarMember, file: ArchiveMember) {
    switch member.kind {
    case .regular: self = .file(file)
    case .symbolicLink: self = .symbolicLink(member.linkTarget)
    case .hardLink: self = .hardLink(member.linkTarget)
    case .directory, .characterDevice, .blockDevice, .fifo: self = .other
    }
  }
}

extension ArchiveFault {
  /// A first block that is no header, or not even a block, makes some other kind of file.
  init(_ error: TarError) {
    switch error {
    case .checksumMismatch(.zero): self = .notATarFile
    case .truncated(let end) where end.bytes < 512: self = .notATarFile
    default: self = .tar(error)
    }
  }
}

/// What stops a pass through an archive: the archive, or the machine.
enum ArchiveFailure: Error {
  case fault(ArchiveFault)
  case store(ImageStoreError)

  /// The failure, said of the archive at `path`.
  func of(_ path: FilePath) -> ImageStoreError {
    switch self {
    case .fault(let fault): .badArchive(path, fault)
    case .store(let error): error
    }
  }
}
