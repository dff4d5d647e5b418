// A proxy in the words of the HTTP library.

import AsyncHTTPClient

extension Proxy {
  /// How the client reaches servers through this proxy: with CONNECT, also those without TLS.
  var configuration: HTTPClient.Configuration.Proxy {
    switch kind {
    case .socks5: return .socksServer(host: host, port: port)
    case .http:
      let login = authorization.map {
        HTTPClient.Authorization.basic(username: $0.user, password: $0.password)
      }
      return .server(host: host, port: port, authorization: login)
    }
  }
}
