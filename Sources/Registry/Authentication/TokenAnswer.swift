// What a token service answers. Pure.
// Source: distribution, "Token Authentication Specification"; "OAuth2 Token Authentication"; RFC
// 6749, section 5.1; RFC 3339 for `issued_at`.

import FoundationEssentials

/// A token with its lifetime.
struct TokenAnswer: Sendable, Equatable {
  let token: String
  /// How long the token is good from now, in seconds.
  let lifetime: Int64

  /// Lifetime where none is given: 60 s, as the specification has it.
  private static let standardLifetime: Int64 = 60
  /// Longest lifetime that is believed, so that sums with it cannot overflow: 30 days.
  private static let longestLifetime: Int64 = 30 * 86_400

  /// Reads the body of an answer that came at `now`, in seconds since 1970.
  ///
  /// `nil` without a token that may stand in a header field.
  init?(parsing body: [UInt8], now: Int64) {
    guard let wire = Self.decode(body),
      let token = [wire.token, wire.accessToken].compactMap({ $0 }).first(where: { !$0.isEmpty }),
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return nil }
    self.token = token
    let stated = wire.expiresIn.map { min(max($0, 1), Self.longestLifetime) }
    let lifetime = stated ?? Self.standardLifetime
    // A service that hands out tokens it issued earlier says so. Clocks differ, so an age beyond
    // the whole lifetime is not believed: a token that is refused is replaced anyhow.
    let age = wire.issuedAt.flatMap(Self.seconds).map { now - $0 } ?? 0
    let rest = (1..<lifetime).contains(age) ? lifetime - age : lifetime
    // Replaced a little early, so that it does not expire on its way.
    self.lifetime = max(rest - min(rest / 10, 10), 1)
  }

  private static func decode(_ body: [UInt8]) -> Wire? {
    do {
      return try JSONDecoder().decode(Wire.self, from: Data(body))
    } catch {
      return nil
    }
  }

  private static func seconds(_ date: String) -> Int64? {
    for style in [Date.ISO8601FormatStyle(), .init(includingFractionalSeconds: true)] {
      do {
        let seconds = try style.parse(date).timeIntervalSince1970
        return Int64(exactly: seconds.rounded(.down))
      } catch {
        continue
      }
    }
    return nil
  }

  private struct Wire: Decodable {
    let token: String?
    let accessToken: String?
    let expiresIn: Int64?
    let issuedAt: String?

    private enum CodingKeys: String, CodingKey {
      case token
      case accessToken = "access_token"
      case expiresIn = "expires_in"
      case issuedAt = "issued_at"
    }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: CodingKeys.self)
      token = try fields.decodeIfPresent(String.self, forKey: .token)
      accessToken = try fields.decodeIfPresent(String.self, forKey: .accessToken)
      issuedAt = try fields.decodeIfPresent(String.self, forKey: .issuedAt)
      do {
        let seconds = try fields.decodeIfPresent(Double.self, forKey: .expiresIn)
        expiresIn = seconds.map { Int64(min(max($0, 0), 1e9)) }
      } catch {
        // Some services send the number as a text.
        let text = try fields.decodeIfPresent(String.self, forKey: .expiresIn)
        expiresIn = text.flatMap { Int64($0) }
      }
    }
  }
}
