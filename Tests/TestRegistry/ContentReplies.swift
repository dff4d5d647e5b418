// What a well-behaved registry says: the pull half of the distribution protocol, with ranges.
// Source: OCI distribution-spec 1.1, "Pull"; RFC 9110, section 14.

/// Truthful replies out of a registry's content.
struct ContentReplies: Sendable {
  let contents: RegistryContents

  /// The repository that a path is about: what stands between `/v2/` and the kind of thing.
  static func repository(of path: String) -> String? {
    guard path.hasPrefix("/v2/") else { return nil }
    for kind in ["/manifests/", "/blobs/", "/tags/"] {
      if let range = path.firstRange(of: kind) {
        return String(path[path.index(path.startIndex, offsetBy: 4)..<range.lowerBound])
      }
    }
    return nil
  }

  func reply(to request: RegistryRequest) -> Reply {
    guard ["GET", "HEAD"].contains(request.method) else { return .error(405, "UNSUPPORTED") }
    let path = request.path
    let last = String(path.split(separator: "/").last ?? "")
    if path == "/v2/" { return Reply(200, [Self.json], text: "{}") }
    if path.hasPrefix("/files/") {
      return contents.blob(last).map { Self.ranged($0, etag: last, request) } ?? Reply(404)
    }
    guard let repository = Self.repository(of: path) else { return .error(404, "UNSUPPORTED") }
    guard contents.exists(repository) else { return .error(404, "NAME_UNKNOWN") }
    if path.contains("/manifests/") { return manifest(last, in: repository) }
    if path.contains("/tags/") { return tags(in: repository) }
    return contents.blob(last, in: repository).map { Self.ranged($0, etag: last, request) }
      ?? .error(404, "BLOB_UNKNOWN")
  }

  private func manifest(_ reference: String, in repository: String) -> Reply {
    guard let (manifest, digest) = contents.manifest(reference, in: repository) else {
      return .error(404, "MANIFEST_UNKNOWN")
    }
    return Reply(
      200,
      [
        HeaderField("Content-Type", manifest.mediaType),
        HeaderField("Docker-Content-Digest", digest),
        HeaderField("ETag", "\"\(digest)\""),
      ],
      body: GeneratedBytes(manifest.bytes)
    )
  }

  private func tags(in repository: String) -> Reply {
    let tags = contents.tags(in: repository).map { "\"\($0)\"" }.joined(separator: ",")
    return Reply(200, [Self.json], text: #"{"name":"\#(repository)","tags":[\#(tags)]}"#)
  }

  private static let json = HeaderField("Content-Type", "application/json")

  /// All of it, or the one range that is asked for.
  private static func ranged(
    _ bytes: GeneratedBytes,
    etag digest: String,
    _ request: RegistryRequest
  ) -> Reply {
    let headers = [
      HeaderField("Content-Type", "application/octet-stream"),
      HeaderField("Docker-Content-Digest", digest),
      HeaderField("ETag", "\"\(digest)\""),
      HeaderField("Accept-Ranges", "bytes"),
    ]
    let isOutdated = request["If-Range"].map { $0 != "\"\(digest)\"" } ?? false
    guard let text = request.range, !isOutdated,
      let match = text.wholeMatch(of: /bytes=(\d*)-(\d*)/)
    else { return Reply(200, headers, body: bytes) }
    let count = bytes.byteCount
    let (first, last) = (Int(match.output.1), Int(match.output.2))
    let range: Range<Int>
    switch (first, last) {
    case (.some(let first), let last) where first < count && first <= last ?? first:
      range = first..<min(last ?? count - 1, count - 1) + 1
    case (nil, .some(let last)) where last > 0 && count > 0:
      range = max(0, count - last)..<count
    default:
      return .error(416, "UNSUPPORTED", "no", [HeaderField("Content-Range", "bytes */\(count)")])
    }
    let place = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(count)"
    return Reply(
      206,
      headers + [HeaderField("Content-Range", place)],
      body: bytes.slice(range)
    )
  }
}
