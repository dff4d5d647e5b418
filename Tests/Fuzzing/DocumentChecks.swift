// Arbitrary bytes as each of the documents that an image is described by. What is promised: reading
// ends in a value or in an error with its place; what we write again says the same; and whoever asks
// which blobs a document needs is told of all that its reader uses.

import OCISpec

enum DocumentChecks {
  private static let manifestType = MediaType("application/vnd.oci.image.manifest.v1+json")
  private static let schema2Type = DockerArchiveManifest.mediaType

  static func check(_ input: [UInt8], _ faults: inout Faults) {
    var reader = Reader(input)
    let manifests = [manifestType, schema2Type].compactMap { type in
      reader.read { bytes throws(SpecError) in try ImageManifest(parsing: bytes, as: type) }
    }
    let index = reader.read { bytes throws(SpecError) in
      try ImageIndex(parsingLayoutIndex: bytes)
    }
    _ = reader.read { bytes throws(SpecError) in try ImageConfiguration(parsing: bytes) }
    _ = reader.read { bytes throws(SpecError) in try LayoutVersion(parsing: bytes) }
    let archive = reader.read { bytes throws(SpecError) in
      try DockerArchiveManifest(parsing: bytes)
    }
    for error in reader.errors { checkError(error, input, &faults) }
    for manifest in manifests { checkManifest(manifest, input, &faults) }
    if let index { checkIndex(index, input, &faults) }
    if let archive { checkArchive(archive, &faults) }
    checkValue(input, &faults)
  }

  /// Reads the same bytes in several ways, and keeps what was wrong with them.
  private struct Reader {
    let bytes: [UInt8]
    private(set) var errors: [SpecError] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read<Document: Equatable>(
      _ parse: ([UInt8]) throws(SpecError) -> Document
    ) -> Document? {
      do throws(SpecError) {
        return try parse(bytes)
      } catch {
        errors.append(error)
        return nil
      }
    }
  }

  private static func checkError(_ error: SpecError, _ input: [UInt8], _ faults: inout Faults) {
    let text = "\(error)"
    faults.require(
      !text.utf8.contains { $0 < 0x20 || $0 == 0x7f },
      "control characters in a message: \(text.debugDescription)"
    )
    if case .badJSON(_, let place) = error {
      faults.require((0...input.count).contains(place), "names a place outside: \(text)")
    }
  }

  // MARK: Manifests and indexes

  private static func checkManifest(
    _ manifest: ImageManifest,
    _ input: [UInt8],
    _ faults: inout Faults
  ) {
    checkSearch([manifest.configuration] + manifest.layers, input, &faults)
    let count = manifest.layers.count
    faults.require(count <= SpecLimits().layerCount, "a manifest of \(count) layers")
    do throws(SpecError) {
      let converted = try ManifestConversion.convert(input)
      let again = try ImageManifest(parsing: converted, as: manifestType)
      faults.require(
        again.layers.map(\.digest) == manifest.layers.map(\.digest)
          && again.configuration.digest == manifest.configuration.digest,
        "conversion changes digests"
      )
      let twice = try ManifestConversion.convert(converted)
      faults.require(twice == converted, "conversion of what was converted changes it")
    } catch {
      // Texts that grow beyond what is read are the one way to fail.
      if case .documentTooLarge = error { return }
      faults.require(false, "a manifest that was read is not converted: \(error)")
    }
  }

  /// What a document's reader uses, a search for what must be kept finds.
  private static func checkSearch(
    _ used: [Descriptor],
    _ input: [UInt8],
    _ faults: inout Faults
  ) {
    do throws(SpecError) {
      let found = Set(try DescriptorSearch.descriptors(in: input).map(\.digest))
      for descriptor in used {
        faults.require(found.contains(descriptor.digest), "\(descriptor.digest) is not found")
      }
    } catch {
      faults.require(false, "a document that was read is not searched: \(error)")
    }
  }

  private static func checkIndex(
    _ index: ImageIndex,
    _ input: [UInt8],
    _ faults: inout Faults
  ) {
    checkSearch(index.manifests, input, &faults)
    do throws(SpecError) {
      var editor = try LayoutIndexEditor(parsing: input)
      faults.require(editor.entries == index.manifests, "the editor reads other entries")
      let same = try ImageIndex(parsingLayoutIndex: try editor.bytes())
      faults.require(same == index, "an index that was not changed is written otherwise")
      let added = Descriptor(
        mediaType: manifestType,
        digest: Digest(algorithm: .sha256, bytes: [UInt8](repeating: 7, count: 32)),
        byteCount: 7,
        annotations: ["org.opencontainers.image.ref.name": "a \"\\ \u{1} é"]
      )
      editor.insert([added], before: { _ in true }, replacing: { _ in false })
      let larger = try ImageIndex(parsingLayoutIndex: try editor.bytes())
      faults.require(larger.manifests == [added] + index.manifests, "an entry changes on its way")
    } catch {
      if case .documentTooLarge = error { return }
      faults.require(false, "an index that was read is not edited: \(error)")
    }
  }

  private static func checkArchive(_ archive: DockerArchiveManifest, _ faults: inout Faults) {
    for image in archive.images {
      faults.require(image.layers.count <= SpecLimits().layerCount, "too many layers")
      for name in image.names {
        do throws(SpecError) {
          _ = try Reference(name)
        } catch {
          faults.require(false, "an image's name is no reference: \(error)")
        }
      }
    }
  }

  // MARK: JSON

  private static func checkValue(_ input: [UInt8], _ faults: inout Faults) {
    let value: JSONValue
    do throws(SpecError) {
      value = try JSONValue(parsing: input)
    } catch {
      checkError(error, input, &faults)
      return
    }
    do throws(SpecError) {
      let again = try JSONValue(parsing: value.bytes)
      faults.require(again == value, "a value changes when it is written and read")
    } catch {
      faults.require(false, "a value that was written is not read: \(error)")
    }
  }
}
