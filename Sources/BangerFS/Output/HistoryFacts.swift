// Why a path is as it is: what the layers did to it, for JSON. As text: HistoryText.

import FileTree
import ImageStore
import Layers
import OCISpec
import Offsets

struct HistoryFacts: Encodable {
  var path: String
  var pathBase64: String?
  var events: [Event]

  init(_ history: PathHistory, in image: ResolvedImage, _ opened: OpenedImage) {
    let path = JSONBytes(history.path)
    self.path = path.text
    pathBase64 = path.base64
    events = history.events.map { Event($0, in: image, opened) }
  }

  struct Event: Encodable {
    /// Where it happened: a layer of the image, or what was laid over it.
    var layer: Int?
    var layerDigest: String?
    var addedBy: String?
    /// What it happened to: the path, or a directory above.
    var path: String
    var pathBase64: String?
    var change: String
    var rules: [String]
    var member: Member?
    var content: Content?
    var replaced: Content?
    var links: [Link]?
    var overtakenBy: Member?
    var omittedCount: Int?

    init(_ event: PathEvent, in image: ResolvedImage, _ opened: OpenedImage) {
      let source = event.layer.map { layer in
        HistorySource(layer, member: event.member?.offset, in: image, opened)
      }
      let hasOffsets = source?.hasOffsets ?? true
      layer = source?.addedBy == nil ? event.layer : nil
      layerDigest = source?.digest
      addedBy = source?.addedBy
      let path = JSONBytes(event.path)
      self.path = path.text
      pathBase64 = path.base64
      change = event.change.code
      rules = event.rules.map(\.rawValue)
      member = event.member.map { Member($0, hasOffset: hasOffsets) }
      links = event.links.isEmpty ? nil : event.links.map(Link.init)
      switch event.change {
      case .put(let new), .changedAttributes(let new), .kept(let new): content = Content(new)
      case .replaced(let old, let new): (replaced, content) = (Content(old), Content(new))
      case .overtaken(let later): overtakenBy = Member(later, hasOffset: hasOffsets)
      case .omitted(let count): omittedCount = count
      case .hidden, .emptied, .ignored: break
      }
    }
  }

  struct Member: Encodable {
    /// As the archive has it, but in normal form.
    var name: String
    var nameBase64: String?
    var type: String
    var target: String?
    var targetBase64: String?
    var offset: UInt64?

    init(_ member: EntryName, hasOffset: Bool) {
      let name = JSONBytes(member.nameInArchive)
      self.name = name.text
      nameBase64 = name.base64
      type = member.kind.code
      if !member.target.isEmpty {
        let target = JSONBytes(member.target)
        self.target = target.text
        targetBase64 = target.base64
      }
      offset = hasOffset ? member.offset.bytes : nil
    }
  }

  struct Content: Encodable {
    var type: String
    var mode: String
    var uid: UInt32
    var gid: UInt32
    var size: UInt64
    var mtimeSeconds: Int64
    var mtimeNanoseconds: UInt32
    /// The layer that it comes from, counted through the image's and the added ones.
    var layer: Int

    init(_ content: PathContent) {
      type = FileFacts.name(of: content.kind)
      mode = ModeText.octal(content.attributes.mode)
      uid = content.attributes.uid
      gid = content.attributes.gid
      size = content.byteCount
      mtimeSeconds = content.attributes.seconds
      mtimeNanoseconds = content.attributes.nanoseconds
      layer = content.layer
    }
  }

  struct Link: Encodable {
    var path: String
    var pathBase64: String?
    var target: String
    var targetBase64: String?
    var layer: Int

    init(_ link: PassedLink) {
      let (path, target) = (JSONBytes(link.path), JSONBytes(link.target))
      (self.path, pathBase64) = (path.text, path.base64)
      (self.target, targetBase64) = (target.text, target.base64)
      layer = link.layer
    }
  }
}

/// What people know a layer by: an image's own by its digest, others by what they asked for.
struct HistorySource {
  var digest: String?
  var addedBy: String?
  var hasOffsets = true

  init(
    _ layer: Int,
    member: TarOffset? = nil,
    in image: ResolvedImage,
    _ opened: OpenedImage
  ) {
    switch opened.origin(ofLayer: layer, member: member) {
    case .image: digest = image.layers[layer].descriptor.digest.description
    case .added(let name, let isArchive):
      (addedBy, hasOffsets) = (EscapedBytes.string(name.utf8), isArchive)
    case nil: break
    }
  }
}

extension PathChange {
  /// What programs know it by; never changes.
  var code: String {
    switch self {
    case .put: "put"
    case .replaced: "replaced"
    case .changedAttributes: "changed-attributes"
    case .kept: "kept"
    case .hidden: "hidden"
    case .emptied: "emptied"
    case .overtaken: "overtaken"
    case .ignored: "ignored"
    case .omitted: "omitted"
    }
  }
}

extension EntryKind {
  /// What programs know it by; never changes.
  var code: String {
    switch self {
    case .directory: "directory"
    case .regular: "regular"
    case .symbolicLink: "symlink"
    case .hardLink: "hard-link"
    case .characterDevice: "character-device"
    case .blockDevice: "block-device"
    case .fifo: "fifo"
    case .whiteout: "whiteout"
    case .opaque: "opaque-mark"
    }
  }
}
