// A failure on the way, before it is known whether another registry can help.

import ImageStore

/// Whose fault it is decides what happens next: a registry's may be mended by another one, this
/// machine's cannot.
enum PullFault: Error, Sendable, Equatable {
  case request(RequestFailure)
  case store(ImageStoreError)
  case cancelled
}
