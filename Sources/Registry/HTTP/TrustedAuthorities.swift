// Whose certificates this machine trusts: the system's authorities, or those that the usual variables
// name instead.
// Source: OpenSSL, SSL_CTX_set_default_verify_paths(3) (SSL_CERT_FILE, SSL_CERT_DIR).

import Glibc
package import SystemPackage

/// The authorities for servers on the Internet.
package struct TrustedAuthorities: Sendable, Hashable {
  /// A file of certificates in PEM, in place of the system's.
  package let file: FilePath?
  /// A directory of certificates with hashed names, beside the file; of several the first that exists.
  package let directory: FilePath?

  /// Reads the variables; empty ones count as absent.
  package init(environment: [String: String]) {
    file = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : FilePath($0) }
    let list = (environment["SSL_CERT_DIR"] ?? "").split(separator: ":").map {
      FilePath(String($0))
    }
    directory = list.first { $0.withPlatformString { access($0, R_OK) == 0 } } ?? list.first
  }

  /// Looks whether what the variables name is there.
  ///
  /// A variable that leads nowhere would otherwise look like a world of bad certificates.
  func check() throws(RegistryError) {
    for path in [file, directory].compactMap({ $0 })
    where path.withPlatformString({ access($0, R_OK) }) != 0 {
      throw .configurationUnreadable(operation: "read", path, Errno(rawValue: errno))
    }
  }
}
