import Foundation
import Messages
import Sodium
import SwiftProtobuf

/// Taking requests on: several together, and the way back.
extension Executions {
    static let mostTogether = 100

    /// Makes a request the same when it comes again: the user's key and the hash of what was asked.
    typealias Key = (text: String, hash: [UInt8])

    /// What a key makes of a request; throws `bad_request` for a key that is none.
    static func key(
        _ text: String?, of asked: some Encodable & Sendable, by identity: Identity
    ) async throws(Failure) -> Key? {
        guard let text else { return nil }
        guard (1...200).contains(text.utf8.count) else {
            throw Failure(.badRequest, "An Idempotency-Key has 1 to 200 bytes.")
        }
        return (text: text, hash: await DiskWork.run(for: identity.user) { hash(asked) })
    }

    /// What makes two requests the same: their JSON with the keys in order.
    private static func hash(_ request: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Blake2b.hash([UInt8]((try? encoder.encode(request)) ?? Data()))
    }

    /// Takes several requests on as one submission, all or none; when it returns, it is on the disk.
    ///
    /// The first thing wrong with any of them is thrown, and says with which.
    func submit(
        all requests: [ExecutionRequest], by identity: Identity, idempotencyKey: String?
    ) async throws(Failure) -> (view: SubmissionView, isNew: Bool) {
        guard (1...Self.mostTogether).contains(requests.count) else {
            throw Failure(.tooMany, "A submission has 1 to \(Self.mostTogether) executions.")
        }
        let key = try await Self.key(idempotencyKey, of: requests, by: identity)
        let (views, isNew) = try await take(requests, by: identity, key: key)
        return (SubmissionView(submission: views.first?.submission ?? "", executions: views), isNew)
    }

    /// An execution that puts back what an earlier one kept, on all its nodes where none are named.
    func rollBack(
        _ id: ExecutionID, nodes: [String]?, by identity: Identity, idempotencyKey: String?
    ) async throws(Failure) -> (view: ExecutionView, isNew: Bool) {
        // The request says it for another gateway's execution too.
        guard let request = try await show(id, user: identity.user).request else { throw Self.unknown(id) }
        let files = (request.files ?? []).filter { $0.keepPrevious == true }.map { file in
            ExecutionRequest.File(
                name: file.name, folder: file.profile == nil ? file.folder : nil, profile: file.profile,
                tree: file.tree == true ? true : nil, restore: id.description)
        }
        guard !files.isEmpty else {
            throw Failure(
                .nothingKept,
                "Execution \(id) kept nothing that could be put back: only one that was asked to keep does.")
        }
        let known = Set(request.nodes)
        let strangers = (nodes ?? []).filter { !known.contains($0) }
        guard strangers.isEmpty else {
            throw Failure(
                .unknownNode, "Not among the nodes of this execution: \(strangers.joined(separator: ", ")).",
                nodes: strangers)
        }
        return try await submit(
            ExecutionRequest(nodes: nodes ?? request.nodes, kind: "deploy", files: files), by: identity,
            idempotencyKey: idempotencyKey)
    }

    /// Checks all, stores all in one transaction, and starts all; what was stored before under this key is shown again.
    func take(
        _ requests: [ExecutionRequest], by identity: Identity, key: Key?
    ) async throws(Failure) -> (views: [ExecutionView], isNew: Bool) {
        if let key, let known = try await journal({ try await $0.known(key, of: identity.user) }) {
            return (try await answer(known, identity), false)
        }
        if let refusal = surroundings.logs.refusalForRoom(surroundings.retention) { throw refusal }
        let submission = ExecutionID.random()
        let surroundings = surroundings
        // Not on this actor: a request may name many thousands of files, and each is looked for on the disk.
        let made = try await DiskWork.run(for: identity.user) { () -> Result<[Submitting], Failure> in
            do throws(Failure) {
                return .success(try Self.make(requests, identity, submission, surroundings))
            } catch {
                return .failure(error)
            }
        }.get()
        let accepted = try await store(made, requests, key)
        guard case .new = accepted else { return (try await answer(accepted, identity), false) }
        defer { cancelIfRevoked(identity.session) }
        let views = zip(made, requests).map { made, request in
            let execution = Execution(made.head)
            open(execution, order: made.order, isOld: false)
            var view = view(dispatcher.executions[made.head.id] ?? execution, withRuns: true)
            view.request = request
            view.request?.nodes = made.head.nodes.map(\.description)
            return view
        }
        return (views, true)
    }

    private static func make(
        _ requests: [ExecutionRequest], _ identity: Identity, _ submission: ExecutionID, _ surroundings: Surroundings
    ) throws(Failure) -> [Submitting] {
        var made: [Submitting] = []
        for (index, request) in requests.enumerated() {
            do throws(Failure) {
                made.append(try make(request, identity, submission, surroundings))
            } catch {
                guard requests.count > 1 else { throw error }
                throw Failure(
                    error.code, "Execution \(index + 1) of \(requests.count): \(error.sentence)", nodes: error.nodes)
            }
        }
        return made
    }

    private static func make(
        _ request: ExecutionRequest, _ identity: Identity, _ submission: ExecutionID, _ surroundings: Surroundings
    ) throws(Failure) -> Submitting {
        let checked = try RequestCheck.check(request)
        let strangers = checked.nodes.filter { !surroundings.nodes.isRegistered($0) }.map(\.description)
        guard strangers.isEmpty else { throw RequestCheck.unknown(strangers) }
        return try Submitting(
            checked, identity, submission: submission, owner: surroundings.owner, blobs: surroundings.blobs)
    }

    /// Makes the logs and writes the journal; where the journal does not take it, no log is left.
    private func store(
        _ made: [Submitting], _ requests: [ExecutionRequest], _ key: Key?
    ) async throws(Failure) -> Journal.Accepted {
        var accepted: Journal.Accepted?
        defer {
            if case .new? = accepted {} else { for one in made { surroundings.logs.discard(one.head.id) } }
        }
        for one in made { try surroundings.logs.create(one.head, createdNanoseconds: Moment.wallNanoseconds()) }
        let submissions = zip(made, requests).map { made, request in
            Journal.Submission(head: made.head, order: made.order, request: request)
        }
        let answer = try await journal { try await $0.accept(submissions, key: key) }
        accepted = answer
        return answer
    }

    private func answer(
        _ accepted: Journal.Accepted, _ identity: Identity
    ) async throws(Failure) -> [ExecutionView] {
        guard case .known(let ids) = accepted else {
            throw Failure(.conflict, "This Idempotency-Key was used for another request.")
        }
        var views: [ExecutionView] = []
        for id in ids { views.append(try await show(id, user: identity.user)) }
        return views
    }
}
