// TLS with one registry: whom it may be, and which certificate of ours it gets to see.
// Source: containers-certs.d(5); RFC 8446 for the handshake itself, which is the library's.

import NIOSSL
import OCISpec
import SystemPackage

/// The TLS configurations for requests on behalf of one registry.
struct HostTrust: Sendable {
  private let registry: WebLocation?
  private let own: TLSConfiguration
  private let others: TLSConfiguration

  /// Reads the certificates that the user has for `source`.
  ///
  /// - Throws: `.configurationUnreadable`, `.invalidConfiguration` and `.badCertificate` with a path.
  init(
    _ source: PullSource,
    certificates: CertificateDirectories,
    authorities: TrustedAuthorities
  ) throws(RegistryError) {
    try authorities.check()
    let found = try certificates.certificates(for: source.name.domain)
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = ["http/1.1"]
    Self.add(authorities, to: &configuration)
    for file in found.authorities {
      let certificates = try Self.reading(file) {
        try NIOSSLCertificate.fromPEMBytes(file.bytes)
      }
      configuration.additionalTrustRoots.append(.certificates(certificates))
    }
    // A registry's storage is often certified by its own authority, but is shown no certificate of
    // ours.
    others = configuration
    if let pair = found.pairs.first {
      let chain = try Self.reading(pair.certificate) {
        try NIOSSLCertificate.fromPEMBytes(pair.certificate.bytes)
      }
      let key = try Self.reading(pair.key) {
        try NIOSSLPrivateKey(bytes: pair.key.bytes, format: .pem)
      }
      configuration.certificateChain = chain.map { .certificate($0) }
      configuration.privateKey = .privateKey(key)
    }
    if source.isInsecure { configuration.certificateVerification = .none }
    own = configuration
    registry = WebLocation(authority: source.host, isSecure: true)
  }

  /// How a server is to be talked to: only the registry itself sees our certificate, and only it may
  /// be anybody where the user said so.
  func configuration(for location: WebLocation) -> TLSConfiguration {
    location.host == registry?.host && location.port == registry?.port ? own : others
  }

  private static func add(
    _ authorities: TrustedAuthorities,
    to configuration: inout TLSConfiguration
  ) {
    // The library takes a directory as the main roots only, and one of them.
    switch (authorities.directory, authorities.file) {
    case (nil, nil): configuration.trustRoots = .default
    case (nil, let file?): configuration.trustRoots = .file(file.string)
    case (let directory?, let file):
      configuration.trustRoots = .file(directory.string)
      configuration.additionalTrustRoots = file.map { [.file($0.string)] } ?? []
    }
  }

  private static func reading<Value>(
    _ file: CertificateFile,
    _ read: () throws -> Value
  ) throws(RegistryError) -> Value {
    do {
      return try read()
    } catch {
      throw .badCertificate(file.path)
    }
  }
}
