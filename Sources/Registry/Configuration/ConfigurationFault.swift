// What can be wrong with the files, programs and variables that configure us. Faults name fields,
// places and registries; they never repeat values, which may be secrets.

/// What is wrong with a configuration file.
package enum ConfigurationFault: Error, Sendable, Equatable {
  // Any file.
  case notAPlainFile
  case tooLarge(limit: Int)
  case tooManyFiles(limit: Int)
  case notUTF8

  // registries.conf.
  case badTOML(line: Int, column: Int, String)
  case version1
  case badValue(field: String, expected: String)
  case badSearchRegistry(String)
  case badAlias(String, to: String)
  case badShortNameMode(String)
  /// A `[[registry]]` with neither prefix nor location.
  case noPrefix(index: Int)
  case noLocation(prefix: String)
  case noMirrorLocation(prefix: String)
  case schemeInLocation(String)
  case badWildcard(prefix: String)
  /// Two tables say different things of one location.
  case contradiction(location: String, field: String)
  case badPullFromMirror(String, prefix: String)
  case pullFromMirrorOutsideMirror(prefix: String)
  case pullFromMirrorBesideDigestOnly(prefix: String)

  // Files with credentials.
  case notJSON
  case badField(String)
  case badCredentials(registry: String)

  // Directories with certificates.
  case noCertificate(key: String)
  case noKey(certificate: String)
}

extension ConfigurationFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notAPlainFile: "not a plain file"
    case .tooLarge(let limit): "larger than \(limit) bytes"
    case .tooManyFiles(let limit): "more than \(limit) files"
    case .notUTF8: "invalid UTF-8"
    case .badTOML(let line, let column, let reason): "line \(line), column \(column): \(reason)"
    case .version1: "version 1 of the format is not supported: rewrite it with [[registry]] tables"
    case .badValue(let field, let expected): "\(field): expected \(expected)"
    case .badSearchRegistry(let text):
      "unqualified-search-registries: \"\(text)\" is not HOST[:PORT]"
    case .badAlias(let name, let target):
      "aliases: \"\(name)\" = \"\(target)\" is not a short name and a full one, both without tag"
    case .badShortNameMode(let mode):
      "short-name-mode: \"\(mode)\" is not enforcing, permissive or disabled"
    case .noPrefix(let index): "registry[\(index)]: neither prefix nor location"
    case .noLocation(let prefix): "registry \"\(prefix)\": location is missing"
    case .noMirrorLocation(let prefix): "registry \"\(prefix)\": a mirror without location"
    case .schemeInLocation(let text): "\"\(text)\": a location has no http:// or https://"
    case .badWildcard(let prefix): "prefix \"\(prefix)\" is not *.DOMAIN"
    case .contradiction(let location, let field):
      "registry \"\(location)\": two tables with different values of \(field)"
    case .badPullFromMirror(let value, let prefix):
      "registry \"\(prefix)\": pull-from-mirror: \"\(value)\" is not all, digest-only or tag-only"
    case .pullFromMirrorOutsideMirror(let prefix):
      "registry \"\(prefix)\": pull-from-mirror belongs to a mirror"
    case .pullFromMirrorBesideDigestOnly(let prefix):
      "registry \"\(prefix)\": both mirror-by-digest-only and pull-from-mirror"
    case .notJSON: "not valid JSON"
    case .badField(let field): "\(field): not of the expected form"
    case .badCredentials(let registry): "the entry \"\(registry)\" is malformed"
    case .noCertificate(let key): "\(key) has no certificate beside it (the same name in .cert)"
    case .noKey(let certificate):
      "\(certificate) has no key beside it (the same name in .key); authorities end in .crt"
    }
  }
}

/// Why a credential helper gave no answer.
package enum HelperFault: Error, Sendable, Equatable {
  case badName
  case notFound
  case notStarted
  case timedOut(Duration)
  case outputTooLarge(limit: Int)
  case failed(exitStatus: Int32)
  case killed(signal: Int32)
  case badAnswer
}

extension HelperFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badName: "not a name of letters, digits, \".\", \"_\" and \"-\""
    case .notFound: "no such program in PATH"
    case .notStarted: "cannot be started"
    case .timedOut(let limit): "no answer after \(limit)"
    case .outputTooLarge(let limit): "an answer of more than \(limit) bytes"
    case .failed(let status): "exit status \(status)"
    case .killed(let signal): "killed by signal \(signal)"
    case .badAnswer: "an answer that is not of the expected form"
    }
  }
}

/// What is wrong with the address of a proxy.
package enum ProxyFault: Error, Sendable, Equatable {
  case badURL
  case badPort
  case unsupportedScheme
  case unsupportedAuthorization
}

extension ProxyFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badURL: "not the URL of a proxy"
    case .badPort: "a port is a number from 1 to 65535"
    case .unsupportedScheme: "the scheme of a proxy is http, socks5 or socks5h"
    case .unsupportedAuthorization: "user and password are not supported for SOCKS proxies"
    }
  }
}
