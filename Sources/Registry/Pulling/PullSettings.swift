// Everything about a pull that is not the image itself.

package import OCISpec

/// How images are pulled; a value that one puller keeps.
package struct PullSettings: Sendable {
  package var registries: RegistriesConfiguration
  package var credentials: CredentialStore
  package var certificates: CertificateDirectories
  package var proxies: ProxySettings
  /// Whose certificates are trusted on this machine.
  package var authorities: TrustedAuthorities
  /// Whether layers may be fetched from addresses that a manifest names outside of its registry.
  package var allowsForeignLayers = false
  /// Layers fetched at once: 4.
  package var parallelDownloads = 4
  package var retries = RetryPolicy()
  package var limits = NetworkLimits()
  /// What manifests, indexes and configurations may ask for.
  package var documents = SpecLimits()
  /// What servers are told about who asks.
  package var userAgent = "banger-fs"

  package init(
    registries: RegistriesConfiguration,
    credentials: CredentialStore,
    certificates: CertificateDirectories,
    proxies: ProxySettings,
    authorities: TrustedAuthorities = TrustedAuthorities(environment: [:])
  ) {
    self.registries = registries
    self.credentials = credentials
    self.certificates = certificates
    self.proxies = proxies
    self.authorities = authorities
  }
}
