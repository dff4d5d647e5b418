// What may go from the cache: downloads that nobody continues and blobs that no name needs; then
// names, by policy, and the blobs that they alone needed; with every blob what was derived from it. What a mount or a running command
// uses stays, and so does the name of an image that is in use.
//
// All of it under the lock of the names: nobody can give a name to a blob that is about to go. A blob
// that has no name yet is held by whoever is bringing the image. Only tools that know neither lock
// can lose what they put there just now; they find that out when they write the name.

import Glibc
package import OCISpec
import SystemPackage

/// Which images have to go; what no image needs always does.
package struct PrunePolicy: Sendable {
  /// Every image that is not in use, and everything that can be made again.
  package var removesEverything = false
  /// Images that were last used longer ago than this, in seconds.
  package var longestUnusedSeconds: UInt64?
  /// What images, what was derived from them and finished file systems may take together.
  ///
  /// The last go first, because they can be made again; of each kind those used longest ago.
  package var byteLimit: UInt64?
  /// Whether to only find out what would go.
  package var isDryRun = false

  package init() {}
}

/// What went, or would go, and what stays because it is in use.
package struct PruneReport: Sendable, Equatable {
  /// Names and manifests of images that are no longer listed.
  package var images: [Image] = []
  package var blobs = StorageAmount()
  package var partials = StorageAmount()
  /// Indexes and copies of layers, merged trees, and records of archives.
  package var derivedFiles = StorageAmount()
  /// Finished file systems; where others share their blocks, less than that is made free.
  package var results = StorageAmount()
  /// Images that the policy would remove and that somebody uses.
  package var imagesInUse: [Image] = []
  /// Blobs and partial downloads that no image needs and that somebody uses.
  package var blobsInUse: [Digest] = []

  package struct Image: Sendable, Equatable {
    package let name: String?
    package let digest: Digest
  }
}

extension ImageCache {
  /// Removes what the policy says.
  ///
  /// `now` is in seconds since 1970.
  package func prune(
    _ policy: PrunePolicy = PrunePolicy(),
    now: Int64 = Int64(time(nil))
  ) throws(ImageStoreError) -> PruneReport {
    let lock = try directory.lockNames()
    defer { lock.release() }
    var report = PruneReport()
    // What no name stands in the way of goes first: writing new names takes room, and a full disk may
    // be why we are here.
    try removePartials(policy, &report)
    try removeDerivedFiles(policy, now: now, &report)
    let listed = try plan(readIndex().manifests).needed
    try removeBlobs({ !listed.contains($0) }, policy, &report)
    try removeResults(policy, now: now, beside: byteCount(of: listed), &report)

    let first = report
    var needed: Set<Digest> = []
    try changeLockedNames { (index) throws(ImageStoreError) in
      // From the start, because another tool may have changed the names meanwhile.
      report = first
      var plan = try plan(index.entries)
      try plan.apply(policy, now: now, &report)
      needed = plan.needed
      index.remove { plan.unwanted.contains($0) }
      return !policy.isDryRun && !report.images.isEmpty
    }
    try removeBlobs({ listed.contains($0) && !needed.contains($0) }, policy, &report)
    if !policy.isDryRun { directory.removeUnheldLocks() }
    return report
  }

  private func plan(_ entries: [Descriptor]) throws(ImageStoreError) -> PrunePlan {
    let source = CacheSnapshot(self, index: ImageIndex(manifests: entries))
    return try PrunePlan(self, source: source, entries: entries)
  }

  private func removeBlobs(
    _ isUnneeded: (Digest) -> Bool,
    _ policy: PrunePolicy,
    _ report: inout PruneReport
  ) throws(ImageStoreError) {
    let derived = try directory.derivedFiles()
    for file in try blobs.files() {
      guard let digest = file.digest, isUnneeded(digest) else { continue }
      switch try blobs.remove(digest, isDryRun: policy.isDryRun) {
      case .removed:
        report.blobs.add(file.facts)
        for derived in derived[digest] ?? [] { report.derivedFiles.add(derived.facts) }
        if !policy.isDryRun { directory.removeFiles(of: digest) }
      case .inUse: report.blobsInUse.append(digest)
      case .absent: continue
      }
    }
  }

