import Foundation
import Logging
import Messages
import SwiftProtobuf

extension Executions {
    // MARK: Telling

    func tell(_ changed: [RunKey]) {
        guard !changed.isEmpty else { return }
        for key in changed { book.note(.run(key)) }
        bell.ring(book.last)
        var byExecution: [ExecutionID: [(key: Int, value: RunView)]] = [:]
        for key in changed {
            guard let run = dispatcher[key] else { continue }
            guard feeds[key.execution] != nil else {
                byExecution[key.execution, default: []] = []
                continue
            }
            byExecution[key.execution, default: []].append((key.run, view(run, key)))
        }
        for (id, views) in byExecution { feeds[id]?.publish(views) }
        for (user, ids) in Dictionary(grouping: byExecution.keys, by: { dispatcher.executions[$0]?.head.user ?? "" }) {
            tell(user: user, ids)
        }
        // The copier may end the execution by this: it is the last to be told.
        for key in changed {
            guard let run = dispatcher[key], run.sequence > 0 || run.state.isTerminal else { continue }
            surroundings.copier(
                .reported(key, spool: run.spool, finalLength: run.state.isTerminal ? run.finalLength ?? 0 : nil))
        }
    }

    func tell(user: String, _ ids: [ExecutionID]) {
        guard let feed = userFeeds[user], feed.hasReaders else { return }
        feed.publish(
            ids.compactMap { id in
                dispatcher.executions[id].map { (key: id, value: view($0, withRuns: false)) }
            })
    }

    func event(_ key: RunKey) -> Outgoing? {
        guard let run = dispatcher[key], let head = dispatcher.executions[key.execution]?.head else { return nil }
        let event = WireEvent.with {
            $0.execution = .init(key.execution.bytes)
            $0.node = run.node.description
            $0.user = head.user
            $0.kind = head.kind
            $0.command = head.command ?? ""
            $0.report = run.report
        }
        return .event(.event(user: head.user, key.execution, run.node), event)
    }

    /// Calls the journal; whatever is wrong with it is not the caller's to know.
    func journal<Result: Sendable>(_ body: (Journal) async throws -> Result) async throws(Failure) -> Result {
        do {
            return try await body(surroundings.journal)
        } catch let failure as Failure {
            throw failure
        } catch {
            surroundings.logger.error("journal", metadata: ["reason": "\(error)"])
            throw Journal.failure(error)
        }
    }

    /// Why an execution that is not in the journal is not there: `gone` where it was this user's.
    func absence(of id: ExecutionID, _ user: String) async throws(Failure) -> Failure {
        guard let tomb = try await journal({ try await $0.tomb(id) }), tomb.user == user else {
            return Self.unknown(id)
        }
        return Failure(
            .gone,
            "Execution \(id) is not kept here any more: executions go \(Amounts.text(surroundings.retention.executions)) after their end."
        )
    }

    static func unknown(_ id: ExecutionID) -> Failure {
        Failure(.unknownExecution, "There is no execution \(id).")
    }
}
