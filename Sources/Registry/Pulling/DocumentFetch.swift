// Manifests, indexes and configurations: fetched whole, within bounds, and held against their digests.
// Which of them is wanted is the business of ImageSelection.
// Source: OCI distribution-spec 1.1, "Pulling manifests"; CVE-2021-41190 for the media types.

import FoundationEssentials
import ImageStore
import OCISpec

/// A manifest or index as a registry gave it.
struct FetchedDocument: Sendable {
  let descriptor: Descriptor
  let bytes: [UInt8]
}

/// Fetches documents from one registry.
struct DocumentFetch: Sendable {
  let session: RegistrySession
  let hasAlternative: Bool
  let limits: SpecLimits
  let retries: RetryPolicy
  let events: @Sendable (PullEvent) -> Void

  /// The types that are asked for, the newer ones first.
  ///
  /// A registry that has another one converts it or refuses; schema 1 is not wanted in any case.
  private static let accepted = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ]

  private static var accept: (name: String, value: String) {
    ("Accept", accepted.joined(separator: ", "))
  }

  /// The digest that a tag has now, or `nil` where the registry does not say.
  func digest(ofTag tag: String) async throws(PullFault) -> Digest? {
    try await retrying { () throws(RequestFailure) in
      let target = RequestFailure.Target.manifest(tag)
      let answer = try await session.send(
        .head,
        "manifests/\(tag)",
        target: target,
        fields: [Self.accept]
      )
      guard answer.http.status == 200 else { return nil }
      return Self.statedDigest(answer)
    }
  }

  /// The document with a tag, or with a digest.
  func manifest(_ name: ImageName) async throws(PullFault) -> FetchedDocument {
    let reference = name.digest?.description ?? name.tag ?? "latest"
    return try await retrying { () throws(RequestFailure) in
      let answer = try await get("manifests/\(reference)", .manifest(reference))
      return try await document(answer, reference, digest: name.digest)
    }
  }

  /// The document that an index names.
  func manifest(_ descriptor: Descriptor) async throws(PullFault) -> FetchedDocument {
    let reference = descriptor.digest.description
    return try await retrying { () throws(RequestFailure) in
      let answer = try await get("manifests/\(reference)", .manifest(reference))
      let found = try await document(answer, reference, digest: descriptor.digest)
      let fault: RequestFault? =
        if UInt64(found.bytes.count) != descriptor.byteCount {
          .wrongLength(expected: descriptor.byteCount, actual: UInt64(found.bytes.count))
        } else if found.descriptor.mediaType != descriptor.mediaType {
          .contentType(
            found.descriptor.mediaType.description,
            document: descriptor.mediaType.description
          )
        } else {
          nil
        }
      if let fault { throw session.failure(fault, .manifest(reference)) }
      return FetchedDocument(descriptor: descriptor, bytes: found.bytes)
    }
  }

  /// The configuration of an image.
  func configuration(_ descriptor: Descriptor) async throws(PullFault) -> [UInt8] {
    let target = RequestFailure.Target.configuration(descriptor.digest)
    guard descriptor.byteCount <= limits.documentByteCount else {
      throw .request(session.failure(.tooLarge(limit: limits.documentByteCount), target))
    }
    return try await retrying { () throws(RequestFailure) in
      let answer = try await get("blobs/\(descriptor.digest)", target)
      let bytes = try await body(answer, upTo: descriptor.byteCount, target)
      guard UInt64(bytes.count) == descriptor.byteCount else {
        let actual = UInt64(bytes.count)
        throw session.failure(.wrongLength(expected: descriptor.byteCount, actual: actual), target)
      }
      try check(bytes, descriptor.digest, target)
      return bytes
    }
  }

  // MARK: One attempt

  private func get(
    _ path: String,
    _ target: RequestFailure.Target
  ) async throws(RequestFailure) -> WebAnswer {
    let isManifest = if case .manifest = target { true } else { false }
    let fields = isManifest ? [Self.accept] : []
    let answer = try await session.send(.get, path, target: target, fields: fields)
    guard answer.http.status == 200 else { throw await session.refusal(answer, target) }
    return answer
  }

  private func document(
    _ answer: WebAnswer,
    _ reference: String,
    digest: Digest?
  ) async throws(RequestFailure) -> FetchedDocument {
    let target = RequestFailure.Target.manifest(reference)
    let bytes = try await body(answer, upTo: limits.documentByteCount, target)
    // What a tag means only the registry knows; that it sent what it meant can be checked.
    let stated = digest ?? Self.statedDigest(answer)
    if let stated { try check(bytes, stated, target) }
    let mediaType: MediaType
    do {
      let peek = try DocumentPeek(bytes)
      mediaType = try peek.mediaType(sentAs: answer.http.field("Content-Type"))
    } catch {
      throw session.failure(error, target)
    }
    let descriptor = Descriptor(
      mediaType: mediaType,
      digest: stated ?? DigestHasher.digest(of: bytes, .sha256),
      byteCount: UInt64(bytes.count)
    )
    return FetchedDocument(descriptor: descriptor, bytes: bytes)
  }

  private func body(
    _ answer: WebAnswer,
    upTo limit: UInt64,
    _ target: RequestFailure.Target
  ) async throws(RequestFailure) -> [UInt8] {
    do {
      return try await answer.http.bytes(upTo: limit)
    } catch {
      let via = answer.wasSentOn ? answer.place : nil
      throw session.failure(RequestFault(error), target, via: via)
    }
  }

  private func check(
    _ bytes: [UInt8],
    _ digest: Digest,
    _ target: RequestFailure.Target
  ) throws(RequestFailure) {
    let actual = DigestHasher.digest(of: bytes, digest.algorithm)
    guard actual != digest else { return }
    throw session.failure(.wrongDigest(expected: digest, actual: actual), target)
  }

  private static func statedDigest(_ answer: WebAnswer) -> Digest? {
    guard let text = answer.http.field("Docker-Content-Digest") else { return nil }
    do { return try Digest(text) } catch { return nil }
  }

  private func retrying<Value: Sendable>(
    _ attempt: () async throws(RequestFailure) -> Value
  ) async throws(PullFault) -> Value {
    var counter = RetryCounter(retries, hasAlternative: hasAlternative)
    while true {
      do throws(RequestFailure) {
        do throws(RequestFailure) {
          return try await attempt()
        } catch {
          try await counter.pause(after: error, gained: 0) { delay in
            events(.retrying(nil, reason: "\(error.fault)", after: delay))
          }
        }
      } catch {
        throw .request(error)
      }
    }
  }
}
