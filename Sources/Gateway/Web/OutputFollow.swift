import Messages
import Spool

/// One reader of an execution: what it asked for, and the sending of it from there to the end.
///
/// There is no queue: the next entries are read from the log when the last ones are sent.
struct OutputFollow: Sendable {
    struct Request: Sendable {
        var id: UInt32 = 0
        var execution: ExecutionID
        /// The log whose offset is meant; another one begins anew.
        var log: UInt64?
        var offset: UInt64?
        var node: String?
        var position: UInt64?
        /// Goes on until the execution is complete.
        var follows = true
        /// Without it only the states of the runs are told.
        var output = true
        /// Once the log is longer than this, only its length is told, not what is in it.
        var most: UInt64?
    }

    typealias Send = @Sendable (Frame) async throws -> Void

    /// Lengths of a large log are told this often.
    static let lengthPeriod = Duration.milliseconds(100)

    let request: Request
    let core: GatewayCore
    private let send: Send
    private let opened: OpenedOutput
    private let ownerChanges: Changes<Principal, PeerView>
    private let start: EntryCursor
    /// The run that is followed alone.
    private let run: UInt32?

    /// Finds the execution, for its user only, and the place to begin.
    init(_ request: Request, user: String, core: GatewayCore, send: @escaping Send) async throws(Failure) {
        self.request = request
        self.core = core
        self.send = send
        ownerChanges = await core.executions.ownerChanges
        opened = try await core.executions.opened(request.execution, user: user, whole: !request.follows)
        let reader = try core.logs.reader(for: request.execution)
        if let node = request.node {
            let run = try await core.executions.run(of: node, in: request.execution, user: user)
            start = EntryCursor(reader, at: .run(LogReader.Cursor(run: run, position: request.position ?? 0)))
            self.run = run
        } else {
            let isSameLog = request.log == nil || request.log == reader.log
            let asked = isSameLog ? max(request.offset ?? LogReader.start, LogReader.start) : LogReader.start
            let offset = reader.resumed(at: asked)
            if offset > (try core.logs.end(of: request.execution)).offset {
                throw EntryCursor.failure(.ahead(end: offset))
            }
            start = EntryCursor(reader, at: .offset(offset))
            run = nil
        }
    }

    private var view: ExecutionView { opened.view }

    /// Since when the owner is away, and what is here perhaps not all.
    var ownerAwaySince: Int64? { opened.awaySince }

    /// Sends everything; returns when there will be no more, or nothing more is wanted.
    func run() async throws {
        var opened = text("opened")
        opened.execution = view
        opened.log = String(format16: start.reader.log)
        if case .offset(let offset) = start.place { opened.offset = offset } else { opened.offset = LogReader.start }
        try await send(.text(opened))
        guard request.output else {
            if !view.complete { try await sendStates() }
            return try await send(.text(text("complete")))
        }
        guard request.follows else {
            try await sendWhatIsThere()
            return try await send(.text(text("complete")))
        }
        if isOver(view.runs ?? []) || view.complete {
            _ = try await sendUnlessLarge(from: start)
            try await send(.text(text("caught-up")))
        } else {
            try await sendUntilComplete()
        }
        try await send(.text(text("complete")))
    }

    /// Output and states side by side, until both are at their end; and of another gateway's execution whether that one
    /// is there.
    private func sendUntilComplete() async throws {
        guard opened.hold != nil else { return try await sendOutputAndStates() }
        let ended = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { ended.fire() }
                try await sendOutputAndStates()
            }
            group.addTask { _ = try await ended.ends { try await sendOwner() } }
            try await group.waitForAll()
        }
    }

    private func sendOutputAndStates() async throws {
        // A run that is followed alone may be over long before the log is.
        let over = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sendGrowth(until: over) }
            group.addTask {
                try await sendStates()
                if run != nil { over.fire() }
            }
            try await group.waitForAll()
        }
    }

    private func sendGrowth(until over: Signal) async throws {
        var cursor = try await sendUnlessLarge(from: start)
        try await send(.text(text("caught-up")))
        var seen: UInt64 = 0
        while true {
            let known = seen
            let end = try await over.ends { try await core.logs.growth(of: request.execution, beyond: known) }
            try Task.checkCancellation()
            if opened.hold != nil, !cursor.reader.isLinked {
                cursor = EntryCursor(try core.logs.reader(for: request.execution), at: cursor.place)
            }
            cursor = try await sendUnlessLarge(from: cursor)
            guard let end, !end.isComplete else { return }
            seen = end.offset
            // Who is told lengths only need not be told each.
            if isLarge(end.offset) { _ = try await over.ends { try await Task.sleep(for: Self.lengthPeriod) } }
        }
    }

    private func sendWhatIsThere() async throws {
        var cursor = start
        while case let piece = try cursor.next(), !piece.bytes.isEmpty { try await send(piece, at: cursor) }
    }

    private func isLarge(_ length: UInt64) -> Bool { request.most.map { length > $0 } ?? false }

    /// What is new in the log; once it is longer than wanted, how long it is by now.
    private func sendUnlessLarge(from start: EntryCursor) async throws -> EntryCursor {
        var cursor = start
        var length = try core.logs.end(of: request.execution).offset
        while !isLarge(length) {
            var next = cursor
            let piece = try next.next()
            guard !piece.bytes.isEmpty else { return next }
            length = try core.logs.end(of: request.execution).offset
            // The file may be ahead of what its copier has told.
            if case .offset(let reached) = next.place { length = max(length, reached) }
            guard !isLarge(length) else { break }
            try await send(piece, at: next)
            cursor = next
        }
        var large = text("large")
        large.offset = length
        try await send(.text(large))
        return cursor
    }

    private func send(_ piece: LogReader.Piece, at cursor: EntryCursor) async throws {
        if piece.isDamaged { core.logs.noteDamage(request.execution, at: piece.offset) }
        try await send(.entries(follow: request.id, log: cursor.reader.log, piece))
    }

    /// Says when the owner goes away, so that no more output comes, and when it is back.
    private func sendOwner() async throws {
        for await views in ownerChanges {
            for view in views where view.owner == opened.owner.name {
                var text = text("owner")
                text.owner = view.owner
                text.ownerAwaySince = view.awaySince
                try await send(.text(text))
            }
        }
    }

    private func sendStates() async throws {
        for await runs in opened.changes {
            let mine = runs.filter { run == nil || UInt32($0.run) == run }
            for view in mine {
                var text = text("run")
                text.run = view
                try await send(.text(text))
            }
            if run != nil, isOver(mine) { break }
        }
    }

    /// Whether the run that is followed alone is over, its output included.
    private func isOver(_ runs: [RunView]) -> Bool {
        runs.contains { UInt32($0.run) == run && $0.terminal && $0.copied >= $0.finalLength ?? 0 }
    }

    private func text(_ type: String) -> FrameText { FrameText(type: type, id: request.id) }
}

extension String {
    /// 16 hex digits, as spool and log ids are written.
    init(format16 number: UInt64) {
        let digits = String(number, radix: 16)
        self = String(repeating: "0", count: 16 - digits.count) + digits
    }
}
