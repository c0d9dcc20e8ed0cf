/// What the gateway answers (docs/protocol.md §10). What this version does not know is left alone.
struct Execution: Codable, Sendable {
    var execution: String
    var submission: String?
    var user: String?
    var kind: String?
    var command: String?
    /// Unix milliseconds.
    var created: Int64?
    var nodes: Int?
    var log: String?
    var files: [PlacedFile]?
    var complete: Bool?
    var counts: [String: Int]?
    /// Absent in lists.
    var runs: [Run]?
    /// The gateway that it belongs to.
    var owner: String?
    /// Unix milliseconds; absent while the owner is there.
    var ownerAwaySince: Int64?

    /// What to say where the owner is away; nil where nothing is to be said.
    var awayNote: String? {
        guard let ownerAwaySince, complete != true else { return nil }
        return Self.awayNote(owner ?? "its gateway", since: ownerAwaySince)
    }

    static func awayNote(_ owner: String, since: Int64) -> String {
        "the gateway \(owner) is away since \(Moment.text(since)); its runs go on"
    }

    struct PlacedFile: Codable, Sendable {
        var name: String
        var folder: String
        var size: UInt64
    }
}

/// An execution on one node.
struct Run: Codable, Sendable, Equatable {
    var run: Int
    var node: String
    var state: String
    var terminal: Bool
    var code: Int32?
    var signal: Int32?
    var percent: Int?
    var pid: Int32?
    var reason: Reason?
    var since: Int64?
    var finalLength: UInt64?
    var copied: UInt64?
    var awaySince: Int64?
    var leftOver: Int?
    /// Processes of the run that still live.
    var remaining: Int?
}

/// A refusal: a stable code and a sentence.
struct Reason: Codable, Sendable, Equatable {
    var code: String
    var sentence: String
    var nodes: [String]?
}

struct Node: Codable, Sendable {
    var name: String
    var present: Bool
    /// Unix milliseconds.
    var since: Int64?
    var labels: [String: String]?
    var facts: [String: String]?
    var addresses: [String]?
    var program: String?
}

struct Login: Codable, Sendable {
    var user: String
    var uid: UInt32
    var token: String
    var expires: Int64?
}

struct Identity: Codable, Sendable {
    var user: String
    var uid: UInt32
    var session: String?
    var expires: Int64?
}

struct NodeList: Codable, Sendable { var nodes: [Node] }
struct ExecutionList: Codable, Sendable { var executions: [Execution] }
struct Blob: Codable, Sendable {
    var blob: String
    var size: UInt64
}
struct Refusal: Codable, Sendable { var error: Reason }
