// A place that an image may be fetched from.

package import OCISpec

/// One registry, and what the image is called there.
package struct PullSource: Hashable, Sendable {
  /// What is asked for: of a mirror, its own name for the image.
  ///
  /// Credentials and certificates go by this name's `domain`, which is what users write.
  package let name: ImageName
  /// Whether the user's configuration allows plain HTTP and certificates of unknown authorities.
  package let isInsecure: Bool
  /// Whether it stands in for the registry that was named.
  package let isMirror: Bool

  package init(name: ImageName, isInsecure: Bool, isMirror: Bool) {
    self.name = name
    self.isInsecure = isInsecure
    self.isMirror = isMirror
  }

  /// Where to connect: `HOST[:PORT]`.
  package var host: String {
    name.domain == ImageName.dockerHub ? "registry-1.docker.io" : name.domain
  }

  /// The repository in that registry.
  package var repository: String { name.repository }

  /// Whether the registry is on this machine, where plain HTTP is as good as TLS.
  package var isLoopback: Bool {
    guard let place = WebLocation(authority: host, isSecure: true) else { return false }
    return HostAddress.isThisMachine(place.host)
  }
}
