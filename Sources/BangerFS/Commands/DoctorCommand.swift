// doctor: whether this machine has what mounting and materializing need.

import ArgumentParser
import Ext4Image
import Glibc
import ImageStore
import SystemPackage

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check what this machine has, and say what is missing."
  )

  @OptionGroup var cache: CacheOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let findings = [
      Self.device(), Self.helper(), Self.otherUsers(), await Self.tools(), cacheDirectory(),
      clones(), Self.openFiles(),
    ].compactMap(\.self)
    var out = StandardOutput()
    switch output.format {
    case .text: for finding in findings { try out.line(finding.line) }
    case .json: try out.line(try JSONDocument(Report(findings: findings)).text())
    }
    try out.flush()
    if findings.contains(where: { $0.state == .missing }) {
      throw ExitCode(ExitStatus.unavailable.rawValue)
    }
  }

  private struct Report: Encodable {
    var findings: [Finding]
  }

  private struct Finding: Encodable {
    enum State: String, Encodable {
      case ok
      /// Something works only in part.
      case limited
      case missing
    }

    var subject: String
    var state: State
    var detail: String
    var remedy: String?

    var line: String {
      let label = Table.pad(state.rawValue, to: 7, .left)
      return "\(label)  \(subject): \(detail)" + (remedy.map { " (\($0))" } ?? "")
    }
  }

  private static func device() -> Finding {
    let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    if descriptor >= 0 {
      close(descriptor)
      return Finding(subject: "/dev/fuse", state: .ok, detail: "can be opened")
    }
    let cause = errno
    return Finding(
      subject: "/dev/fuse",
      state: .missing,
      detail: String(cString: strerror(cause)),
      remedy: cause == EACCES || cause == EPERM
        ? "ask for read and write permission on it" : "load the driver with modprobe fuse"
    )
  }

  private static func helper() -> Finding {
    guard let path = find("fusermount3") else {
      return Finding(
        subject: "fusermount3",
        state: geteuid() == 0 ? .limited : .missing,
        detail: "not found",
        remedy: "install the package fuse3"
      )
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_ISUID != 0, status.st_uid == 0 else {
      return Finding(
        subject: "fusermount3",
        state: geteuid() == 0 ? .limited : .missing,
        detail: "\(path) is not set-user-ID root",
        remedy: "reinstall the package fuse3"
      )
    }
    return Finding(subject: "fusermount3", state: .ok, detail: path)
  }

  private static func find(_ name: String) -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  private static func otherUsers() -> Finding {
    let subject = "allow_other"
    if geteuid() == 0 {
      return Finding(subject: subject, state: .ok, detail: "root may always use it")
    }
    let isAllowed = lines(of: "/etc/fuse.conf").contains {
      $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("user_allow_other")
    }
    return isAllowed
      ? Finding(subject: subject, state: .ok, detail: "allowed in /etc/fuse.conf")
      : Finding(
        subject: subject,
        state: .limited,
        detail: "only root may use it",
        remedy: "add user_allow_other to /etc/fuse.conf"
      )
  }

  private static func lines(of path: String) -> [String] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = max(0, read(descriptor, &buffer, buffer.count))
    return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static func tools() async -> Finding {
    do {
      let tools = try await E2fsTools.find()
      let hasFault = tools.version.largestFile != nil
      return Finding(
        subject: "e2fsprogs",
        state: hasFault ? .limited : .ok,
        detail: "\(tools.version), \(tools.mkfs)",
        remedy: hasFault ? "cannot copy files of 2 GiB and more; 1.47.4 has the fault mended" : nil
      )
    } catch {
      return Finding(
        subject: "e2fsprogs",
        state: .missing,
        detail: "\(error)",
        remedy: error.hint
      )
    }
  }

  private func cacheDirectory() -> Finding {
    do {
      let path = try Wiring.cache(cache).path
      return Finding(subject: "cache", state: .ok, detail: "\(path)")
    } catch {
      let failure = CommandFailure(error)
      return Finding(
        subject: "cache",
        state: .missing,
        detail: failure?.message ?? "\(error)",
        remedy: failure?.hint
      )
    }
  }

  /// Whether earlier results can be cloned; nothing where there is no cache to try it in.
  private func clones() -> Finding? {
    let subject = "clones"
    do {
      guard try Self.sharesBlocks(in: Wiring.cache(cache).path) else {
        return Finding(
          subject: subject,
          state: .limited,
          detail: "the cache's file system cannot share blocks: file systems are built anew",
          remedy: "put the cache, and what is made, on btrfs or XFS"
        )
      }
      return Finding(subject: subject, state: .ok, detail: "earlier results are cloned")
    } catch {
      return nil
    }
  }

  /// Tries it with two files that have no names.
  private static func sharesBlocks(in directory: FilePath) throws -> Bool {
    // O_TMPFILE, which Swift's view of glibc does not have. Source: open(2).
    let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY
    let files = (0..<2).map { _ in
      directory.withPlatformString { open($0, O_RDWR | O_CLOEXEC | unnamed, 0o600) }
    }
    defer { for file in files where file >= 0 { close(file) } }
    guard files.allSatisfy({ $0 >= 0 }) else { return false }
    let handles = files.map { OpenFile(FileDescriptor(rawValue: $0), path: directory) }
    let block = [UInt8](repeating: 1, count: 4096)
    guard write(files[0], block, block.count) == block.count else { return false }
    return try FileClone.share(handles[0], with: handles[1])
  }

  /// An image keeps one file open for each of its layers; the soft limit is raised when it must be.
  private static func openFiles() -> Finding {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return Finding(subject: "open files", state: .limited, detail: "limit unknown")
    }
    let wanted: rlim_t = 256
    return Finding(
      subject: "open files",
      state: limit.rlim_max >= wanted ? .ok : .limited,
      detail: "\(limit.rlim_max)",
      remedy: limit.rlim_max >= wanted ? nil : "images with many layers need a higher hard limit"
    )
  }
}
