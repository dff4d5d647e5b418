// What servers send in bodies: errors, tokens, and documents of whichever kind.

import OCISpec
import Testing

@testable import Registry

struct AnswerTests {
  @Test(
    arguments: [
      (
        #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"a":1}}]}"#,
        "manifest unknown (MANIFEST_UNKNOWN)"
      ),
      (#"{"errors":[{"code":"DENIED"}]}"#, "DENIED"),
      (#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
      (#"{"errors":[{"message":"a\u001b[31mb\nc"}]}"#, #"a\u{1b}[31mb\u{a}c"#),
      (#"{"error":"invalid_grant","error_description":"token is revoked"}"#, "token is revoked"),
      (#"{"errors":[]}"#, nil),
      ("<html>", nil),
      ("", nil),
      (#"{"errors":"x"}"#, nil),
    ] as [(String, String?)]
  )
  func `a server's own words are shown escaped`(body: String, expected: String?) {
    #expect(ServerMessage(parsing: Array(body.utf8))?.description == expected)
  }

  @Test func `a long message is cut`() throws {
    let body = #"{"errors":[{"message":"\#(String(repeating: "x", count: 9_999))"}]}"#
    let message = try #require(ServerMessage(parsing: Array(body.utf8)))
    #expect(message.message.count == 257)
  }

  /// 2026-01-01T00:00:00Z.
  private static let now: Int64 = 1_767_225_600

  @Test(
    arguments: [
      (#"{"token":"a"}"#, "a", 54),
      (#"{"access_token":"b","expires_in":300}"#, "b", 290),
      (#"{"token":"a","access_token":"b","expires_in":"50"}"#, "a", 45),
      (#"{"token":"","access_token":"b","expires_in":0}"#, "b", 1),
      (#"{"token":"a","expires_in":300,"issued_at":"2025-12-31T23:59:00Z"}"#, "a", 230),
      (#"{"token":"a","expires_in":300,"issued_at":"2025-12-31T23:59:00.25Z"}"#, "a", 230),
      // A clock that is wrong, or a date that is none.
      (#"{"token":"a","expires_in":300,"issued_at":"2020-01-01T00:00:00Z"}"#, "a", 290),
      (#"{"token":"a","expires_in":300,"issued_at":"2027-01-01T00:00:00Z"}"#, "a", 290),
      (#"{"token":"a","expires_in":300,"issued_at":"yesterday"}"#, "a", 290),
      (#"{"token":"a","expires_in":1e300}"#, "a", 2_591_990),
      (#"{"token":"a","expires_in":-5}"#, "a", 1),
    ] as [(String, String, Int64)]
  )
  func `a token has a lifetime`(body: String, token: String, lifetime: Int64) throws {
    let answer = try #require(TokenAnswer(parsing: Array(body.utf8), now: Self.now))
    #expect(answer.token == token)
    #expect(answer.lifetime == lifetime)
  }

  @Test(arguments: [
    "", "{}", "[]", #"{"token":""}"#, #"{"token":7}"#, #"{"token":"a\r\nX: y"}"#,
    #"{"token":"a b"}"#, #"{"token":"ä"}"#,
  ])
  func `what is no token is refused`(body: String) {
    #expect(TokenAnswer(parsing: Array(body.utf8), now: Self.now) == nil)
  }

  private static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
  private static let ociIndex = "application/vnd.oci.image.index.v1+json"
  private static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"

  @Test(
    arguments: [
      (ociManifest, #"{"schemaVersion":2,"mediaType":"\#(ociManifest)"}"#, ociManifest),
      (ociManifest, #"{"schemaVersion":2}"#, ociManifest),
      ("\(ociIndex); charset=utf-8", #"{"schemaVersion":2}"#, ociIndex),
      ("application/json", #"{"schemaVersion":2,"mediaType":"\#(ociIndex)"}"#, ociIndex),
      (nil, #"{"schemaVersion":2,"manifests":[]}"#, ociIndex),
      (nil, #"{"schemaVersion":2,"layers":[]}"#, ociManifest),
      ("text/plain", #"{"mediaType":"\#(dockerManifest)"}"#, dockerManifest),
    ] as [(String?, String, String)]
  )
  func `sender and document say together what it is`(
    type: String?,
    body: String,
    expected: String
  ) throws {
    let peek = try DocumentPeek(Array(body.utf8))
    #expect(try peek.mediaType(sentAs: type) == MediaType(expected))
  }

  @Test(
    arguments: [
      (
        ociIndex, #"{"mediaType":"\#(ociManifest)"}"#,
        .contentType(ociIndex, document: ociManifest)
      ),
      (
        dockerManifest, #"{"mediaType":"\#(ociManifest)"}"#,
        .contentType(dockerManifest, document: ociManifest)
      ),
      (
        "application/vnd.docker.distribution.manifest.v1+prettyjws", "{}",
        .document(.schema1Manifest)
      ),
      ("application/json", #"{"schemaVersion":1}"#, .document(.schema1Manifest)),
    ] as [(String, String, RequestFault)]
  )
  func `I12: a sender and a document that disagree are refused`(
    type: String,
    body: String,
    expected: RequestFault
  ) throws {
    let peek = try DocumentPeek(Array(body.utf8))
    #expect(throws: expected) { try peek.mediaType(sentAs: type) }
  }

  @Test(arguments: ["", "[]", "<html>", #"{"mediaType":7}"#])
  func `what is no document is refused`(body: String) {
    #expect(throws: RequestFault.malformed("not a manifest")) {
      try DocumentPeek(Array(body.utf8))
    }
  }

  @Test func `queries escape what is special in them`() {
    #expect(
      FormText.encode("repository:a/b:pull&x=ä ~") == "repository%3Aa%2Fb%3Apull%26x%3D%C3%A4%20~"
    )
  }
}
