/// What the API shows and takes (docs/protocol.md §10). Absent members are left out of the JSON.
package struct ExecutionView: Codable, Sendable, Equatable {
    package var execution: String
    package var submission: String
    package var user: String
    package var kind: String
    package var command: String?
    /// Unix milliseconds.
    package var created: Int64
    package var nodes: Int
    package var log: String
    package var files: [FileView]
    package var complete: Bool
    package var counts: [String: Int]
    /// Runs that ended otherwise than with exit code 0 or placed; a stopped or cancelled one is not a failure.
    package var failed: Int?
    /// Absent in lists.
    package var runs: [RunView]?
    /// What was asked for, so that it can be asked again. Absent in lists.
    package var request: ExecutionRequest?
    /// The gateway that it belongs to.
    package var owner: String?
    /// Since when the owner is away, Unix milliseconds: what is shown is what it told last, and its runs go on.
    package var ownerAwaySince: Int64?
}

package struct FileView: Codable, Sendable, Equatable {
    package var name: String
    /// Empty: the home, or where the profile says.
    package var folder: String
    package var size: UInt64
    package var profile: String?
    package var tree: Bool?
}

package struct RunView: Codable, Sendable, Equatable {
    package var run: Int
    package var node: String
    package var state: String
    package var terminal: Bool
    package var code: Int32?
    package var signal: Int32?
    package var percent: Int?
    package var pid: Int32?
    package var reason: FailureView?
    package var since: Int64
    package var finalLength: UInt64?
    package var copied: UInt64
    package var awaySince: Int64?
    package var leftOver: Int?
    package var remaining: Int?
}

package struct FailureView: Codable, Sendable, Equatable {
    package var code: String
    package var sentence: String
    package var nodes: [String]?
    /// Where an upload goes on.
    package var offset: UInt64?
    package var missing: [[UInt64]]?
}

/// Executions that were asked for together.
package struct SubmissionView: Codable, Sendable, Equatable {
    package var submission: String
    package var executions: [ExecutionView]
}

/// How far an upload is; with `blob` it is finished, and nothing but the size is there besides.
package struct UploadView: Codable, Sendable, Equatable {
    package var upload: String?
    package var offset: UInt64?
    package var size: UInt64
    /// Byte ranges that are still to come, `[from, to]` each; only where the list was given.
    package var missing: [[UInt64]]?
    package var blob: String?
}

package struct NodeView: Codable, Sendable, Equatable {
    package var name: String
    package var present: Bool
    package var since: Int64
    package var labels: [String: String]
    package var facts: [String: String]
    package var addresses: [String]
    package var program: String
    /// Absent where there are none.
    package var profiles: [ProfileView]?
    package var services: [ServiceView]?
}

/// The body of `POST executions`.
package struct ExecutionRequest: Codable, Sendable, Equatable {
    package struct File: Codable, Sendable, Equatable {
        /// Absent with `restore`.
        package var blob: String?
        package var name: String
        /// Absent with `profile`, which says where.
        package var folder: String?
        package var mode: UInt32?
        package var overwrite: Bool?
        package var createFolder: Bool?
        package var profile: String?
        /// The blob is a tar archive; what it holds becomes the folder `name`.
        package var tree: Bool?
        package var keepPrevious: Bool?
        /// The execution whose kept file or folder is put back.
        package var restore: String?
    }

    /// A name that is announced while the command runs, or until it is removed.
    package struct Service: Codable, Sendable, Equatable {
        package var name: String
        package var permanent: Bool?
        package var port: UInt32?
    }

    /// Exactly one of the three.
    package struct Command: Codable, Sendable, Equatable {
        package var arguments: [String]?
        package var line: String?
        package var shell: String?
    }

    package var nodes: [String]
    package var kind: String?
    package var files: [File]?
    package var command: Command?
    package var folder: String?
    package var environment: [String: String]?
    package var waitMilliseconds: UInt64?
    package var timeoutMilliseconds: UInt64?
    package var graceMilliseconds: UInt64?
    package var lossless: Bool?
    /// Of all processes of a run together; 0 or absent: none.
    package var memoryBytes: UInt64?
    package var processes: UInt32?
    package var leave: Bool?
    package var service: Service?
}
