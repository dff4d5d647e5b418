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

struct DiskFacts: Encodable {
  private let pathBytes: [UInt8]
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
  /// Of the image; absent where none was asked for.
  var digest: String?
  var joinedLinks: Int
  var reproducible: Bool
  var origin: DiskOrigin

  private enum CodingKeys: String, CodingKey {
    case path, pathBase64, bytes, allocatedBytes, blocks, freeBlocks, inodes, freeInodes, uuid,
      label
    case digest, joinedLinks, reproducible, origin
  }

  init(_ result: Ext4Result, image: Digest?, isReproducible: Bool, origin: DiskOrigin) {
    pathBytes = result.path.bytes
    let name = JSONBytes(pathBytes)
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
    digest = image?.description
    joinedLinks = result.joinedLinkCount
    reproducible = isReproducible
    self.origin = origin
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
    return "\(ByteCount.text(bytes)), \(ByteCount.text(allocatedBytes)) allocated, "
      + "\(freeBlocks) of \(blocks) blocks and \(freeInodes) of \(inodes) inodes free, "
      + "UUID \(uuid)\(ending)"
  }
}
