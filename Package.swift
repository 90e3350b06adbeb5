// swift-tools-version: 6.2
import PackageDescription

/// For targets that use the C library beside Dispatch: in whole-module builds the compiler attributes types such as
/// `timespec` to whichever clang module it met first, so these go without MemberImportVisibility, which would then
/// ask for an import that does not exist.
let shell: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Settings of every pure Swift target.
let strict = shell + [.enableUpcomingFeature("MemberImportVisibility")]

/// The audit surface: every unsafe construct has to be spelled out.
let audited = strict + [.strictMemorySafety()]

let package = Package(
    name: "meshnode",
    products: [
        .executable(name: "meshnode", targets: ["MeshNodeCLI"]),
        .executable(name: "meshnode-sim", targets: ["MeshSimCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", .upToNextMinor(from: "7.10.0")),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries and the vector kernel.
        .systemLibrary(
            name: "Sodium", path: "Sources/C/Sodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "Zstd", path: "Sources/C/Zstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(
            name: "OpenBLAS", path: "Sources/C/OpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "Zlib", path: "Sources/C/Zlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Kernels", path: "Sources/C/Kernels"),

        // Pure modules: no sockets, no SQL.
        .target(name: "Wire", swiftSettings: audited),
        .target(
            name: "MeshCrypto", dependencies: ["Wire", "Sodium", "Kernels"], path: "Sources/Crypto",
            swiftSettings: audited),
        .target(name: "Gossip", dependencies: ["Wire", "MeshCrypto"], swiftSettings: strict),
        .target(name: "Chain", dependencies: ["Wire", "MeshCrypto", "Gossip"], swiftSettings: strict),
        .target(name: "Learn", dependencies: ["OpenBLAS", "Zlib", "Zstd"], swiftSettings: strict),

        // Shells: sockets, database, processes.
        .target(
            name: "MeshNode",
            dependencies: [
                "Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "Zstd",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: shell),
        .executableTarget(
            name: "MeshNodeCLI",
            dependencies: [
                "MeshNode", "Wire", "MeshCrypto", "Chain", "Learn",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: shell),
        // The simulator: virtual clock and network over the same state machines.
        .target(name: "MeshSim", dependencies: ["Wire", "MeshCrypto", "Gossip", "Chain"], swiftSettings: strict),
        // Layer B: the nodes themselves, with their files, under a seeded schedule.
        .target(
            name: "NodeSim",
            dependencies: [
                "MeshSim", "MeshNode", "Chain", "Gossip", "Wire", "MeshCrypto",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: shell),
        .executableTarget(
            name: "MeshSimCLI",
            dependencies: [
                "MeshSim", "NodeSim", "MeshCrypto", "Chain",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .testTarget(name: "WireTests", dependencies: ["Wire", "Chain", "Gossip", "MeshCrypto"], swiftSettings: strict),
        .testTarget(name: "MeshCryptoTests", dependencies: ["MeshCrypto", "Wire", "Sodium"], swiftSettings: strict),
        .testTarget(name: "KernelsTests", dependencies: ["Kernels", "MeshCrypto", "Sodium"], swiftSettings: strict),
        .testTarget(name: "LearnTests", dependencies: ["Learn", "Chain"], swiftSettings: strict),
        .testTarget(name: "GossipTests", dependencies: ["Gossip", "Wire", "MeshCrypto"], swiftSettings: strict),
        .testTarget(
            name: "ChainTests", dependencies: ["Chain", "Gossip", "Wire", "MeshCrypto", "MeshSim"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["MeshSim", "Chain", "Wire", "MeshCrypto"], swiftSettings: strict),
        .testTarget(
            name: "TransportTests",
            dependencies: [
                "MeshNode", "Gossip", "Wire", "MeshCrypto",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: shell),
        .testTarget(
            name: "StorageTests",
            dependencies: [
                "MeshNode", "Gossip", "Wire", "MeshCrypto", .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: shell),
        .testTarget(
            name: "APITests",
            dependencies: [
                "MeshNode", "Wire", "MeshCrypto", "Learn",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: shell),
        .testTarget(
            name: "CLITests",
            dependencies: ["MeshNode", "MeshNodeCLI", "Wire", .product(name: "Logging", package: "swift-log")],
            swiftSettings: shell),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "MeshNode", "MeshNodeCLI", "Chain", "Gossip", "Wire", "MeshCrypto", "Learn",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: shell),
        // The targets of the package in `Fuzz`, whose kept inputs run as tests.
        .testTarget(
            name: "FuzzTests", dependencies: ["Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "MeshNode"],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: shell),
    ]
)
