/// The body of `POST executions`; absent members take the gateway's defaults.
struct Submission: Encodable, Sendable, Equatable {
    struct File: Encodable, Sendable, Equatable {
        var blob: String?
        var name: String
        var folder: String?
        var mode: UInt32?
        var overwrite: Bool
        var createFolder: Bool
        var profile: String?
        var tree: Bool?
        var keepPrevious: Bool?
    }

    struct Service: Encodable, Sendable, Equatable {
        var name: String
        var permanent: Bool
        var port: UInt32?
    }

    /// Exactly one member is set.
    struct Command: Encodable, Sendable, Equatable {
        var arguments: [String]?
        var line: String?
        var shell: String?
    }

    var nodes: [String]
    var kind: String
    var files: [File]?
    var command: Command?
    var folder: String?
    var waitMilliseconds: UInt64?
    var timeoutMilliseconds: UInt64?
    var graceMilliseconds: UInt64?
    var lossless: Bool?
    var memoryBytes: UInt64?
    var processes: UInt32?
    var service: Service?
}

struct StopRequest: Encodable, Sendable {
    var nodes: [String]?
    var graceMilliseconds: UInt64?
}

struct Credentials: Encodable, Sendable {
    var user: String
    var password: String
}

struct OneTimeCode: Encodable, Sendable { var code: String }
