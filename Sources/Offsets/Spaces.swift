// The three streams that positions are counted in.

/// The bytes of a layer blob as stored: compressed.
package enum BlobSpace {}

/// The bytes of a layer's tar stream: decompressed.
package enum TarSpace {}

/// The bytes of one regular file.
package enum FileSpace {}

package typealias BlobOffset = Offset<BlobSpace>
package typealias TarOffset = Offset<TarSpace>
package typealias FileOffset = Offset<FileSpace>
