// Where an answer may send us, and what may not come along. Nothing here talks to anybody.
// Source: RFC 9110, section 15.4; CVE-2020-15157 (credentials of a registry sent to another host).

/// A place that an answer named and that we do not go to.
package enum RefusedLocation: Sendable, Equatable {
  case malformed
  case tooMany(limit: Int)
  /// From a protected connection to a plain one.
  case plainText(String)
  /// An address on this machine or a private network, named by a registry that is elsewhere.
  case privateAddress(String)
}

/// The rules for everything that a registry's answers name: redirects, realms, foreign layers.
struct RedirectRules: Sendable {
  /// The registry that was asked.
  let origin: WebLocation

  /// The next place of a redirect.
  ///
  /// `location` is the field `Location` of an answer from `current`, maybe relative to it.
  func next(_ location: String, from current: WebLocation) throws(RefusedLocation) -> WebLocation {
    guard let next = WebLocation(location, relativeTo: current) else { throw .malformed }
    try check(next, mayBePlain: !current.isSecure)
    return next
  }

  /// Where tokens are given out: protected, unless the user has said that the registry need not be, or
  /// neither the registry nor the place is off this machine.
  func realm(_ realm: String, isInsecure: Bool) throws(RefusedLocation) -> WebLocation {
    guard let place = WebLocation(realm) else { throw .malformed }
    let staysHere = !origin.isSecure && HostAddress.isThisMachine(place.host)
    try check(place, mayBePlain: isInsecure || staysHere)
    return place
  }

  /// Where a layer is that its registry does not hand out.
  func foreignLayer(_ url: String) throws(RefusedLocation) -> WebLocation {
    guard let place = WebLocation(url) else { throw .malformed }
    try check(place, mayBePlain: false)
    return place
  }

  private func check(_ place: WebLocation, mayBePlain: Bool) throws(RefusedLocation) {
    guard place.isSecure || mayBePlain else { throw .plainText(place.redacted) }
    guard place.address.isReachable(from: origin.address) else {
      throw .privateAddress(place.redacted)
    }
  }
}

extension RefusedLocation: Error {}

extension RefusedLocation: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed: "a place that is no http or https address"
    case .tooMany(let limit): "more than \(limit) redirects"
    case .plainText(let place): "\(place), which is not protected by TLS"
    case .privateAddress(let place): "\(place), which is an address of a private network"
    }
  }
}
