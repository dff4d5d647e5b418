// Making and removing the mount itself: directly where that is permitted, else through fusermount3.
// Knows nothing of what is served. Source: mount(2), umount2(2), fuse(4).

import CFuse3
import Glibc

/// A mount of ours, for as long as this program has to remove it.
struct MountedDevice: ~Copyable {
  /// The descriptor of /dev/fuse, close-on-exec.
  private let device: OwnedDescriptor
  let place: MountPlace

  init(device: consuming OwnedDescriptor, place: MountPlace) {
    self.device = device
    self.place = place
  }

  /// Gives the descriptor away; the mount stays to be removed by its place.
  consuming func takeDevice() -> OwnedDescriptor { device }
}

/// Where a mount of ours is, and how to recognise it later.
struct MountPlace: Sendable, Equatable {
  /// Without symbolic links, `.` and `..`, as the mount table has it.
  let path: [UInt8]
  let device: MountTable.DeviceNumber

  /// Removes the mount, at once from sight, and for good when nobody uses it any more.
  ///
  /// Does nothing if it is gone already, so that what others mounted there since is left alone.
  /// Whoever serves the mount must go on meanwhile: the helper may have to look at it.
  ///
  /// - Returns: why the mount is still there, if it is.
  func detach() -> FuseError? {
    do throws(FuseError) {
      if try MountTable.current().mount(at: path)?.device == device {
        try Mounter.unmount(path, isLazy: true)
      }
      return nil
    } catch {
      return error
    }
  }
}

/// Mounting and unmounting.
enum Mounter {
  /// Mounts at a directory.
  static func mount(at path: [UInt8], options: FuseOptions) throws(FuseError) -> MountedDevice {
    let path = try resolve(path)
    if let mount = try MountTable.current().mount(at: path), mount.isOurs {
      throw mount.isDead ? .mountpointDead : .alreadyMounted
    }
    let device = try openConnection(at: path, options: options)
    guard let mount = try MountTable.current().mount(at: path), mount.isOurs else {
      throw .notMounted
    }
    return MountedDevice(device: device, place: MountPlace(path: path, device: mount.device))
  }

  /// Unmounts what is at `path`, whatever it is, as far as this user may.
  static func unmount(_ path: [UInt8], isLazy: Bool) throws(FuseError) {
    let flags = Int32(UMOUNT_NOFOLLOW) | (isLazy ? Int32(MNT_DETACH) : 0)
    let pathInC = cString(path)
    guard umount2(pathInC, flags) != 0 else { return }
    let cause = POSIXErrno.current
    guard cause.rawValue == EPERM else { throw .unmountRefused(cause) }
    try Fusermount.unmount(path, isLazy: isLazy)
  }

  /// The directory's path as the mount table will have it.
  private static func resolve(_ path: [UInt8]) throws(FuseError) -> [UInt8] {
    guard !path.isEmpty, !path.contains(0) else { throw .invalidPath }
    let pathInC = cString(path)
    guard let resolved = realpath(pathInC, nil) else { throw mountpointError(.current) }
    defer { free(resolved) }
    var status = stat()
    guard stat(resolved, &status) == 0 else { throw mountpointError(.current) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .mountpointNotADirectory }
    return Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
  }

  private static func mountpointError(_ cause: POSIXErrno) -> FuseError {
    switch cause.rawValue {
    case ENOENT: .mountpointMissing
    case ENOTDIR: .mountpointNotADirectory
    case ENOTCONN, ECONNABORTED: .mountpointDead
    default: .mountpointUnreachable(cause)
    }
  }

  private static func openConnection(
    at path: [UInt8],
    options: FuseOptions
  ) throws(FuseError) -> OwnedDescriptor {
    guard let device = try mountDirectly(at: path, options: options) else {
      return try Fusermount.mount(at: path, options: options)
    }
    return device
  }

  /// Mounts with mount(2); `nil` when this user may not.
  private static func mountDirectly(
    at path: [UInt8],
    options: FuseOptions
  ) throws(FuseError) -> OwnedDescriptor? {
    let device = try openDevice()
    let data = options.kernelOptions(
      descriptor: device.number,
      userID: getuid(),
      groupID: getgid()
    )
    let flags = UInt(MS_RDONLY | MS_NOSUID | MS_NODEV)
    let source = cString(options.sourceName)
    let target = cString(path)
    guard Glibc.mount(source, target, FuseOptions.mountType, flags, data) != 0 else {
      return device
    }
    let cause = POSIXErrno.current
    switch cause.rawValue {
    case EPERM: return nil
    case ENODEV: throw .deviceMissing
    default: throw .mountRefused(cause)
    }
  }

  static func openDevice() throws(FuseError) -> OwnedDescriptor {
    let number = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    let cause = POSIXErrno.current
    guard number < 0 else { return OwnedDescriptor(open: number) }
    switch cause.rawValue {
    case ENOENT, ENODEV, ENXIO: throw .deviceMissing
    case EACCES, EPERM: throw .deviceNotPermitted
    default: throw .deviceUnusable(cause)
    }
  }
}