  /// Whoever writes to a partial file has its lock.
  private func removePartials(
    _ policy: PrunePolicy,
    _ report: inout PruneReport
  ) throws(ImageStoreError) {
    for (digest, facts) in try partials() {
      guard let lock = try directory.tryLockIngest(digest) else {
        report.blobsInUse.append(digest)
        continue
      }
      defer { lock.release() }
      do {
        // Whoever had the lock may have made it a blob since we looked.
        guard try ingest.status(of: PartialFile.name(digest)) != nil else { continue }
        report.partials.add(facts)
        if !policy.isDryRun { try ingest.unlink(PartialFile.name(digest)) }
      } catch {
        throw .system("remove", ingest.path.appending(PartialFile.name(digest)), error)
      }
    }
  }

  /// What blobs take with what was derived from them.
  private func byteCount(of digests: Set<Digest>) throws(ImageStoreError) -> UInt64 {
    let sizes = try PrunePlan.sizes(in: self)
    return digests.reduce(0) { $0.addingReportingOverflow(sizes[$1] ?? 0).partialValue }
  }

  /// Removes finished file systems that were not used for long, and others for which there is no room
  /// beside `images` bytes.
  private func removeResults(
    _ policy: PrunePolicy,
    now: Int64,
    beside images: UInt64,
    _ report: inout PruneReport
  ) throws(ImageStoreError) {
    let results = try directory.keptResults().sorted { $0.facts.lastUse < $1.facts.lastUse }
    var total = results.reduce(images) {
      $0.addingReportingOverflow($1.facts.allocatedByteCount).partialValue
    }
    for (name, facts) in results {
      let isTooMuch = policy.byteLimit.map { total > $0 } ?? false
      guard policy.removesEverything || isTooMuch || policy.isTooOld(facts.lastUse, now: now)
      else { continue }
      report.results.add(facts)
      if !policy.isDryRun { try directory.removeResult(name) }
      total -= min(total, facts.allocatedByteCount)
    }
  }

  /// Removes what was made of layers that are not in this cache, of layouts and archives elsewhere,
  /// where it was not used for long; whoever has such a file open keeps it.
  private func removeDerivedFiles(
    _ policy: PrunePolicy,
    now: Int64,
    _ report: inout PruneReport
  ) throws(ImageStoreError) {
    for facts in directory.removeEarlierVersions(isDryRun: policy.isDryRun) {
      report.derivedFiles.add(facts)
    }
    guard policy.removesEverything || policy.longestUnusedSeconds != nil else { return }
    for (digest, files) in try directory.derivedFiles() {
      // With its blob it goes or stays.
      if try blobs.facts(of: digest) != nil { continue }
      let unused = files.filter {
        policy.removesEverything || policy.isTooOld($0.facts.lastUse, now: now)
      }
      for file in unused {
        report.derivedFiles.add(file.facts)
        if !policy.isDryRun { try directory.remove(file.name) }
      }
      // With the last of them go what was noted of them, and the locks.
      if unused.count == files.count, !policy.isDryRun { directory.removeFiles(of: digest) }
    }
    for (name, facts) in try directory.archiveRecords()
    where policy.removesEverything || policy.isTooOld(facts.lastUse, now: now) {
      report.derivedFiles.add(facts)
      if !policy.isDryRun { try directory.removeArchiveRecord(name) }
    }
  }
}

extension PrunePolicy {
  func isTooOld(_ lastUse: Int64, now: Int64) -> Bool {
    guard let longest = longestUnusedSeconds else { return false }
    return now > lastUse && UInt64(now.subtractingReportingOverflow(lastUse).partialValue) > longest
  }
}

extension CacheKind {
  /// What takes space; the notes of what was verified and checked take none to speak of.
  static let derived: [CacheKind] = [.index, .copies, .trees]
}

extension CacheDirectory {
  /// What takes space of what was made of blobs, by blob.
  func derivedFiles() throws(ImageStoreError) -> [Digest: [(name: CacheFileName, facts: FileFacts)]]
  {
    var files: [Digest: [(name: CacheFileName, facts: FileFacts)]] = [:]
    for kind in CacheKind.derived {
      for file in try self.files(kind) { files[file.name.blob, default: []].append(file) }
    }
    return files
  }
}
