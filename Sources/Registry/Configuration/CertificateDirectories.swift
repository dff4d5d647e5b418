// Which certificates a user's machine has for a registry. Finds and reads the files; what is in them is for
// the TLS library to judge.
//
//   ~/.config/containers/certs.d/HOST[:PORT]/    the first of these directories that exists counts,
//   /etc/containers/certs.d/HOST[:PORT]/         alone, even where it is empty
//   /etc/docker/certs.d/HOST[:PORT]/
//
//   *.crt           authorities that are trusted beside the system's
//   NAME.cert       a certificate of ours, NAME.key its key
//
// Source: containers-certs.d(5); Docker manual, "Verify repository client with certificates".

import OCISpec
package import SystemPackage

/// The bytes of a file, and where they are from.
package struct CertificateFile: Hashable, Sendable {
  package let path: FilePath
  package let bytes: [UInt8]

  package init(path: FilePath, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }
}

extension CertificateFile: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  // The bytes may be a key.
  package var description: String { path.string }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a registry is trusted by, and what it is shown.
package struct HostCertificates: Hashable, Sendable {
  /// A certificate of ours and the key that belongs to it, in PEM.
  package struct Pair: Hashable, Sendable {
    package let certificate: CertificateFile
    package let key: CertificateFile
  }

  /// In PEM, one or more in each file.
  package var authorities: [CertificateFile] = []
  package var pairs: [Pair] = []

  package init() {}
}

/// The directories that hold certificates.
package struct CertificateDirectories: Sendable {
  private let named: FilePath?
  private let directories: [FilePath]

  /// The directories of `places`, or alone one that the user named.
  ///
  /// The files of `directory` are for every registry; it has no directories for hosts.
  package init(_ places: ConfigurationPlaces, directory: FilePath? = nil) {
    named = directory
    directories = [
      places.inHome(".config/containers/certs.d"),
      places.inRoot("etc/containers/certs.d"),
      places.inRoot("etc/docker/certs.d"),
    ].compactMap { $0 }
  }

  /// The certificates for a registry as users call it, `HOST[:PORT]`: `docker.io`, `localhost:5000`.
  ///
  /// - Throws: `.configurationUnreadable`; `.invalidConfiguration` with what is missing or odd.
  package func certificates(for domain: String) throws(RegistryError) -> HostCertificates {
    guard let directory = try directory(for: domain) else { return HostCertificates() }
    guard let names = try ConfigurationFile.names(in: directory, ending: [".crt", ".cert", ".key"])
    else {
      guard directory == named else { return HostCertificates() }
      throw .configurationUnreadable(operation: "list", directory, .noSuchFileOrDirectory)
    }
    var certificates = HostCertificates()
    for name in names {
      let path = directory.appending(name)
      switch name.extension {
      case "crt": certificates.authorities.append(try read(path))
      case "cert":
        guard let key = partner(of: name, "key", in: names) else {
          throw .invalidConfiguration(directory, .noKey(certificate: printable(name.string)))
        }
        let pair = HostCertificates.Pair(
          certificate: try read(path),
          key: try read(directory.appending(key))
        )
        certificates.pairs.append(pair)
      default:
        guard partner(of: name, "cert", in: names) != nil else {
          throw .invalidConfiguration(directory, .noCertificate(key: printable(name.string)))
        }
      }
    }
    return certificates
  }

  private func directory(for domain: String) throws(RegistryError) -> FilePath? {
    if let named { return named }
    // A host from an answer must not lead out of the directories.
    guard !domain.isEmpty, domain != ".", domain != "..",
      domain.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != 0 })
    else { return nil }
    for directory in directories {
      let path = directory.appending(domain)
      if try ConfigurationFile.isDirectory(path) { return path }
    }
    return nil
  }

  private func partner(
    of name: FilePath.Component,
    _ ending: String,
    in names: [FilePath.Component]
  ) -> FilePath.Component? {
    names.first { $0.stem == name.stem && $0.extension == ending }
  }

  private func read(_ path: FilePath) throws(RegistryError) -> CertificateFile {
    guard let bytes = try ConfigurationFile.read(path) else {
      throw .configurationUnreadable(operation: "open", path, .noSuchFileOrDirectory)
    }
    return CertificateFile(path: path, bytes: bytes)
  }
}
