// Whether and how registries are asked.

import ArgumentParser

/// When a registry is asked for an image that may be in the cache.
enum PullPolicy: String, ExpressibleByArgument, CaseIterable {
  case always
  case missing
  case never
}

/// How registries are asked.
struct RegistryOptions: ParsableArguments {
  @Option(
    name: .customLong("authfile"),
    help: ArgumentHelp(
      "Where the credentials are (default: $REGISTRY_AUTH_FILE, or where podman and docker keep them).",
      valueName: "file"
    )
  )
  var authFile: String?

  @Option(
    name: .customLong("cert-dir"),
    help: ArgumentHelp(
      "Certificates for the registry: *.crt of authorities, *.cert and *.key of ours.",
      valueName: "dir"
    )
  )
  var certificateDirectory: String?

  @Flag(
    name: .customLong("allow-foreign-layers"),
    help: "Fetch layers that are not in the registry from where the image says they are."
  )
  var allowsForeignLayers = false

  @Option(
    name: .customLong("jobs"),
    help: ArgumentHelp("How many layers are fetched at once, at most 32.", valueName: "count")
  )
  var jobs = 4

  func validate() throws {
    guard (1...32).contains(jobs) else { throw ValidationError("--jobs is a number from 1 to 32") }
  }
}

/// Whether registries are asked.
struct PullOptions: ParsableArguments {
  @Option(
    name: .customLong("pull"),
    help: ArgumentHelp(
      "When to ask a registry: always, when the cache lacks something, or never.",
      valueName: "when"
    )
  )
  var policy = PullPolicy.missing

  @Flag(help: "Never use the network; the same as --pull never.")
  var offline = false

  func validate() throws {
    if offline, policy == .always {
      throw ValidationError("--offline contradicts --pull always")
    }
  }

  var effectivePolicy: PullPolicy { offline ? .never : policy }
}
