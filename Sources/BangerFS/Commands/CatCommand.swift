// cat: the bytes of files of an image.

import ArgumentParser
import FileTree
import Layers

struct CatCommand: AsyncParsableCommand, LayeredCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat",
    abstract: "Write the bytes of files to standard output."
  )

  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
  @OptionGroup var layers: LayerOptions

  @Argument(help: ArgumentHelp("Paths in the image.", valueName: "path"))
  var paths: [String]

  func run() async throws {
    let files = try await Wiring.open(source).opened.files
    var out = StandardOutput()
    for path in paths {
      let node = files.tree[try files.tree.find(path, followingLast: true).node]
      guard node.kind == .regular else {
        let name = EscapedBytes.string(path.utf8)
        throw CommandFailure(
          .notFound,
          "\(name): not a regular file but a \(FileFacts.name(of: node.kind))"
        )
      }
      do {
        try FileBytes.forEach(of: node, in: files) { try out.write($0) }
      } catch let error as LayersError {
        let remedied = try source.image.place.remedied(error)
        let failure = CommandFailure(remedied) ?? CommandFailure(error)
        throw failure.of(EscapedBytes.string(path.utf8))
      }
    }
  }
}

/// A file's bytes, piece by piece.
enum FileBytes {
  private static let pieceByteCount = 1 << 20

  static func forEach(
    of file: Node,
    in files: ImageFiles,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: pieceByteCount,
      alignment: 16
    )
    defer { buffer.deallocate() }
    var offset: UInt64 = 0
    while offset < file.size {
      let count = try files.read(file, at: offset, into: buffer)
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += UInt64(count)
    }
  }
}
