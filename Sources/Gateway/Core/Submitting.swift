import Messages
import Sodium
import SwiftProtobuf

/// Makes an order and its head of a request that has been looked at.
struct Submitting {
    let head: ExecutionHead
    let order: [UInt8]

    /// Throws `unknown_blob` for a file that this user has not brought.
    init(
        _ request: CheckedRequest, _ identity: Identity, owner: Principal, blobs: BlobStore
    ) throws(Failure) {
        let id = ExecutionID.random()
        var files: [ExecutionHead.File] = []
        for file in request.files {
            guard let size = blobs.size(of: file.blob, for: identity.user) else {
                throw Failure(.unknownBlob, "The upload of “\(file.name)” is not here: upload it again.")
            }
            files.append(
                ExecutionHead.File(name: file.name, folder: file.folder, size: size, blob: file.blob.description))
        }
        let now = Moment.now().unixMilliseconds
        head = ExecutionHead(
            id: id, submission: .random(), user: identity.user, uid: identity.uid, session: identity.session,
            kind: request.kind, command: request.command.map(Self.shown), createdMilliseconds: now,
            deadlineMilliseconds: now + Int64(request.waitMilliseconds), nodes: request.nodes, files: files,
            graceMilliseconds: request.graceMilliseconds, log: Random.number())
        let order = Self.order(id, request, identity, owner, sizes: files.map(\.size))
        guard let bytes: [UInt8] = try? order.serializedBytes() else {
            throw Failure(.internal, "The order cannot be written.")
        }
        self.order = bytes
    }

    private static func order(
        _ id: ExecutionID, _ request: CheckedRequest, _ identity: Identity, _ owner: Principal, sizes: [UInt64]
    ) -> WireOrder {
        .with { order in
            order.execution = .init(id.bytes)
            order.owner = owner.description
            order.user = identity.user
            order.uid = identity.uid
            order.kind = request.kind
            order.nodes = request.nodes.map(\.description)
            order.files = zip(request.files, sizes).map { file, size in
                .with {
                    $0.name = file.name
                    $0.blob = .init(file.blob.bytes)
                    $0.size = size
                    $0.mode = file.mode
                    $0.folder = file.folder
                    $0.overwrite = file.overwrite
                    $0.createFolder = file.createFolder
                }
            }
            if let command = request.command {
                order.command = .with {
                    switch command {
                    case .arguments(let arguments): $0.arguments = arguments
                    case .shell(let line): $0.shellLine = line
                    }
                    $0.folder = request.folder
                }
            }
            order.limits = .with {
                $0.wallClockMilliseconds = request.timeoutMilliseconds
                $0.graceMilliseconds = request.graceMilliseconds
                $0.lossless = request.lossless
            }
            order.environment = request.environment.sorted { $0.key < $1.key }.map { name, value in
                .with {
                    $0.name = name
                    $0.value = value
                }
            }
            order.leave = request.leave
        }
    }

    /// A command as people would type it.
    static func shown(_ command: CheckedRequest.Command) -> String {
        switch command {
        case .shell(let line): line
        case .arguments(let words): words.map(quoted).joined(separator: " ")
        }
    }

    private static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { Topic.isPlain($0) || Array("/=:,+@%".utf8).contains($0) }
        return isPlain
            ? word
            : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
