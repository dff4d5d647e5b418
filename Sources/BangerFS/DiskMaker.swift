// From files that can be read to a finished ext4 file: a clone of an earlier result, or else a build from
// a private mount, which is kept to be cloned.

import Ext4Image
import FileTree
import ImageStore
import Layers
import SystemPackage

/// Makes file systems of trees.
struct DiskMaker: Sendable {
  let tools: E2fsTools
  let cache: CacheDirectory
  let progress: Progress
  /// Where to tell what the private mount was asked for; for tests.
  var requestCounts: String?

  struct Made: Sendable {
    var result: Ext4Result
    var origin: DiskOrigin
  }

  /// Makes the file system at `path`; the mount table calls its source by `name`.
  ///
  /// With a key, an earlier result that has it is cloned, or this one is kept under it.
  func make(
    _ files: ImageFiles,
    named name: String,
    at path: FilePath,
    _ options: Ext4Options,
    key: [UInt8]? = nil
  ) async throws -> Made {
    let results = ResultCache(directory: cache.resultsPath)
    if let key, let result = try results.clone(key: key, to: path) {
      return Made(result: result, origin: .cloned)
    }
    let result = try await build(files, named: name, at: path, options)
    if let key { keep(result, key, in: results) }
    return Made(result: result, origin: .built)
  }

  /// What cannot be kept is made again the next time.
  private func keep(_ result: Ext4Result, _ key: [UInt8], in results: ResultCache) {
    do throws(Ext4Error) {
      _ = try results.keep(result, key: key)
    } catch {
      progress.hide()
      StandardError.write("warning: cannot keep the result in the cache: \(error)\n")
    }
  }

  private func build(
    _ files: ImageFiles,
    named name: String,
    at path: FilePath,
    _ options: Ext4Options
  ) async throws -> Ext4Result {
    let mountpoints = cache.path.appending("banger/mounts")
    let mount = try PrivateMount(files, named: name, below: mountpoints)
    defer { mount.end() }
    do {
      let result = try await Ext4Builder(tools: tools).build(
        files.tree,
        from: mount.path,
        to: path,
        options: options,
        releaseSource: {
          mount.release()
          return mount.readFailure == nil
        },
        progress: BuildProgress(progress).show
      )
      progress.end()
      if let requestCounts { try RequestCounts.write(mount.requestCounts, to: requestCounts) }
      return result
    } catch {
      // What the layers said is the cause of what the tools say.
      if let cause = mount.readFailure { throw cause }
      throw error
    }
  }
}
