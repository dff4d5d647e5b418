// Certificates for tests: an authority of our own, made by the openssl program when it is first
// wanted, and what it signs for servers and clients.

import Foundation
import NIOSSL
import TestKit

/// A certificate authority that no machine trusts.
package final class TestAuthority: Sendable {
  private let directory: TemporaryDirectory
  /// What clients must trust: a PEM file.
  package let certificateFile: String
  private let keyFile: String

  /// A certificate and its key, as PEM files that last as long as their authority.
  package struct Identity: Sendable {
    package let certificateFile: String
    package let keyFile: String
    /// Keeps the files.
    private let authority: TestAuthority

    fileprivate init(_ certificateFile: String, _ keyFile: String, _ authority: TestAuthority) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.authority = authority
    }
  }

  package init(name: String = "Test Authority") throws {
    directory = try TemporaryDirectory()
    certificateFile = directory.appending("ca.crt")
    keyFile = directory.appending("ca.key")
    try Program.succeed(
      ["openssl", "req", "-x509", "-days", "30", "-subj", "/CN=\(name)"] + Self.newKey
        + ["-keyout", keyFile, "-out", certificateFile]
    )
  }

  /// Signs a certificate for servers with these names and addresses: `DNS:localhost`, `IP:127.0.0.1`.
  package func server(
    _ name: String = "server",
    names: [String] = ["DNS:localhost", "IP:127.0.0.1", "IP:127.0.0.2"]
  ) throws -> Identity {
    try sign(name, "subjectAltName=" + names.joined(separator: ","))
  }

  /// Signs a certificate for a client.
  package func client(_ name: String) throws -> Identity {
    try sign(name, "extendedKeyUsage=clientAuth")
  }

  private func sign(_ subject: String, _ extensionLine: String) throws -> Identity {
    // Several tests may want one of the same name from the same authority.
    let path = directory.appending("\(subject)-\(UUID().uuidString)")
    try Program.succeed(
      ["openssl", "req", "-x509", "-days", "30", "-subj", "/CN=\(subject)"] + Self.newKey
        + ["-CA", certificateFile, "-CAkey", keyFile, "-addext", extensionLine]
        + ["-addext", "basicConstraints=critical,CA:FALSE"]
        + ["-keyout", path + ".key", "-out", path + ".crt"]
    )
    return Identity(path + ".crt", path + ".key", self)
  }

  /// Elliptic curves: RSA keys would take seconds to find.
  private static let newKey = [
    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
  ]

  /// The one that tests share, where nothing hangs on whose it is.
  package static var shared: TestAuthority {
    get throws { try common.get().authority }
  }

  /// The shared authority's server.
  package static var sharedServer: Identity {
    get throws { try common.get().server }
  }

  private static let common = Result {
    let authority = try TestAuthority()
    return (authority: authority, server: try authority.server())
  }
}

/// What a server shows, and what it asks for.
package struct ServerIdentity: Sendable {
  package var identity: TestAuthority.Identity
  /// Whose certificates clients must show; `nil` where they need none.
  package var clientAuthority: TestAuthority?

  package init(_ identity: TestAuthority.Identity, clients clientAuthority: TestAuthority? = nil) {
    self.identity = identity
    self.clientAuthority = clientAuthority
  }

  func context() throws -> NIOSSLContext {
    let chain = try NIOSSLCertificate.fromPEMFile(identity.certificateFile).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = NIOSSLPrivateKeySource.privateKey(
      try NIOSSLPrivateKey(file: identity.keyFile, format: .pem)
    )
    guard let clientAuthority else {
      return try NIOSSLContext(
        configuration: .makeServerConfiguration(certificateChain: chain, privateKey: key)
      )
    }
    return try NIOSSLContext(
      configuration: .makeServerConfigurationWithMTLS(
        certificateChain: chain,
        privateKey: key,
        trustRoots: .file(clientAuthority.certificateFile)
      )
    )
  }
}
