// The full name of an image in a registry: what a registry is asked for, and what the image is called
// in the cache.
// Source: distribution/reference, "Normalized named".

/// A registry, a repository in it, and a tag or a digest.
package struct ImageName: Hashable, Sendable {
  /// The registry as users call it, in lower case: `docker.io`, `ghcr.io`, `localhost:5000`.
  ///
  /// One that only its capitals tell from a repository of Docker Hub keeps them.
  package let domain: String
  /// The whole repository: `library/debian`.
  package let repository: String
  /// `nil` exactly where there is a digest, which decides.
  package let tag: String?
  package let digest: Digest?

  package static let dockerHub = "docker.io"

  /// Completes a name as Docker does.
  ///
  /// Without tag and digest `latest` is meant; a digest makes a tag irrelevant. `path` and `tag` must
  /// be valid, as those of a `RegistryReference` are.
  package init(domain: String, path: String, tag: String?, digest: Digest?) {
    // The names of hosts have no case (RFC 4343); rules about them and credentials for them do.
    let folded = domain.lowercased()
    let domain = RegistryReference.namesRegistry(folded.utf8) ? folded : domain
    let isDockerHub = ["index.docker.io", "registry-1.docker.io", Self.dockerHub].contains(domain)
    self.domain = isDockerHub ? Self.dockerHub : domain
    repository = isDockerHub && !path.utf8.contains(UInt8(ascii: "/")) ? "library/\(path)" : path
    self.tag = digest == nil ? tag ?? "latest" : nil
    self.digest = digest
  }

  /// The name without what chooses a version: `docker.io/library/debian`.
  package var repositoryText: String { "\(domain)/\(repository)" }

  /// The one spelling of this name: `docker.io/library/debian:12`, `docker.io/library/debian@sha256:…`.
  package var text: String {
    if let digest { return "\(repositoryText)@\(digest)" }
    return "\(repositoryText):\(tag ?? "latest")"
  }

  /// The same repository at a digest.
  package func at(_ digest: Digest) -> ImageName {
    ImageName(domain: domain, path: repository, tag: nil, digest: digest)
  }
}

extension ImageName: CustomStringConvertible {
  package var description: String { text }
}
