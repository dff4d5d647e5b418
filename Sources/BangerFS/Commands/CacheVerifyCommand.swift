// cache verify: whether the cache is what it says.

import ArgumentParser
import FileTree
import ImageStore
import Layers
import OCISpec

struct CacheVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read everything in the cache, and say what is wrong.",
    discussion: """
      Every blob is compared with its digest, every document is read, every image must be whole, and \
      every index of a layer and every merged tree sound. Exits with 65 where something is wrong and \
      was not removed.
      """
  )

  @Flag(help: "Remove what is wrong, so that it is fetched again when it is needed.")
  var remove = false

  @OptionGroup var cache: CacheOptions
  @OptionGroup var progress: ProgressOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let directory = try Wiring.cache(cache)
    let result = try verify(ImageCache(directory))
    let damaged = try LayerStore.noting(cache: directory).damagedFiles()
    if remove { for name in damaged { try directory.remove(name) } }
    var out = StandardOutput()
    switch output.format {
    case .text: for line in lines(result, damaged) { try out.line(line) }
    case .json: try out.line(try JSONDocument(Facts(result, damaged)).text())
    }
    try out.flush()
    let count = result.faults.count { !Self.isMended($0, result) } + (remove ? 0 : damaged.count)
    if count > 0 {
      throw CommandFailure(
        .invalidImage,
        "\(directory.path): \(ProgressText.counted(count, "fault"))",
        hint: remove ? nil : "banger-fs cache verify --remove removes what is wrong"
      )
    }
  }

  private func verify(_ cache: ImageCache) throws -> CacheVerification {
    let progress = Progress(progress.style)
    defer { progress.close() }
    progress.begin(
      ProgressActivity(
        kind: .verifyCache,
        title: "verifying",
        byteCount: try cache.usage().blobs.byteCount
      )
    )
    let result = try endingOnSignals {
      try cache.verify(removesFaults: remove) { progress.advance(by: UInt64($0)) }
    }
    progress.end()
    return result
  }

  /// A wrong blob that is gone is fetched again; what is missing stays missing until then.
  private static func isMended(_ fault: CacheFault, _ result: CacheVerification) -> Bool {
    guard case .wrongContent(let digest, _) = fault.fault else { return false }
    return result.removed.contains(digest)
  }

  private func lines(_ result: CacheVerification, _ damaged: [CacheFileName]) -> [String] {
    let count = result.faults.count + damaged.count
    let size = ByteCount.text(result.byteCount)
    let total = "\(ProgressText.counted(result.blobCount, "blob")), \(size)"
    return result.faults.map { EscapedBytes.string($0.description.utf8) }
      + result.removed.map { "blob \($0): removed" }
      + result.inUse.map { "blob \($0): in use, so it stays" }
      + damaged.map { name in
        let what = name.kind == .trees ? "tree of the image with last layer" : "index of layer"
        return "\(what) \(name.blob): damaged\(remove ? ", removed" : "")"
      }
      + ["\(total): \(count == 0 ? "all right" : ProgressText.counted(count, "fault"))"]
  }

  private struct Facts: Encodable {
    var blobs: Int
    var bytes: UInt64
    var faults: [Fault]
    var removed: [String]
    var inUse: [String]
    var damagedIndexes: [String]
    var damagedTrees: [String]

    struct Fault: Encodable {
      var digest: String?
      var text: String
      var images: [String]
    }

    init(_ result: CacheVerification, _ damaged: [CacheFileName]) {
      blobs = result.blobCount
      bytes = result.byteCount
      faults = result.faults.map { fault in
        Fault(
          digest: fault.fault.digest?.description,
          text: EscapedBytes.string("\(fault.fault)".utf8),
          images: fault.names.map { EscapedBytes.string($0.utf8) }
        )
      }
      removed = result.removed.map(\.description)
      inUse = result.inUse.map(\.description)
      damagedIndexes = damaged.filter { $0.kind == .index }.map(\.blob.description)
      damagedTrees = damaged.filter { $0.kind == .trees }.map(\.blob.description)
    }
  }
}

extension CacheFault.Fault {
  /// `nil` where it is about a file that is no blob.
  fileprivate var digest: Digest? {
    switch self {
    case .notABlob: nil
    case .wrongContent(let digest, _), .missing(let digest), .wrongSize(let digest, _, _),
      .badDocument(let digest, _), .unreadable(let digest, _):
      digest
    }
  }
}
