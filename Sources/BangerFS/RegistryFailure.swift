// From what went wrong with a registry to an exit status and a remedy.

import OCISpec
import Registry

extension CommandFailure {
  init(_ error: RegistryError) {
    if case .store(let cause) = error {
      self.init(cause)
    } else {
      self.init(ExitStatus(error), "\(error)", hint: error.hint ?? MetLimit(error)?.hint)
    }
  }
}

extension ExitStatus {
  fileprivate init(_ error: RegistryError) {
    switch error {
    case .cancelled: self = .interrupted
    case .failed(let failure, _) where failure.fault == .cancelled: self = .interrupted
    case .ambiguousShortName: self = .usage
    default: self = ExitStatus(error.kind)
    }
  }

  private init(_ kind: RegistryError.Kind) {
    switch kind {
    case .notFound: self = .notFound
    case .invalid: self = .invalidImage
    case .notPermitted: self = .notPermitted
    case .unavailable: self = .unavailable
    case .temporary: self = .temporary
    case .localIO: self = .inputOutput
    case .configuration: self = .configuration
    }
  }
}

extension RegistryError {
  fileprivate var hint: String? {
    switch self {
    case .failed(let failure, _),
      .foreignLayer(_, let failure) where failure.hint != nil:
      failure.hint
    case .foreignLayer: "fetch it from there with --allow-foreign-layers"
    case .noSuchPlatform: "choose one with --platform"
    case .ambiguousShortName(_, let candidates):
      candidates.first.map { "write the whole name, like \($0)" }
    case .helperFailed(let name, .notFound), .helperFailed(let name, .notStarted):
      "install docker-credential-\(name), or take it out of the file with the credentials"
    case .helperFailed(_, .badName):
      "look for credsStore and credHelpers in the file with the credentials"
    case .helperFailed(let name, _): "see what docker-credential-\(name) list says"
    case .badCertificate(let path): "certificates are PEM files: look at \(path)"
    case .blocked(_, let path): "to allow it, take blocked = true out of \(path)"
    default: nil
    }
  }
}

extension RequestFailure {
  fileprivate var hint: String? {
    switch fault {
    case .notAuthorised(.anonymous, _): "log in with skopeo login \(login) or docker login \(login)"
    case .denied(.anonymous, _):
      "check the name; if it is right, log in with skopeo login \(login) or docker login \(login)"
    case .notAuthorised(.from(let place), _):
      "the credentials from \(place) are wrong or too old: log in again with skopeo login \(login) "
        + "or docker login \(login)"
    case .denied(.from(let place), _):
      "check the name; the credentials from \(place) may not read it"
    case .notFound: notFoundHint
    case .rateLimited(let wait?, _):
      "try again in \(DurationText.text(wait / .seconds(1))); what was fetched is kept"
    case .rateLimited(nil, _):
      "try again later; what was fetched is kept, and a log-in may raise the limit"
    case .certificate:
      "put the certificate of its authority at /etc/containers/certs.d/\(login)/ca.crt"
    case .clientCertificate:
      "put ours at /etc/containers/certs.d/\(login)/client.cert and client.key"
    case .tls: "if it speaks plain HTTP, say so in registries.conf: insecure = true for \(host)"
    case .proxy: "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    case .unresolved where isOfLayer, .unreachable where isOfLayer,
      .connectTimedOut where isOfLayer:
      "try again; what was fetched is kept"
    case .unresolved, .unreachable, .connectTimedOut:
      "check the name and the network; what is in the cache can be used with --offline"
    case .wrongDigest, .wrongLength:
      "the registry, or something on the way, sent other bytes than the image names"
    case .noAnswer, .stalled, .dropped, .serverError, .locationRefused:
      "try again; what was fetched is kept"
    default: nil
    }
  }

  private var isOfLayer: Bool {
    if case .layer = target { return true }
    return false
  }

  private var notFoundHint: String? {
    guard case .manifest = target else { return nil }
    return
      "check the name; skopeo list-tags docker://\(login)/\(repository) lists the tags there are"
  }

  /// The registry as users call it.
  private var login: String { host == "registry-1.docker.io" ? ImageName.dockerHub : host }
}
