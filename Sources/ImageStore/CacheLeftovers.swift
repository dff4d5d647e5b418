// What the cache keeps beside the layout and its layers, as far as it can go: records of archives, finished
// file systems, and what programs of earlier versions left, which no program of this one reads. Knows no blobs.

import Glibc
import OCISpec
import SystemPackage

extension CacheDirectory {
  /// The records of archives, by name.
  func archiveRecords() throws(ImageStoreError) -> [(name: String, facts: FileFacts)] {
    let records = try ArchiveCache.records(in: self)
    do {
      // Names with a leading dot are files that somebody is still writing.
      return try records.plainFiles().filter { !$0.name.hasPrefix(".") }
    } catch {
      throw .system("list", records.path, error)
    }
  }

  /// Removes the record of an archive, which is made again where it is wanted.
  func removeArchiveRecord(_ name: String) throws(ImageStoreError) {
    let records = try ArchiveCache.records(in: self)
    do {
      try records.unlink(name)
    } catch Errno.noSuchFileOrDirectory {
      // Another process was faster.
    } catch {
      throw .system("remove", records.path.appending(name), error)
    }
  }

  /// The finished file systems, by name.
  func keptResults() throws(ImageStoreError) -> [(name: String, facts: FileFacts)] {
    do {
      return try results.plainFiles().filter { !$0.name.hasPrefix(".") }
    } catch {
      throw .system("list", results.path, error)
    }
  }

  /// Removes a finished file system, which is made again where it is wanted.
  func removeResult(_ name: String) throws(ImageStoreError) {
    do {
      try results.unlink(name)
    } catch Errno.noSuchFileOrDirectory {
      // Another process was faster.
    } catch {
      throw .system("remove", results.path.appending(name), error)
    }
  }

  /// Removes what programs of earlier versions kept of layers, and returns what that was.
  ///
  /// Best effort: what cannot be removed costs only its space. A program of such a version that still
  /// runs keeps what it has open, and cannot keep anything new.
  func removeEarlierVersions(isDryRun: Bool) -> [FileFacts] {
    var removed: [FileFacts] = []
    for kind in CacheKind.allCases {
      _ = Result { () throws(Errno) in
        let parent = try ours.directory(kind.rawValue)
        for name in try parent.names(startingWith: "") {
          guard let number = Int(name), number < version else { continue }
          try Self.remove(name, in: parent, isDryRun: isDryRun, &removed)
        }
      }
    }
    return removed
  }

  /// Removes a version's directory, with one for each algorithm in it and plain files in those.
  private static func remove(
    _ name: String,
    in parent: DirectoryHandle,
    isDryRun: Bool,
    _ removed: inout [FileFacts]
  ) throws(Errno) {
    let place = try parent.directory(name)
    for algorithm in Digest.Algorithm.allCases {
      let directory: DirectoryHandle
      do {
        directory = try place.directory(algorithm.rawValue)
      } catch Errno.noSuchFileOrDirectory {
        continue
      }
      for file in try directory.plainFiles() {
        if !isDryRun { try directory.unlink(file.name) }
        removed.append(file.facts)
      }
      if !isDryRun { try place.removeDirectory(algorithm.rawValue) }
    }
    if !isDryRun { try parent.removeDirectory(name) }
  }
}

extension DirectoryHandle {
  /// The plain files here, those that are still being written too.
  fileprivate func plainFiles() throws(Errno) -> [(name: String, facts: FileFacts)] {
    var files: [(name: String, facts: FileFacts)] = []
    for name in try names(startingWith: "") {
      guard let status = try status(of: name), status.isRegularFile else { continue }
      files.append((name, FileFacts(status)))
    }
    return files
  }
}
