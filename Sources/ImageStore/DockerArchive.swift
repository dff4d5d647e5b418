// One image of a Docker archive: what `docker save` writes, in its older and its newer form, and
// what podman, skopeo and others write in its place. The archive has a configuration and layers,
// and no manifest: one is made up, from which everything else follows as for any image.
// Source: Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format";
// containers-transports(5), "docker-archive".

import OCISpec
import SeekableCompression
import SystemPackage

/// The image that was chosen in an open archive; the index lists it alone.
final class DockerArchive: ImageSource {
  let statesMediaTypes = false
  let index: ImageIndex
  private let contents: ArchiveContents
  private let parts: [Digest: Part]

  var path: FilePath { contents.file.path }
  var limits: SpecLimits { contents.limits }

  /// A file of the archive that is the configuration or a layer.
  private struct Part {
    let name: [UInt8]
    let member: ArchiveMember
  }

  /// Finds the image called `name`, or the one at `position`, or without either the only one.
  ///
  /// - Throws: `.severalImages`, `.noSuchName`, or what is wrong with the archive.
  init(
    _ contents: ArchiveContents,
    name: String?,
    position: Int?
  ) throws(ImageStoreError) {
    let images = try Self.images(in: contents)
    let image = try DockerImageChoice(images, path: contents.file.path)
      .image(name: name, position: position)
    var parts: [Digest: Part] = [:]
    let bytes = try Self.document(image.configuration, in: contents)
    let configuration = Descriptor(
      mediaType: DockerArchiveManifest.configurationType,
      digest: DigestHasher.digest(of: bytes, .sha256),
      byteCount: UInt64(bytes.count)
    )
    parts[configuration.digest] = try Self.part(image.configuration, in: contents)
    var layers: [Descriptor] = []
    for (name, diffID) in zip(image.layers, try Self.diffIDs(bytes, of: image, in: contents)) {
      let part = try Self.part(name, in: contents)
      let layer = try Self.layer(part, diffID: diffID, in: contents)
      layers.append(layer)
      parts[layer.digest] = part
    }
    index = ImageIndex(manifests: [Self.manifest(configuration, layers, name: name)])
    self.contents = contents
    self.parts = parts
  }

  func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile {
    guard let part = parts[blob.digest] else { throw .blobMissing(blob.digest) }
    guard part.member.byteCount == blob.byteCount else {
      throw .blobSizeMismatch(
        blob.digest,
        expected: blob.byteCount,
        actual: part.member.byteCount
      )
    }
    return try contents.open(part.member, called: part.name, as: blob.digest)
  }

  func place(of digest: Digest) -> FilePath {
    guard let part = parts[digest] else { return path }
    // The name is only shown: whatever in it is no path component is left out.
    return path.appending(ArchiveTable.shown(part.name))
  }

  static let manifestName = Array("manifest.json".utf8)

  /// What the archive lists, in its order.
  static func images(
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> [DockerArchiveManifest.Image] {
    guard let bytes = try contents.document(manifestName) else {
      throw .badArchive(contents.file.path, .noDockerManifest)
    }
    do throws(SpecError) {
      return try DockerArchiveManifest(parsing: bytes, limits: contents.limits).images
    } catch {
      throw contents.invalid(manifestName, error)
    }
  }

  private static func part(
    _ name: [UInt8],
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> Part {
    guard let member = try contents.member(name) else {
      throw .badArchive(contents.file.path, .memberMissing(ArchiveTable.shown(name)))
    }
    return Part(name: name, member: member)
  }

  private static func document(
    _ name: [UInt8],
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> [UInt8] {
    guard let bytes = try contents.document(name) else {
      throw .badArchive(contents.file.path, .memberMissing(ArchiveTable.shown(name)))
    }
    return bytes
  }

  private static func diffIDs(
    _ configuration: [UInt8],
    of image: DockerArchiveManifest.Image,
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> [Digest] {
    do throws(SpecError) {
      return try ImageConfiguration(
        parsing: configuration,
        layerCount: image.layers.count,
        limits: contents.limits
      ).diffIDs
    } catch {
      throw contents.invalid(image.configuration, error)
    }
  }

  private static func layer(
    _ part: Part,
    diffID: Digest,
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> Descriptor {
    let codec = try contents.sniff(part.member, called: part.name)
    // The blob of a plain layer is the tar stream that its diffID is the digest of.
    let digest = codec == .identity ? diffID : try contents.digest(part.member, called: part.name)
    return Descriptor(
      mediaType: DockerArchiveManifest.layerType(codec == .zstd ? .zstd : .gzip),
      digest: digest,
      byteCount: part.member.byteCount
    )
  }

  /// The manifest's descriptor, with the manifest in it.
  private static func manifest(
    _ configuration: Descriptor,
    _ layers: [Descriptor],
    name: String?
  ) -> Descriptor {
    let bytes = DockerArchiveManifest.schema2(configuration: configuration, layers: layers)
    return Descriptor(
      mediaType: DockerArchiveManifest.mediaType,
      digest: DigestHasher.digest(of: bytes, .sha256),
      byteCount: UInt64(bytes.count),
      annotations: name.map { ["org.opencontainers.image.ref.name": $0] } ?? [:],
      data: bytes
    )
  }
}

/// Which of an archive's images is meant.
struct DockerImageChoice {
  private let images: [DockerArchiveManifest.Image]
  private let path: FilePath

  init(_ images: [DockerArchiveManifest.Image], path: FilePath) {
    self.images = images
    self.path = path
  }

  /// The first image with a name counts, as for skopeo.
  func image(
    name: String?,
    position: Int?
  ) throws(ImageStoreError) -> DockerArchiveManifest.Image {
    guard let first = images.first else { throw .noImages(path) }
    if let position {
      guard images.indices.contains(position) else {
        throw .noSuchName("@\(position)", available: labels)
      }
      return images[position]
    }
    if let name {
      guard let found = images.first(where: { $0.names.contains(name) }) else {
        throw .noSuchName(name, available: labels)
      }
      return found
    }
    guard images.count == 1 else { throw .severalImages(names: labels) }
    return first
  }

  /// Every name there is, and the positions of images that have none.
  private var labels: [String] {
    images.enumerated().flatMap { position, image in
      image.names.isEmpty ? ["@\(position)"] : image.names
    }
  }
}
