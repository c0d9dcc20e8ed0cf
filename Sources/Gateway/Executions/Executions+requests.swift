import Foundation
import Messages
import Sodium
import SwiftProtobuf

extension Executions {
    /// Takes a request on; when it returns, the submission is on the disk and on its way to the nodes.
    ///
    /// The same key with the same request gives the same execution with `isNew` false; with another request it throws
    /// `conflict`. Anything wrong with the request is thrown as the first reason met, before anything is stored; nodes
    /// that are not registered refuse the whole request with `unknown_node` and their names in `nodes`.
    func submit(
        _ request: ExecutionRequest, by identity: Identity, idempotencyKey: String?
    ) async throws(Failure) -> (view: ExecutionView, isNew: Bool) {
        let key = try await Self.key(idempotencyKey, of: request, by: identity)
        let (views, isNew) = try await take([request], by: identity, key: key)
        guard let view = views.first else { throw Failure(.internal, "The request was not taken on.") }
        return (view, isNew)
    }

    /// The user's executions, newest first, without their runs; `before` is the last one of the page before.
    func list(
        user: String, active: Bool, limit: Int, before: ExecutionID?
    ) async throws(Failure) -> [ExecutionView] {
        let limit = max(1, min(limit, 500))
        await surroundings.others.settle()
        let lines = try await journal { try await $0.lines(user: user, active: active, limit: limit, before: before) }
        let others = await surroundings.others.views(of: lines.compactMap { $0.owner == nil ? nil : $0.head.id })
        let away = await surroundings.others.awaySince(of: Set(lines.compactMap(\.owner)))
        return lines.map { line in
            if let live = dispatcher.executions[line.head.id] { return view(live, withRuns: false) }
            if let other = others[line.head.id] { return other }
            var view = ExecutionView(line.head, complete: line.isComplete)
            view.owner = (line.owner ?? surroundings.owner).name
            view.ownerAwaySince = line.owner.flatMap { away[$0] }
            for (state, count) in line.counts {
                let report = WireReport.with { $0.state = WireState(rawValue: state) ?? .unspecified }
                if let state = RunState(report) { view.counts[state.word, default: 0] += count }
            }
            view.failed = line.failed
            return view
        }
    }

    /// One execution with its runs; another user's looks like one that is not there: `unknown_execution`.
    func show(_ id: ExecutionID, user: String) async throws(Failure) -> ExecutionView {
        // Read before the runs are looked at, which must be as new as the return.
        let request = try await journal { try await $0.request(id) }
        if let live = dispatcher.executions[id] {
            guard live.head.user == user else { throw Self.unknown(id) }
            var view = view(live, withRuns: true)
            view.request = request
            return view
        }
        if let other = try await surroundings.others.find(id, user: user) {
            var view = await surroundings.others.view(other, withRuns: true)
            view.request = request
            if request == nil {
                await surroundings.others.settle()
                view.request = try await journal { try await $0.request(id) }
            }
            return view
        }
        let entry = try await entry(id, user: user)
        var view = ExecutionView(entry.execution.head, complete: entry.isComplete)
        view.owner = surroundings.owner.name
        view.take(entry.execution.runs) { number, run in
            run.view(number, copied: entry.copied[number] ?? 0, awaySince: nil)
        }
        view.request = request
        return view
    }

    /// The run number of a node in an execution; `unknown_node` where it is none of its nodes.
    func run(of node: String, in id: ExecutionID, user: String) async throws(Failure) -> UInt32 {
        let execution: Execution
        if let live = dispatcher.executions[id], live.head.user == user {
            execution = live
        } else if let other = try await surroundings.others.find(id, user: user) {
            execution = other.execution
        } else {
            execution = try await entry(id, user: user).execution
        }
        guard let name = NodeName(node), let number = execution.number(of: name) else {
            throw Failure(.unknownNode, "\(node) is not a node of this execution.", nodes: [node])
        }
        return UInt32(number)
    }

