// swift-tools-version: 6.2
import PackageDescription

/// Every target of the house is built with the same strict settings.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// What a program that exists many times on a node must be: small and quick to start, so it carries its own runtime.
let small: [LinkerSetting] = [.unsafeFlags(["-static-stdlib"])]

func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [], resources: [Resource] = []
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency], linker: [LinkerSetting] = []) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Sources/Programs/\(name)",
        swiftSettings: strict, linkerSettings: linker)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")

let package = Package(
    name: "estiba",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(
            url: "https://github.com/apple/swift-configuration.git", from: "1.4.0",
            traits: ["YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // C, and the only modules that call it.
        .systemLibrary(name: "CZeroMQ"),
        .systemLibrary(name: "CSodium"),
        .systemLibrary(name: "CPAM"),
        .target(name: "CLinux"),
        .target(name: "CChecksum"),
        .target(name: "CPages", linkerSettings: [.linkedLibrary("sqlite3")]),
        module("ZeroMQ", ["CZeroMQ"]),
        module("Sodium", ["CSodium"]),
        module("PAM", ["CPAM"]),

        // The wire, the log, the bus.
        module("Messages", [protobuf], exclude: ["estiba.proto"]),
        module("Spool", ["CChecksum"]),
        module("Bus", ["ZeroMQ", "Sodium", "Messages", "Settings", logging, protobuf]),
        module("Settings", [configuration, logging]),

        // The parts.
        module("Broker", ["Bus", "ZeroMQ", "Messages", "Settings", logging, lifecycle, protobuf]),
        module("Placer", ["Spool", "CLinux"]),
        module("Supervisor", ["Spool", "CLinux", "PAM"]),
        module(
            "Worker",
            [
                "Bus", "ZeroMQ", "Sodium", "Messages", "Spool", "Supervisor", "Placer", "PAM", "Settings", "CLinux",
                logging, lifecycle, signals, protobuf,
            ]),
        module("Authenticator", ["PAM", "Spool", "CLinux", "Settings", logging, lifecycle]),
        module(
            "Gateway",
            [
                "CPages", "Bus", "ZeroMQ", "Sodium", "Messages", "Spool", "Settings", logging, lifecycle, signals,
                protobuf,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ], resources: [.copy("Page"), .copy("API")]),
        module(
            "Commands",
            [
                "Sodium", "Messages", "Spool", arguments, signals,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),

        // What may import all: the parts' cores in virtual time, and simulated nodes.
        module(
            "Simulator",
            [
                "Bus", "ZeroMQ", "Sodium", "Messages", "Spool", "Settings", "Worker", "Supervisor", "Broker", "Gateway",
                arguments, protobuf, signals,
            ]),

        // Thin mains.
        program("estiba", ["Commands"]),
        program("estiba-broker", ["Broker", "Bus", "Settings", logging, lifecycle, signals]),
        program("estiba-gateway", ["Gateway", "Bus", "Settings", logging]),
        program("estiba-worker", ["Worker"]),
        program("estiba-simulator", ["Simulator"]),
        program("estiba-authenticator", ["Authenticator", "Settings", logging, lifecycle, signals]),
        program("estiba-supervisor", ["Supervisor", "CLinux"], linker: small),
        program("estiba-placer", ["Placer"], linker: small),

        tests("MessagesTests", ["Messages", "Sodium"]),
        tests("SpoolTests", ["Spool"]),
        tests("BusTests", ["Bus", "ZeroMQ", "Sodium", "Messages", "Settings", "Broker", logging, protobuf]),
        tests(
            "NodeTests",
            [
                "Worker", "Supervisor", "Placer", "Spool", "CLinux", "Messages", "PAM", "Authenticator", "Bus",
                "Settings", "Sodium", logging, protobuf,
            ]),
        tests(
            "GatewayTests",
            [
                "Gateway", "Authenticator", "Spool", "Messages", "Bus", "ZeroMQ", "Sodium", logging, lifecycle,
                protobuf,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ]),
        tests("CommandsTests", ["Commands", "Messages", "Spool"]),
        tests("SimulatorTests", ["Simulator", "Messages"]),
    ],
    swiftLanguageModes: [.v6]
)
