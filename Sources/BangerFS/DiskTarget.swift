// Where a file system goes: into a file, or onto a block device by way of a file in the cache.

import Ext4Image
import FileTree
import Glibc
import ImageStore
import SystemPackage

/// The output of a command that makes a file system.
enum DiskTarget: Sendable {
  case file(FilePath)
  /// Open for ourselves alone, until it is closed.
  case device(BlockDevice)

  /// Checks the output; nothing is written.
  init(_ output: String, isDevice: Bool) throws {
    guard isDevice else {
      try Self.refuseDevice(output)
      self = .file(try OutputPlace(checking: output).path)
      return
    }
    do throws(Ext4Error) {
      self = .device(try BlockDevice(opening: FilePath(output)))
    } catch {
      guard case .systemCall(_, _, .noSuchFileOrDirectory) = error else { throw error }
      throw CommandFailure(.notFound, "\(output): there is no such device")
    }
  }

  private static func refuseDevice(_ output: String) throws(CommandFailure) {
    var status = stat()
    guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFBLK else { return }
    throw CommandFailure(
      .cannotCreate,
      "\(output): is a block device",
      hint: "name a file, or write to it with --device; what is on it is lost then"
    )
  }

  /// The size that the output has already.
  var byteCount: UInt64? {
    if case .device(let device) = self { device.byteCount } else { nil }
  }

  func close() {
    if case .device(let device) = self { device.close() }
  }

  /// Where the file system is made, for one that goes elsewhere afterwards too.
  ///
  /// One place for each device, so that what a killed run left is replaced by the next.
  func buildPath(in cache: CacheDirectory) throws(CommandFailure) -> FilePath {
    switch self {
    case .file(let path): return path
    case .device(let device):
      var status = stat()
      let directory = cache.path.appending("banger/devices")
      guard device.path.withPlatformString({ stat($0, &status) }) == 0,
        directory.withPlatformString({ mkdir($0, 0o700) == 0 || errno == EEXIST })
      else {
        throw CommandFailure(.inputOutput, "\(directory): \(String(cString: strerror(errno)))")
      }
      return directory.appending("\(status.st_rdev).ext4")
    }
  }

  /// Writes a finished file to the device, if that is where it goes, and removes it.
  func deliver(_ result: Ext4Result, _ progress: Progress) throws -> Ext4Result {
    guard case .device(let device) = self else { return result }
    let descriptor = result.path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
    let cause = errno
    result.path.withPlatformString { _ = unlink($0) }
    guard descriptor >= 0 else {
      throw CommandFailure(.inputOutput, "\(result.path): \(String(cString: strerror(cause)))")
    }
    defer { Glibc.close(descriptor) }
    let image = OpenFile(FileDescriptor(rawValue: descriptor), path: result.path)
    progress.begin(
      ProgressActivity(
        kind: .writeDevice,
        title: "writing to the device",
        byteCount: device.byteCount
      )
    )
    try device.write(image) { done, _ in progress.set(done) }
    progress.end()
    var written = result
    written.path = device.path
    return written
  }
}
