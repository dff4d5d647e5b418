// From files that can be read to a finished ext4 file: a private mount, and a build from it.

import Ext4Image
import ImageStore
import Layers
import SystemPackage

/// Makes file systems of trees.
struct DiskMaker: Sendable {
  let tools: E2fsTools
  let cache: CacheDirectory
  let progress: Progress.Style
  /// Where to tell what the private mount was asked for; for tests.
  var requestCounts: String?

  /// Builds at `place`; the mount table calls the source by `name`.
  func make(
    _ files: ImageFiles,
    named name: String,
    at place: OutputPlace,
    _ options: Ext4Options
  ) async throws -> Ext4Result {
    let mountpoints = cache.path.appending("banger/mounts")
    let mount = try PrivateMount(files, named: name, below: mountpoints)
    defer { mount.end() }
    let progress = Progress(progress)
    defer { progress.close() }
    do {
      let result = try await Ext4Builder(tools: tools).build(
        files.tree,
        from: mount.path,
        to: place.path,
        options: options,
        isSourceSound: { mount.readFailure == nil },
        progress: BuildProgress(progress).show
      )
      progress.end()
      if let requestCounts { try RequestCounts.write(mount.requestCounts, to: requestCounts) }
      return result
    } catch {
      // What the layers said is the cause of what the tools say.
      throw mount.readFailure.map { CommandFailure($0) } ?? error
    }
  }
}
