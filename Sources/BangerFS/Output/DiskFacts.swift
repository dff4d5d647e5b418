// What is known of a finished file system, for text and JSON.

import Ext4Image
import FileTree
import OCISpec

/// Where a finished file came from.
enum DiskOrigin: String, Encodable {
  case built
  /// Shares its blocks with an earlier result of the cache.
  case cloned
}

/// What every finished file system has.
struct FileSystemFacts: Encodable {
  var path: String
  var pathBase64: String?
  var bytes: UInt64
  var allocatedBytes: UInt64
  var blocks: UInt64
  var freeBlocks: UInt64
  var inodes: UInt32
  var freeInodes: UInt32
  var uuid: String
  var label: String

  init(_ result: Ext4Result) {
    let name = JSONBytes(result.path.bytes)
    path = name.text
    pathBase64 = name.base64
    bytes = result.byteCount
    allocatedBytes = result.allocatedByteCount
    blocks = result.blockCount
    freeBlocks = result.freeBlockCount
    inodes = result.inodeCount
    freeInodes = result.freeInodeCount
    uuid = result.uuidText
    label = result.label
  }

  /// How full it is.
  var room: String {
    "\(freeBlocks) of \(blocks) blocks and \(freeInodes) of \(inodes) inodes free"
  }
}

/// A file system that was just made; in JSON its own fields stand beside those of every one.
struct DiskFacts: Encodable {
  private let pathBytes: [UInt8]
  private let fileSystem: FileSystemFacts
  /// Of the image; absent where none was asked for.
  private let digest: String?
  private let joinedLinks: Int
  private let reproducible: Bool
  private let origin: DiskOrigin

  private enum CodingKeys: String, CodingKey {
    case digest, joinedLinks, reproducible, origin
  }

  init(_ result: Ext4Result, image: Digest?, isReproducible: Bool, origin: DiskOrigin) {
    pathBytes = result.path.bytes
    fileSystem = FileSystemFacts(result)
    digest = image?.description
    joinedLinks = result.joinedLinkCount
    reproducible = isReproducible
    self.origin = origin
  }

  func encode(to encoder: any Encoder) throws {
    try fileSystem.encode(to: encoder)
    var own = encoder.container(keyedBy: CodingKeys.self)
    try own.encodeIfPresent(digest, forKey: .digest)
    try own.encode(joinedLinks, forKey: .joinedLinks)
    try own.encode(reproducible, forKey: .reproducible)
    try own.encode(origin, forKey: .origin)
  }

  func show(as format: OutputFormat) throws {
    var out = StandardOutput()
    switch format {
    case .text: try out.line(EscapedBytes.string(pathBytes) + ": " + text)
    case .json: try out.line(try JSONDocument(self).text())
    }
    try out.flush()
  }

  private var text: String {
    // What is made of no image is never cloned.
    let ending =
      digest == nil ? "" : origin == .cloned ? ", cloned from an earlier result" : ", built anew"
    let (size, allocated) = (fileSystem.bytes, fileSystem.allocatedBytes)
    return "\(ByteCount.text(size)), \(ByteCount.text(allocated)) allocated, \(fileSystem.room), "
      + "UUID \(fileSystem.uuid)\(ending)"
  }
}
