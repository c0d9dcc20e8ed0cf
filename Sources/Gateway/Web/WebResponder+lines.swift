import FoundationEssentials
import HTTPTypes
import Hummingbird
import Messages
import NIOCore
import Spool

extension WebResponder {
    /// The user's runs on one node, newest first.
    func runs(_ asked: Asked) async throws -> Response {
        struct Answer: Encodable { var runs: [RunOnNode] }
        guard let node = asked.target.query["node"].flatMap({ NodeName($0) }) else {
            throw Refusal(.badRequest, .badRequest, "Say on which node: node=NAME.")
        }
        var before: ExecutionID?
        if let text = asked.target.query["before"] {
            guard let id = ExecutionID(text) else { throw Refusal.noSuchExecution }
            before = id
        }
        let limit = Int(clamping: min(try asked.number("limit") ?? 50, 500))
        let user = try asked.requireVisitor().identity.user
        return try .json(
            Answer(runs: try await core.executions.runs(on: node, user: user, limit: limit, before: before)))
    }

    /// A window of lines, by their numbers.
    func lines(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        let opened = try await core.executions.opened(asked.execution(), user: user, whole: true)
        defer { withExtendedLifetime(opened) {} }
        let view = opened.view
        let wish = LineReading.Wish(
            execution: try asked.execution(), filter: try asked.lineFilter(view),
            from: try asked.number("from").map { Int(clamping: $0) },
            count: Int(clamping: min(try asked.number("count") ?? 200, UInt64(LineWindow.mostLines))),
            runs: view.nodes)
        return try .json(LinesView(try await core.reading.lines(wish, user: user)))
    }

    /// The numbers of the lines that match, while they are found: NDJSON.
    func search(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        let opened = try await core.executions.opened(asked.execution(), user: user, whole: true)
        let view = opened.view
        let sought = try LineSought(
            asked.target.query["q"] ?? "", isPattern: asked.flag("regex"), ignoresCase: !asked.flag("case"))
        let most = Int(clamping: min(try asked.number("most") ?? 10_000, UInt64(LogSearch.mostMatches)))
        let search = LogSearch(sought, try asked.lineFilter(view), most: max(1, most))
        let log = try core.reading.items(of: asked.execution())
        let handover = Handover()
        return try stream("application/x-ndjson", asked, handover, awaySince: opened.awaySince) {
            defer { withExtendedLifetime(opened) {} }
            do {
                try await core.reading.searching(by: user) {
                    for try await found in core.reading.search(search, in: log, user: user) {
                        try await handover.send(Self.line(found))
                    }
                }
            } catch let failure as Failure {
                // The head is out: a refusal is a line like the others.
                try await handover.send(Self.line(["error": FailureView(failure)]))
            }
        }
    }

    static func line(_ value: some Encodable) throws -> ByteBuffer {
        var line = ByteBuffer(bytes: try JSONEncoder.plain.encode(value))
        line.writeInteger(UInt8(10))
        return line
    }

    /// Which nodes have written the same.
    func groups(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        let opened = try await core.executions.opened(asked.execution(), user: user, whole: true)
        defer { withExtendedLifetime(opened) {} }
        let nodes = Dictionary((opened.view.runs ?? []).map { (UInt32($0.run), $0.node) }) { first, _ in first }
        return try .json(try await core.reading.groups(of: asked.execution(), nodes: nodes, user: user))
    }

    /// All lines as text, with their nodes.
    func text(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        let opened = try await core.executions.opened(asked.execution(), user: user, whole: true)
        let view = opened.view
        let nodes = Dictionary((view.runs ?? []).map { (UInt32($0.run), $0.node) }) { first, _ in first }
        let filter = try asked.lineFilter(view)
        let cursor = EntryCursor(try core.logs.reader(for: asked.execution()), at: .offset(LogReader.start))
        let handover = Handover()
        return try stream("text/plain; charset=utf-8", asked, handover, awaySince: opened.awaySince) { [cursor] in
            defer { withExtendedLifetime(opened) {} }
            var (cursor, text) = (cursor, LogText(nodes: nodes, filter))
            while true {
                let (known, written) = (cursor, text)
                let (piece, next, rest) = try await core.reading.room.read(for: user) {
                    var (cursor, text) = (known, written)
                    let piece = try cursor.next()
                    return (piece.isEmpty ? nil : try text.text(of: piece), cursor, text)
                }
                (cursor, text) = (next, rest)
                guard let piece else { break }
                if piece.readableBytes > 0 { try await handover.send(piece) }
            }
            let rest = text.rest()
            if rest.readableBytes > 0 { try await handover.send(rest) }
        }
    }
}

extension Asked {
    /// `node=A,B` or `runs=0-3,7`, and `stream=stdout|stderr`; all where they are absent.
    func lineFilter(_ view: ExecutionView) throws -> LineFilter {
        var filter = LineFilter()
        if let names = target.query["node"] {
            let known = Dictionary((view.runs ?? []).map { ($0.node, UInt32($0.run)) }) { first, _ in first }
            filter.runs = Set(
                try names.split(separator: ",").map { name in
                    guard let run = known[String(name)] else {
                        throw Failure(
                            .unknownNode, "\(name) is not a node of this execution.", nodes: [String(name)])
                    }
                    return run
                })
        } else if let ranges = target.query["runs"] {
            filter.runs = try Self.runs(ranges, of: view.nodes)
        }
        switch target.query["stream"] {
        case nil, "": break
        case "stdout": filter.hasStderr = false
        case "stderr": filter.hasStdout = false
        default: throw Refusal(.badRequest, .badRequest, "stream is stdout or stderr.")
        }
        return filter
    }

    private static func runs(_ text: String, of count: Int) throws(Refusal) -> Set<UInt32> {
        var ranges: [ClosedRange<UInt32>] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last,
                last < UInt32(clamping: count)
            else {
                throw Refusal(.badRequest, .badRequest, "runs are numbers and ranges of the execution's runs: 0-3,7.")
            }
            ranges.append(first...last)
        }
        // Each run is taken once, however often it is named.
        var (runs, next) = (Set<UInt32>(), UInt32(0))
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound >= next {
            runs.formUnion(max(range.lowerBound, next)...range.upperBound)
            next = range.upperBound + 1
        }
        return runs
    }
}
