// The grammar of WWW-Authenticate, as servers write it and as they should not.

import Testing

@testable import Registry

struct ChallengeTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let fields: [String]
    let expected: [AuthenticationChallenge]

    init(_ fields: String..., is expected: [AuthenticationChallenge]) {
      self.fields = fields
      self.expected = expected
    }

    var testDescription: String { fields.joined(separator: " | ") }
  }

  private static func challenge(
    _ scheme: String,
    _ parameters: [String: String] = [:]
  ) -> AuthenticationChallenge {
    AuthenticationChallenge(scheme: scheme, parameters: parameters)
  }

  static let rows = [
    Row(
      #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
      is: [
        challenge(
          "bearer",
          ["realm": "https://auth.docker.io/token", "service": "registry.docker.io"]
        )
      ]
    ),
    // Commas, spaces and quotes inside of quotes; blanks around everything else.
    Row(
      #"  BEARER  Realm = "a, \"b\" \\c" ,, scope="repository:x:pull,push" ,"#,
      is: [challenge("bearer", ["realm": #"a, "b" \c"#, "scope": "repository:x:pull,push"])]
    ),
    // Several in one field, and in several fields.
    Row(
      #"Basic realm="x", Bearer realm="y",service=z, Negotiate"#,
      "Digest nonce=1",
      is: [
        challenge("basic", ["realm": "x"]), challenge("bearer", ["realm": "y", "service": "z"]),
        challenge("negotiate"), challenge("digest", ["nonce": "1"]),
      ]
    ),
    // One value in place of parameters.
    Row(
      "Negotiate YIIJvwYGK/+_~==, Basic realm=x",
      is: [challenge("negotiate"), challenge("basic", ["realm": "x"])]
    ),
    // No quotes where there should be some.
    Row(
      "Bearer realm=https://h/token?a=b,service=s",
      is: [challenge("bearer", ["realm": "https://h/token?a=b", "service": "s"])]
    ),
    Row("Basic", is: [challenge("basic")]),
    // The first of two.
    Row(#"Bearer realm="a",REALM="b""#, is: [challenge("bearer", ["realm": "a"])]),
    // What is malformed ends its field.
    Row(#"Basic, Bearer realm="open"#, is: [challenge("basic"), challenge("bearer")]),
    Row(#"Bearer realm="x" junk="y""#, is: [challenge("bearer", ["realm": "x"])]),
    Row(#"Bearer realm="x\"#, #"Basic"#, is: [challenge("bearer"), challenge("basic")]),
    Row("", " , ,", "=", "\"", is: []),
  ]

  @Test(arguments: rows)
  func `challenges are read as they are written`(row: Row) {
    #expect(AuthenticationChallenge.parse(row.fields) == row.expected)
  }

  @Test func `a flood of challenges is cut off`() {
    let many = Array(repeating: "Basic", count: 1_000).joined(separator: ",")
    #expect(AuthenticationChallenge.parse([many]).count == 16)
    let parameters = (0..<1_000).map { "p\($0)=1" }.joined(separator: ",")
    #expect(AuthenticationChallenge.parse(["Bearer \(parameters)"])[0].parameters.count == 16)
    let long = "Bearer realm=\"\(String(repeating: "x", count: 17 << 10))\""
    #expect(AuthenticationChallenge.parse([long]) == [])
  }
}
