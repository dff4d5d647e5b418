// Whether the cache is what it says: every blob its digest, every document readable, every image whole.
// Indexes of layers are not looked at: they are checked whenever they are used.

package import OCISpec
package import SystemPackage

/// Something in the cache that is not as it should be.
package struct CacheFault: Sendable, Equatable {
  package let fault: Fault
  /// Names of images that are not usable because of it.
  package let names: [String]

  package enum Fault: Sendable, Equatable {
    /// A file in `blobs` that is no blob, by its name, its kind or its owner.
    case notABlob(FilePath)
    /// A blob whose content has another digest.
    case wrongContent(Digest, actual: Digest)
    /// A blob that an image needs and that is not there.
    case missing(Digest)
    /// A blob that an image needs is there in another size.
    case wrongSize(Digest, expected: UInt64, actual: UInt64)
    /// A document, with the right digest, that cannot be used.
    case badDocument(Digest, SpecError)
    /// A blob that cannot be read.
    case unreadable(Digest, ImageStoreError)
  }
}

/// What a verification found.
package struct CacheVerification: Sendable, Equatable {
  package var blobCount = 0
  package var byteCount: UInt64 = 0
  package var faults: [CacheFault] = []
  /// Wrong blobs that were removed.
  package var removed: [Digest] = []
  /// Wrong blobs that stay because somebody uses them.
  package var inUse: [Digest] = []
}

extension ImageCache {
  /// Reads and checks everything in the layout.
  ///
  /// `removesFaults` removes blobs whose content is not what their name says, and whatever has a
  /// blob's name and cannot be one; the names of images stay, so that they can be fetched again.
  /// `progress` is called with the bytes read since it was called before.
  package func verify(
    removesFaults: Bool = false,
    progress: (_ byteCount: Int) -> Void = { _ in }
  ) throws(ImageStoreError) -> CacheVerification {
    var result = CacheVerification()
    var faults: [Digest: CacheFault.Fault] = [:]
    var strange: [CacheFault.Fault] = []
    let files = try blobs.files()
    for file in files {
      guard let digest = file.digest else {
        strange.append(.notABlob(file.path))
        continue
      }
      guard file.isPlain else {
        faults[digest] = .notABlob(file.path)
        continue
      }
      if let fault = try check(digest, &result, progress) { faults[digest] = fault }
    }
    if removesFaults { try remove(files, for: faults, &result) }
    let named = try checkReferences(&faults)
    result.faults =
      strange.map { CacheFault(fault: $0, names: []) }
      + faults.sorted { $0.key.description < $1.key.description }
      .map { CacheFault(fault: $0.value, names: (named[$0.key] ?? []).sorted()) }
    return result
  }

  /// Hashes one blob; one that has gone meanwhile is no fault.
  private func check(
    _ digest: Digest,
    _ result: inout CacheVerification,
    _ progress: (Int) -> Void
  ) throws(ImageStoreError) -> CacheFault.Fault? {
    do throws(ImageStoreError) {
      guard let blob = try blobs.open(digest, byteCount: nil) else { return nil }
      result.blobCount += 1
      let actual = try blob.contentDigest { count in
        result.byteCount += UInt64(count)
        progress(count)
      }
      return actual == digest ? nil : .wrongContent(digest, actual: actual)
    } catch {
      return .unreadable(digest, error)
    }
  }

  private func remove(
    _ files: [BlobDirectory.File],
    for faults: [Digest: CacheFault.Fault],
    _ result: inout CacheVerification
  ) throws(ImageStoreError) {
    let lock = try directory.lockNames()
    defer { lock.release() }
    for file in files {
      guard let digest = file.digest, let fault = faults[digest] else { continue }
      // What a failing disk or a full table of files hides may be right.
      if case .unreadable = fault { continue }
      // Somebody may have fetched the blob again since it was looked at.
      switch try blobs.remove(digest, only: file.identity, isDryRun: false) {
      case .removed:
        directory.removeFiles(of: digest)
        result.removed.append(digest)
      case .inUse: result.inUse.append(digest)
      case .absent: continue
      }
    }
  }

  // MARK: References

  /// Adds what images need and do not have, and returns the names that each digest is needed by.
  private func checkReferences(
    _ faults: inout [Digest: CacheFault.Fault]
  ) throws(ImageStoreError) -> [Digest: Set<String>] {
    let source = CacheSnapshot(self, index: try readIndex())
    var references = CacheReferences(source)
    var named: [Digest: Set<String>] = [:]
    for entry in source.index.manifests {
      for part in try references.closure(of: entry) {
        named[part.digest, default: []].formUnion(entry.names.prefix(1))
        guard faults[part.digest] == nil else { continue }
        faults[part.digest] = try fault(of: part, in: source)
      }
    }
    return named
  }

  private func fault(
    of part: Descriptor,
    in source: CacheSnapshot
  ) throws(ImageStoreError) -> CacheFault.Fault? {
    guard try openBlob(part) != nil else {
      guard let facts = try blobs.facts(of: part.digest) else { return .missing(part.digest) }
      return .wrongSize(part.digest, expected: part.byteCount, actual: facts.byteCount)
    }
    do throws(ImageStoreError) {
      switch part.mediaType.kind {
      case .index:
        let bytes = try source.document(part)
        _ = try parsing(.blob(part.digest)) { () throws(SpecError) in
          try ImageIndex(parsing: bytes, as: part.mediaType, limits: source.limits)
        }
      case .manifest: _ = try ImageResolver().read(part, of: "", in: source)
      default: return nil
      }
    } catch {
      switch error {
      // Artifacts and encrypted images are as good as images, to those who can use them.
      case .invalidDocument(_, .artifact), .invalidDocument(_, .encryptedLayer),
        .invalidDocument(_, .unsupportedLayer):
        return nil
      case .invalidDocument(_, let cause): return .badDocument(part.digest, cause)
      // Said of the blob itself.
      default: return error.kind == .invalid ? nil : .unreadable(part.digest, error)
      }
    }
    return nil
  }
}

extension CacheFault: CustomStringConvertible {
  package var description: String {
    let needed = names.isEmpty ? "" : ", needed by \(names.joined(separator: ", "))"
    return "\(fault)\(needed)"
  }
}

extension CacheFault.Fault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notABlob(let path): "\(path): not a blob"
    case .wrongContent(let digest, let actual): "blob \(digest): content is \(actual)"
    case .missing(let digest): "blob \(digest): missing"
    case .wrongSize(let digest, let expected, let actual):
      "blob \(digest): \(actual) bytes, expected \(expected)"
    case .badDocument(let digest, let cause): "blob \(digest): \(cause)"
    case .unreadable(let digest, let cause): "blob \(digest): \(cause)"
    }
  }
}
