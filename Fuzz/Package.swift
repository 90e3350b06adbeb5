// swift-tools-version: 6.2
import PackageDescription

/// libFuzzer over the modules that read what peers and files say, without sockets, database and server: see README.md.
/// It is a package of its own because all that it links is compiled with the fuzzer's instrumentation. `Core` holds links
/// to the folders of the project, so that nothing is fetched and nothing else is built.
let language: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let instrumented = language + [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])]

let package = Package(
    name: "Fuzz",
    targets: [
        .systemLibrary(name: "Sodium", path: "Core/C/Sodium", pkgConfig: "libsodium"),
        .systemLibrary(name: "Zstd", path: "Core/C/Zstd", pkgConfig: "libzstd"),
        .systemLibrary(name: "OpenBLAS", path: "Core/C/OpenBLAS", pkgConfig: "openblas"),
        .systemLibrary(name: "Zlib", path: "Core/C/Zlib", pkgConfig: "zlib"),
        .target(name: "Kernels", path: "Core/C/Kernels"),
        .target(name: "Wire", path: "Core/Wire", swiftSettings: instrumented),
        // Its loops are vetted by the sanitizers; what peers say to it is judged in the modules above.
        .target(
            name: "MeshCrypto", dependencies: ["Wire", "Sodium", "Kernels"], path: "Core/Crypto",
            swiftSettings: language + [.unsafeFlags(["-O", "-enable-testing"])]),
        .target(
            name: "Gossip", dependencies: ["Wire", "MeshCrypto"], path: "Core/Gossip", swiftSettings: instrumented),
        .target(
            name: "Chain", dependencies: ["Wire", "MeshCrypto", "Gossip"], path: "Core/Chain",
            swiftSettings: instrumented),
        .target(
            name: "Learn", dependencies: ["OpenBLAS", "Zlib", "Zstd"], path: "Core/Learn", swiftSettings: instrumented),
        // Of the node only what reads files and bodies of requests.
        .target(
            name: "MeshNode", dependencies: ["Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "Zstd"],
            path: "Core/MeshNode",
            sources: [
                "Configuration", "API/APICoding.swift", "API/RequestBodies.swift", "API/ServiceError.swift",
                "API/ProgramVersion.swift", "Storage/FileSystem.swift", "Storage/HomeDirectory.swift",
                "Storage/HomeLock.swift", "Storage/ContentCodec.swift",
                "Storage/StorageError.swift", "Node/PeerMessage.swift", "Node/BlockRange.swift",
            ], swiftSettings: instrumented),
        .target(name: "LibFuzzer", path: "LibFuzzer"),
        .target(
            name: "FuzzTargets", dependencies: ["Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "MeshNode"],
            path: "Targets", swiftSettings: instrumented + [.enableUpcomingFeature("MemberImportVisibility")]),
        .executableTarget(
            name: "meshnode-fuzz", dependencies: ["LibFuzzer", "FuzzTargets", "Gossip", "Sodium"], path: "Driver",
            swiftSettings: language, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
)
