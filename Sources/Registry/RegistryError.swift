// Everything that can go wrong between the name of an image and its blobs in the cache, and of which
// kind it is. No case holds a secret: no token, no password, no query of a URL, no content of a file.

package import ImageStore
package import OCISpec
package import SystemPackage

/// Why an image cannot be pulled.
package enum RegistryError: Error, Sendable, Equatable {
  // What the user's machine says: configuration, credentials, certificates, proxies.
  case configurationUnreadable(operation: String, FilePath, Errno)
  case invalidConfiguration(FilePath, ConfigurationFault)
  /// The name fits several registries, and the configuration wants it to be unambiguous.
  case ambiguousShortName(String, candidates: [String])
  case blocked(String, by: FilePath)
  /// The configuration makes something of the name that is no name.
  case badRewrite(of: String, to: String, by: FilePath)
  case helperFailed(name: String, HelperFault)
  case badProxy(variable: String, ProxyFault)
  case badCertificate(FilePath)

  // What the registries say, or do not say. `mirrors` were asked before.
  case failed(RequestFailure, mirrors: [RequestFailure])
  /// No registry is left to be asked for the image.
  case noSource

  // What the image is.
  case noSuchPlatform(String, Platform, available: [Platform])
  case noImages(String)
  case tooManyIndexes(String)
  case invalidDocument(String, Digest, SpecError)
  /// A layer that registries do not hand out, and no leave to fetch it elsewhere.
  case foreignLayer(Digest, RequestFailure)

  case store(ImageStoreError)
  case cancelled

  /// What an exit code is chosen by.
  package enum Kind: Sendable, Equatable {
    /// No such name, tag or platform.
    case notFound
    /// Bytes that are not what they should be.
    case invalid
    /// Credentials are missing or not enough.
    case notPermitted
    /// A registry, a proxy or a program that cannot be used.
    case unavailable
    /// Trying again later may help.
    case temporary
    case localIO
    /// The user's own configuration or wording has to change.
    case configuration
  }

  package var kind: Kind {
    switch self {
    case .configurationUnreadable(_, _, .permissionDenied),
      .configurationUnreadable(_, _, .notPermitted):
      .notPermitted
    case .configurationUnreadable: .localIO
    case .invalidConfiguration, .ambiguousShortName, .badRewrite, .badProxy, .badCertificate:
      .configuration
    case .blocked, .helperFailed, .noSource, .foreignLayer: .unavailable
    case .failed(let failure, _): failure.fault.kind
    case .noSuchPlatform, .noImages: .notFound
    case .tooManyIndexes, .invalidDocument: .invalid
    case .store(let error): Self.kind(error.kind)
    case .cancelled: .temporary
    }
  }

  private static func kind(_ kind: ImageStoreError.Kind) -> Kind {
    switch kind {
    case .notFound: .notFound
    case .invalid: .invalid
    case .localIO, .noSpace: .localIO
    case .notPermitted: .notPermitted
    }
  }
}

extension RegistryError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .configurationUnreadable(let operation, let path, let errno)
    where errno == .permissionDenied || errno == .notPermitted:
      "\(path): not permitted to \(operation): \(errno)"
    case .configurationUnreadable(let operation, let path, let errno):
      "\(path): cannot \(operation): \(errno)"
    case .invalidConfiguration(let path, let fault): "\(path): \(fault)"
    case .ambiguousShortName(let name, let candidates):
      "\"\(name)\" is a short name, choose one of \(Self.list(candidates))"
    case .blocked(let name, let path): "\(name): blocked by \(path)"
    case .badRewrite(let name, let target, let path):
      "\(name): \(path) makes it \"\(target)\", which is not the name of an image"
    case .helperFailed(let name, let fault): "credential helper \(name): \(fault)"
    case .badProxy(let variable, let fault): "\(variable): \(fault)"
    case .badCertificate(let path): "\(path): not a certificate or key in PEM"
    case .failed(let failure, let mirrors):
      mirrors.isEmpty
        ? "\(failure)" : "\(failure); before that, \(Self.list(mirrors.map(\.description)))"
    case .noSource: "no registry is configured for this image"
    case .noSuchPlatform(let name, let platform, let available):
      "\(name): no image for \(platform); there is \(Self.list(available.map(\.description)))"
    case .noImages(let name): "\(name): the index lists no image"
    case .tooManyIndexes(let name): "\(name): indexes in indexes, too many or too deep"
    case .invalidDocument(let name, let digest, let error): "\(name): document \(digest): \(error)"
    case .foreignLayer(let digest, _):
      "layer \(digest) is not handed out by the registry, only by the address that the image names"
    case .store(let error): "\(error)"
    case .cancelled: "interrupted"
    }
  }

  /// At most 16 of the names.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(16).joined(separator: ", ")
    return names.count > 16 ? "\(shown) and \(names.count - 16) more" : shown
  }
}
