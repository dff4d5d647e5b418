// A mount for this process's own use, in a directory of its own below the cache. It goes with the
// command; what a killed command left is cleared by the next one.

import Dispatch
import FuseServer
import Glibc
import Layers
import SystemPackage
import TreeMount
import Threading

/// A private mount of an image, to be copied from.
final class PrivateMount: Sendable {
  let path: FilePath
  private let session: FuseSession
  private let directoryDescriptor: Int32
  private let failure: FirstFailure
  private let isRemoved = Mutex(false)

  /// The first read that failed: mkfs.ext4 only knows that there was one.
  private final class FirstFailure: Sendable {
    private let error = Mutex<LayersError?>(nil)

    func note(_ failure: ReadFailure) {
      error.withLock { $0 = $0 ?? failure.error }
    }

    var value: LayersError? { error.withLock { $0 } }
  }

  /// Mounts below `directory`; the mount table shows `name` as the source.
  init(_ files: ImageFiles, named name: String, below directory: FilePath) throws {
    let directory = try Self.makeDirectory(directory)
    Self.clearAbandoned(in: directory)
    let (path, descriptor) = try Self.makeMountpoint(in: directory)
    let failure = FirstFailure()
    let pump = Pump(files, for: .walker(mountpoint: path.bytes))
    let fileSystem = TreeFileSystem(files: files, pump: pump) { failure.note($0) }
    let options = FuseOptions(
      for: .copying,
      of: files,
      sourceName: Array(name.utf8)
    )
    do {
      session = try FuseSession(
        serving: fileSystem,
        at: path.bytes,
        options: options,
        pusher: pump
      )
    } catch {
      Self.remove(path, descriptor)
      throw CommandFailure(error, at: path.string)
    }
    self.path = path
    self.failure = failure
    directoryDescriptor = descriptor
  }

  /// Why a read failed, if one did.
  var readFailure: LayersError? { failure.value }

  var requestCounts: [String: UInt64] { session.requestCounts }

  /// Begins to unmount, beside whatever else there is to do: the kernel has an image's worth of pages to
  /// free.
  func release() {
    DispatchQueue.global().async { self.end() }
  }

  /// Unmounts, and removes the directory; returns when that is done, whoever began it.
  ///
  /// Whatever ends the command calls this.
  func end() {
    session.stop()
    _ = session.waitUntilEnded()
    isRemoved.withLock { isRemoved in
      if !isRemoved { Self.remove(path, directoryDescriptor) }
      isRemoved = true
    }
  }

  // MARK: The directory

  /// Makes the directory if it is missing.
  ///
  /// - Returns: Its path as the mount table has it, by which abandoned mounts are found.
  private static func makeDirectory(_ directory: FilePath) throws(CommandFailure) -> FilePath {
    let made = directory.withPlatformString { mkdir($0, 0o700) == 0 || errno == EEXIST }
    guard made, let resolved = directory.withPlatformString({ realpath($0, nil) }) else {
      throw CommandFailure(
        .cannotCreate,
        "\(directory): \(String(cString: strerror(errno)))"
      )
    }
    defer { free(resolved) }
    return FilePath(platformString: resolved)
  }

  /// A mountpoint in a new directory that is locked for as long as we live, so that others can tell
  /// without asking the mount, which does not answer while we are suspended.
  private static func makeMountpoint(
    in directory: FilePath
  ) throws(CommandFailure) -> (FilePath, Int32) {
    while true {
      let name = String(UInt64.random(in: .min ... .max), radix: 16)
      let path = directory.appending(name)
      try make(path)
      let descriptor = path.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
      if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        let mountpoint = path.appending(mountpointName)
        try make(mountpoint)
        return (mountpoint, descriptor)
      }
      // Somebody clearing up took it for abandoned in the instant before the lock.
      close(descriptor)
    }
  }

  private static let mountpointName = "root"

  private static func make(_ path: FilePath) throws(CommandFailure) {
    guard path.withPlatformString({ mkdir($0, 0o700) }) == 0 else {
      throw CommandFailure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
    }
  }

  private static func remove(_ mountpoint: FilePath, _ descriptor: Int32) {
    mountpoint.withPlatformString { _ = rmdir($0) }
    mountpoint.removingLastComponent().withPlatformString { _ = rmdir($0) }
    close(descriptor)
  }

  /// Removes the mounts and directories of commands that were killed.
  ///
  /// Best effort.
  private static func clearAbandoned(in directory: FilePath) {
    guard let stream = directory.withPlatformString({ opendir($0) }) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { clear(directory.appending(name)) }
    }
  }

  private static func clear(_ path: FilePath) {
    let descriptor = path.withPlatformString {
      open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    }
    guard descriptor >= 0 else { return }
    // Locked: another command's, and alive.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      return
    }
    let mountpoint = path.appending(mountpointName)
    do throws(FuseError) {
      _ = try MountTable.clearDeadMount(at: mountpoint.bytes)
    } catch {
      // The directory stays with it; the next command tries again.
    }
    remove(mountpoint, descriptor)
  }
}

extension FilePath {
  /// The path's bytes, which need not be text.
  var bytes: [UInt8] {
    withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
  }
}
