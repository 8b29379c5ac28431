// swift-tools-version: 6.0
// SPDX-License-Identifier: MIT OR Apache-2.0
import PackageDescription

let package = Package(
    name: "Afflux",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Afflux", targets: ["Afflux"])
    ],
    targets: [
        // The installed C library, and what a Swift function cannot do by itself.
        .systemLibrary(name: "CAffluxShim", pkgConfig: "afflux"),
        .target(name: "Afflux", dependencies: ["CAffluxShim"]),
        .testTarget(name: "AffluxTests", dependencies: ["Afflux"]),
        .executableTarget(name: "downloads", dependencies: ["Afflux"], path: "Examples/Downloads"),
        .executableTarget(name: "bench", dependencies: ["Afflux"], path: "Benchmarks/Bench"),
    ]
)