    /// Wishes the runs stopped, on all nodes where none are named; the wish is on the disk when it returns.
    func stop(
        _ id: ExecutionID, nodes: [String]?, graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) {
        let live = dispatcher.executions[id]
        if live == nil, let other = try await surroundings.others.find(id, user: identity.user) {
            return try await stop(other, nodes: nodes, graceMilliseconds: graceMilliseconds, by: identity)
        }
        var execution = live
        if execution == nil { execution = try await entry(id, user: identity.user).execution }
        guard let execution, execution.head.user == identity.user else { throw Self.unknown(id) }
        let runs = try Self.runs(on: nodes, of: execution)
        // Complete: there is nothing left to stop, which is what was wished.
        guard live != nil else { return }
        let grace = min(graceMilliseconds ?? execution.head.graceMilliseconds, RequestCheck.longestGraceMilliseconds)
        let wish = StopWish(graceMilliseconds: grace, user: identity.user)
        try await journal { try await $0.wish([(id, runs, wish)]) }
        perform([.stopWished(id, runs: runs, wish)])
    }

    /// The run numbers of nodes, of all where none are named; `unknown_node` where one is none of the execution's.
    static func runs(on nodes: [String]?, of execution: Execution) throws(Failure) -> [Int] {
        guard let nodes else { return Array(execution.runs.indices) }
        let numbers = nodes.map { NodeName($0).flatMap(execution.number) }
        let strangers = zip(nodes, numbers).filter { $1 == nil }.map(\.0)
        guard strangers.isEmpty else {
            let names = strangers.joined(separator: ", ")
            throw Failure(.unknownNode, "Not among the nodes of this execution: \(names).", nodes: strangers)
        }
        return numbers.compactMap { $0 }
    }

    func entry(_ id: ExecutionID, user: String) async throws(Failure) -> Journal.Entry {
        guard let entry = try await journal({ try await $0.entry(id) }) else { throw try await absence(of: id, user) }
        guard entry.execution.head.user == user else { throw Self.unknown(id) }
        return entry
    }
}

// MARK: Views

extension Executions {
    func view(_ run: Run, _ key: RunKey) -> RunView {
        run.view(
            key.run, copied: copied[key.execution]?[key.run] ?? 0, awaySince: dispatcher.awaySince[run.node])
    }

    func view(_ execution: Execution, withRuns: Bool) -> ExecutionView {
        let id = execution.head.id
        var view = ExecutionView(execution.head, complete: completing.contains(id))
        if withRuns {
            view.take(execution.runs) { number, run in self.view(run, RunKey(execution: id, run: number)) }
        } else {
            view.count(execution.runs)
        }
        view.owner = surroundings.owner.name
        return view
    }
}

extension ExecutionView {
    init(_ head: ExecutionHead, complete: Bool) {
        self.init(
            execution: head.id.description, submission: head.submission.description, user: head.user, kind: head.kind,
            command: head.command, created: head.createdMilliseconds, nodes: head.nodes.count,
            log: Hex.encode(head.log),
            files: head.files.map {
                FileView(name: $0.name, folder: $0.folder, size: $0.size, profile: $0.profile, tree: $0.isTree)
            },
            complete: complete, counts: [:])
    }

    mutating func take(_ runs: [Run], _ view: (Int, Run) -> RunView) {
        self.runs = runs.enumerated().map { view($0, $1) }
        count(runs)
    }

    mutating func count(_ runs: [Run]) {
        for run in runs { counts[run.state.word, default: 0] += 1 }
        failed = runs.count(where: \.state.isFailure)
    }
}

extension Hex {
    /// 16 digits, as ids of logs and spools are written.
    static func encode(_ number: UInt64) -> String { encode(withUnsafeBytes(of: number.bigEndian) { Array($0) }) }
}

extension FailureView {
    init(_ failure: Failure) {
        self.init(
            code: failure.code.rawValue, sentence: failure.sentence,
            nodes: failure.nodes.isEmpty ? nil : failure.nodes)
    }
}
