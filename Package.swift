// swift-tools-version: 6.2
// The whole truth about who may import whom: see docs/ARCHITECTURE.md for the picture.

import Foundation
import PackageDescription

/// ISA-L decodes gzip where it is installed; see docs/decisions/0011-isa-l.md.
let hasISAL =
  Context.environment["BANGER_FS_WITHOUT_ISAL"] != "1"
  && FileManager.default.fileExists(atPath: "/usr/include/isa-l/igzip_lib.h")

let common: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Values only: every unsafe construct must be spelled `unsafe`, and these targets never spell it.
let pure = common + [.strictMemorySafety()]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser",
  package: "swift-argument-parser"
)
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nio = ["NIOCore", "NIOPosix", "NIOHTTP1"].map {
  Target.Dependency.product(name: $0, package: "swift-nio")
}
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
  name: "banger-fs",
  products: [.executable(name: "banger-fs", targets: ["BangerFS"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // C libraries: header-only system modules, one importer each.
    .systemLibrary(name: "CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

    // Values only.
    .target(name: "Offsets", swiftSettings: pure),
    .target(name: "OCISpec", swiftSettings: pure),
    .target(name: "TarFormat", dependencies: ["Offsets"], swiftSettings: pure),
    .target(name: "FileTree", dependencies: ["Offsets", "FlatArrays"], swiftSettings: pure),

    // Memory, C libraries and files.
    .target(name: "FlatArrays", swiftSettings: common),
    .target(
      name: "SeekableCompression",
      dependencies: ["Offsets", "CZlib", "CZstd"] + (hasISAL ? ["CIsal"] : []),
      swiftSettings: common + (hasISAL ? [.define("HAS_ISAL")] : [])
    ),
    .target(name: "Threading", swiftSettings: common),
    .target(name: "FuseServer", dependencies: ["CFuse3", "Threading"], swiftSettings: common),
    .target(
      name: "ImageStore",
      dependencies: [
        "Offsets", "OCISpec", "TarFormat", "SeekableCompression", "Threading", system, crypto,
      ],
      swiftSettings: common
    ),
    .target(
      name: "Registry",
      dependencies: [
        "OCISpec", "Threading", "ImageStore", httpClient, nioSSL, subprocess, system, toml,
      ] + nio,
      swiftSettings: common
    ),
    .target(
      name: "Layers",
      dependencies: [
        "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
        "Threading", "ImageStore", system,
      ],
      swiftSettings: common
    ),
    .target(
      name: "TreeMount",
      dependencies: ["Offsets", "FlatArrays", "FileTree", "Layers", "FuseServer"],
      swiftSettings: common
    ),
    .target(
      name: "Ext4Image",
      dependencies: ["Offsets", "FlatArrays", "FileTree", system, subprocess],
      swiftSettings: common
    ),
    .executableTarget(
      name: "BangerFS",
      dependencies: [
        "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
        "Threading", "FuseServer", "ImageStore", "Registry", "Layers", "TreeMount", "Ext4Image",
        argumentParser, system,
      ],
      swiftSettings: common
    ),

    // Tests. A missing tool or device fails them: make test installs what they need.
    .target(
      name: "TestKit",
      dependencies: ["Offsets", "FlatArrays", "FileTree", "CZlib", "CZstd", crypto],
      path: "Tests/TestKit",
      swiftSettings: common
    ),
    .executableTarget(
      name: "fuse-fixture",
      dependencies: ["FuseServer"],
      path: "Tests/FuseFixture",
      swiftSettings: common
    ),
    // A registry that does what it is told, also what a real one would not.
    .target(
      name: "TestRegistry",
      dependencies: ["TestKit", crypto, nioSSL] + nio,
      path: "Tests/TestRegistry",
      swiftSettings: common
    ),
    // What is promised of arbitrary bytes: run over a corpus in tests, over more in `make fuzz`.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
        "ImageStore", "Layers", "TestKit",
      ],
      path: "Tests/Fuzzing",
      exclude: ["Corpus", "Dictionaries", "make-seeds"],
      swiftSettings: common
    ),
    .testTarget(name: "FuzzingTests", dependencies: ["FuzzTargets"], swiftSettings: common),
    .testTarget(name: "ArchitectureTests", swiftSettings: common),
    .testTarget(name: "FlatArraysTests", dependencies: ["FlatArrays"], swiftSettings: common),
    .testTarget(name: "OCISpecTests", dependencies: ["OCISpec"], swiftSettings: common),
    .testTarget(
      name: "TarFormatTests",
      dependencies: ["Offsets", "TarFormat", "TestKit"],
      swiftSettings: common
    ),
    .testTarget(
      name: "FileTreeTests",
      dependencies: ["Offsets", "FlatArrays", "FileTree", "TestKit"],
      swiftSettings: common
    ),
    .testTarget(
      name: "SeekableCompressionTests",
      dependencies: ["Offsets", "SeekableCompression", "TestKit"],
      swiftSettings: common
    ),
    .testTarget(
      name: "ImageStoreTests",
      dependencies: ["ImageStore", "OCISpec", "Threading", "TestKit", system, crypto],
      swiftSettings: common
    ),
    .testTarget(
      name: "RegistryTests",
      dependencies: ["Registry", "ImageStore", "OCISpec", "TestKit", "TestRegistry", system],
      swiftSettings: common
    ),
    .testTarget(
      name: "LayersTests",
      dependencies: [
        "Offsets", "FlatArrays", "OCISpec", "TarFormat", "FileTree", "SeekableCompression",
        "Threading", "ImageStore", "Layers", "BangerFS", "TestKit", system,
      ],
      swiftSettings: common
    ),
    .testTarget(
      name: "FuseServerTests",
      dependencies: ["FuseServer", "fuse-fixture"],
      swiftSettings: common
    ),
    .testTarget(
      name: "TreeMountTests",
      dependencies: ["FlatArrays", "FileTree", "FuseServer", "Layers", "TreeMount", "TestKit"],
      swiftSettings: common
    ),
    .testTarget(
      name: "Ext4ImageTests",
      dependencies: [
        "Offsets", "FlatArrays", "FileTree", "Ext4Image", "TestKit", system, subprocess,
      ],
      swiftSettings: common
    ),
    // The built binary in a process of its own, as a user runs it; and what looks at its mounts.
    .executableTarget(
      name: "mount-witness",
      dependencies: ["FileTree", "TestKit"],
      path: "Tests/MountWitness",
      swiftSettings: common
    ),
    .testTarget(
      name: "CommandTests",
      dependencies: ["BangerFS", "FileTree", "TestKit", "TestRegistry", "mount-witness"],
      swiftSettings: common
    ),
  ],
  swiftLanguageModes: [.v6]
)

if hasISAL {
  package.targets.append(
    .systemLibrary(name: "CIsal", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])])
  )
}

// Has no main function of its own: it links only where the fuzzing engine is asked for.
if Context.environment["BANGER_FS_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzzer",
      dependencies: ["FuzzTargets"],
      path: "Tests/Fuzzer",
      swiftSettings: common
    )
  )
}
