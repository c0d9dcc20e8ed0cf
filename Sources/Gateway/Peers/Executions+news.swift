import Messages
import SwiftProtobuf

/// What other gateways are told of this one's executions.
extension Executions {
    private static let pageExecutions = 200
    private static let pageBytes = 4 << 20
    private static let pageRuns = 20_000
    /// Changes that come together are told together.
    private static let gathering = Duration.milliseconds(3)
    static let longestHoldMilliseconds: UInt32 = 2000

    /// Everything numbered beyond what the other has, by pages, and how the executions stand that it names.
    func catchUp(_ asked: WireCatchUp) async throws(Failure) -> WireNews {
        var news = WireNews()
        news.epoch = epoch
        // What changes while this is read is told again.
        news.change = book.last
        let page = try await journal { try await $0.numbered(after: asked.after, limit: Self.pageExecutions) }
        var bytes = 0
        for (index, id) in page.enumerated() {
            let told = try await whole(id)
            bytes += 200 + told.head.request.utf8.count + 120 * told.head.nodes.count
            news.executions.append(told)
            if bytes > Self.pageBytes {
                news.more = index + 1 < page.count
                break
            }
        }
        if page.count == Self.pageExecutions { news.more = true }
        for bytes in asked.executions.prefix(Self.pageExecutions) {
            guard let id = ExecutionID(bytes: bytes) else { continue }
            news.executions.append(try await whole(id))
        }
        return news
    }

    /// What has changed since, as soon as anything has; empty after a while.
    func news(_ asked: WireNewsAsked) async throws(Failure) -> WireNews {
        if asked.epoch == epoch, asked.since == book.last {
            await bell.wait(
                beyond: asked.since, for: .milliseconds(min(asked.holdMilliseconds, Self.longestHoldMilliseconds)))
            if book.last > asked.since { try? await Task.sleep(for: Self.gathering) }
        }
        var news = WireNews()
        news.epoch = epoch
        guard asked.epoch == epoch, let page = book.changes(since: asked.since, limit: Self.pageRuns) else {
            news.stale = true
            return news
        }
        news.change = page.upTo
        var changed: [ExecutionID: Set<Int>] = [:]
        var order: [ExecutionID] = []
        var came: Set<ExecutionID> = []
        for subject in page.subjects {
            let id = subject.execution
            if changed[id] == nil { order.append(id) }
            changed[id, default: []].formUnion(subject.run.map { [$0] } ?? [])
            if case .execution = subject { came.insert(id) }
        }
        for id in order {
            news.executions.append(
                came.contains(id) ? try await whole(id) : try await part(id, runs: changed[id] ?? []))
        }
        return news
    }

    private func whole(_ id: ExecutionID) async throws(Failure) -> WireExecutionNews {
        guard let head = try await journal({ try await $0.wireHead(id) }) else {
            return .with {
                $0.execution = .init(id.bytes)
                $0.gone = true
            }
        }
        var news = try await part(id, runs: nil)
        news.head = head
        return news
    }

    /// Runs that changed, all that are no longer waiting where none are named.
    private func part(_ id: ExecutionID, runs: Set<Int>?) async throws(Failure) -> WireExecutionNews {
        var news = WireExecutionNews.with { $0.execution = .init(id.bytes) }
        if let live = dispatcher.executions[id] {
            news.complete = completing.contains(id)
            news.runs = Self.told(live.runs, copied[id] ?? [], runs)
        } else if let entry = try await journal({ try await $0.entry(id) }) {
            news.complete = entry.isComplete
            let copied = entry.execution.runs.indices.map { entry.copied[$0] ?? 0 }
            news.runs = Self.told(entry.execution.runs, copied, runs)
        } else {
            news.gone = true
        }
        if news.complete { news.logEnd = (try? surroundings.logs.end(of: id).offset) ?? 0 }
        return news
    }

    private static func told(_ runs: [Run], _ copied: [UInt64], _ chosen: Set<Int>?) -> [WireRunNews] {
        runs.indices.compactMap { number in
            let isTold = chosen?.contains(number) ?? (runs[number].state != .waiting)
            guard isTold else { return nil }
            return .with {
                $0.run = UInt32(number)
                $0.report = runs[number].report
                $0.sinceMilliseconds = runs[number].since
                $0.copied = copied.indices.contains(number) ? copied[number] : 0
            }
        }
    }
}

extension ChangeBook.Subject {
    fileprivate var run: Int? { if case .run(let key) = self { key.run } else { nil } }
}
