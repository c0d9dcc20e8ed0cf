import SwiftProtobuf

/// A typed refusal: a stable code and a sentence for people.
package struct Failure: Error, Hashable, Sendable {
    /// The stable codes of docs/protocol.md §11.
    package enum Code: String, Sendable, CaseIterable {
        case exists
        case noSuchFolder = "no_such_folder"
        case permission
        case noSpace = "no_space"
        case hashMismatch = "hash_mismatch"
        case badName = "bad_name"
        case notAFile = "not_a_file"
        case noSuchUser = "no_such_user"
        case uidDiffers = "uid_differs"
        case accountLocked = "account_locked"
        case accountExpired = "account_expired"
        case notPermitted = "not_permitted"
        case badTicket = "bad_ticket"
        case expiredTicket = "expired_ticket"
        case notYet = "not_yet"
        case conflict
        case notFound = "not_found"
        case notExecutable = "not_executable"
        case tooLarge = "too_large"
        case unknownNode = "unknown_node"
        case unreachable
        case busy
        case homeMissing = "home_missing"
        case cancelled
        case duplicate
        case version
        case gone
        case noNodes = "no_nodes"
        case badCommand = "bad_command"
        case badRequest = "bad_request"
        case unknownBlob = "unknown_blob"
        case unknownExecution = "unknown_execution"
        case notLoggedIn = "not_logged_in"
        case loginFailed = "login_failed"
        case tooMany = "too_many"
        case offsetAhead = "offset_ahead"
        case badArchive = "bad_archive"
        case unknownProfile = "unknown_profile"
        case prepareFailed = "prepare_failed"
        case nothingKept = "nothing_kept"
        case unknownUpload = "unknown_upload"
        case unknownService = "unknown_service"
        case limits
        case revoked
        case `internal`
    }

    package let code: Code
    package let sentence: String
    /// The nodes it is about, where a whole request is refused; they stay in this process.
    package let nodes: [String]

    package init(_ code: Code, _ sentence: String, nodes: [String] = []) {
        self.code = code
        self.sentence = sentence
        self.nodes = nodes
    }

    package init(_ wire: WireFailure) {
        self.init(Code(rawValue: wire.code) ?? .internal, wire.sentence)
    }

    package var wire: WireFailure {
        .with {
            $0.code = code.rawValue
            $0.sentence = sentence
        }
    }
}
