import Messages
import Sodium
import SwiftProtobuf

/// Makes an order and its head of a request that has been looked at.
struct Submitting {
    let head: ExecutionHead
    let order: [UInt8]

    /// Throws `unknown_blob` for a file that this user has not brought.
    init(
        _ request: CheckedRequest, _ identity: Identity, submission: ExecutionID = .random(), owner: Principal,
        blobs: BlobStore
    ) throws(Failure) {
        let id = ExecutionID.random()
        var files: [ExecutionHead.File] = []
        for file in request.files {
            files.append(try Self.file(file, identity, blobs))
        }
        let now = Moment.now().unixMilliseconds
        head = ExecutionHead(
            id: id, submission: submission, user: identity.user, uid: identity.uid, session: identity.session,
            kind: request.kind, command: request.command.map(Self.shown), createdMilliseconds: now,
            deadlineMilliseconds: now + Int64(request.waitMilliseconds), nodes: request.nodes, files: files,
            graceMilliseconds: request.graceMilliseconds, log: Random.number())
        var order = Self.order(id, request, identity, owner, sizes: files.map(\.size))
        order.deadlineMilliseconds = head.deadlineMilliseconds
        guard let bytes: [UInt8] = try? order.serializedBytes() else {
            throw Failure(.internal, "The order cannot be written.")
        }
        self.order = bytes
    }

    private static func file(
        _ file: CheckedRequest.File, _ identity: Identity, _ blobs: BlobStore
    ) throws(Failure) -> ExecutionHead.File {
        var head = ExecutionHead.File(name: file.name, folder: file.folder, size: 0, blob: "")
        if !file.profile.isEmpty { head.profile = file.profile }
        if file.isTree { head.isTree = true }
        guard case .blob(let blob) = file.content else { return head }
        guard let size = blobs.claim(blob, for: identity.user) else {
            throw Failure(.unknownBlob, "The upload of “\(file.name)” is not here: upload it again.")
        }
        (head.size, head.blob) = (size, blob.description)
        return head
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
            order.files = zip(request.files, sizes).map(wire)
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
                // 0 would be the usual.
                $0.graceMilliseconds = max(1, request.graceMilliseconds)
                $0.lossless = request.lossless
                $0.memoryBytes = request.memoryBytes
                $0.processes = request.processes
            }
            order.environment = request.environment.sorted { $0.key < $1.key }.map { name, value in
                .with {
                    $0.name = name
                    $0.value = value
                }
            }
            order.leave = request.leave
            if let service = request.service {
                order.service = .with {
                    $0.name = service.name
                    $0.permanent = service.isPermanent
                    $0.port = service.port
                }
            }
        }
    }

    private static func wire(_ file: CheckedRequest.File, size: UInt64) -> WireFile {
        .with {
            switch file.content {
            case .blob(let blob): $0.blob = .init(blob.bytes)
            case .kept(let execution): $0.restore = .init(execution.bytes)
            }
            $0.name = file.name
            $0.size = size
            $0.mode = file.mode
            $0.folder = file.folder
            $0.overwrite = file.overwrite
            $0.createFolder = file.createFolder
            $0.profile = file.profile
            $0.tree = file.isTree
            $0.keepPrevious = file.keepsPrevious
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
