import FoundationEssentials
import Messages
import NIOCore
import Synchronization

/// One viewer of nodes' figures: the newest of each at its own pace.
struct StatusFollow: Sendable {
    struct Request: Sendable {
        /// Up to here every figure is sent as it comes, the nodes' own pace being about this.
        static let usual = 1000
        static let slowest = 60_000
        /// What comes together within this goes together.
        static let gathering = Duration.milliseconds(250)

        var id: UInt32 = 0
        /// Nil: all registered nodes.
        var nodes: [String]?
        var milliseconds = usual
        var isBrief = false
    }

    private let nodes: Set<NodeName>
    private let isBrief: Bool
    private let core: GatewayCore
    private let pause: Duration

    /// Throws `unknown_node` for nodes that are not registered, with their names.
    init(_ request: Request, core: GatewayCore) throws(Failure) {
        self.core = core
        isBrief = request.isBrief
        pause =
            request.milliseconds <= Request.usual
            ? Request.gathering : .milliseconds(min(request.milliseconds, Request.slowest))
        guard let names = request.nodes else {
            nodes = Set(core.nodes.snapshot().compactMap { NodeName($0.name) })
            return
        }
        let strangers = names.filter { NodeName($0).map { !core.nodes.isRegistered($0) } ?? true }
        guard strangers.isEmpty else { throw RequestCheck.unknown(strangers) }
        nodes = Set(names.compactMap { NodeName($0) })
    }

    /// Sends figures as frames until it is cancelled.
    func frames(id: UInt32, _ send: OutputFollow.Send) async throws {
        try await core.statuses.watching(nodes) { changes in
            for await figures in changes {
                let began = ContinuousClock.now
                for figure in figures { try await send(.status(id: id, figure, isBrief: isBrief)) }
                // What comes meanwhile waits as the newest of each node.
                try await Task.sleep(until: began + pause)
            }
        }
    }

    // MARK: Lines

    private static let patience = Duration.milliseconds(1800)

    /// One line of JSON a node: its figures, or that it is away, or that it did not answer in time.
    func once(_ send: @escaping @Sendable (ByteBuffer) async throws -> Void) async throws {
        var waiting = Set<NodeName>()
        for view in views() {
            if view.present, let node = NodeName(view.name) {
                waiting.insert(node)
            } else {
                try await send(Self.line(view))
            }
        }
        let asked = waiting
        guard !asked.isEmpty else { return }
        let silent = try await withThrowingTaskGroup(of: Set<NodeName>?.self) { group in
            let left = Left(asked)
            group.addTask {
                try await core.statuses.watching(asked) { changes in
                    for await figures in changes {
                        for figure in figures where left.take(figure.node) { try await send(line(figure)) }
                        if left.nodes.isEmpty { break }
                    }
                }
                return nil
            }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            _ = try await group.next()
            return left.nodes
        }
        for view in views() where NodeName(view.name).map(silent.contains) ?? false {
            try await send(Self.line(view))
        }
    }

    /// Lines as they come, until it is cancelled: a node's figures, or that it went or came.
    func follow(_ send: @escaping @Sendable (ByteBuffer) async throws -> Void) async throws {
        let changes = core.nodes.changes()
        for view in views() where !view.present { try await send(Self.line(view)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await core.statuses.watching(nodes) { changes in
                    for await figures in changes {
                        let began = ContinuousClock.now
                        for figure in figures { try await send(line(figure)) }
                        try await Task.sleep(until: began + pause)
                    }
                }
            }
            group.addTask {
                for await views in changes {
                    for view in views where NodeName(view.name).map(nodes.contains) ?? false {
                        try await send(Self.line(view))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func views() -> [NodeView] {
        core.nodes.snapshot().filter { NodeName($0.name).map(nodes.contains) ?? false }
    }

    private struct Presence: Encodable {
        var node: String
        var present: Bool
        /// Unix milliseconds; absent for a node that was never seen.
        var since: Int64?
    }

    private static func line(_ view: NodeView) throws -> ByteBuffer {
        let presence = Presence(node: view.name, present: view.present, since: view.since > 0 ? view.since : nil)
        return ByteBuffer(bytes: try JSONEncoder.plain.encode(presence) + [UInt8(ascii: "\n")])
    }

    private func line(_ figure: StatusFigure) -> ByteBuffer {
        let json = figure.json(isBrief: isBrief)
        var buffer = ByteBuffer()
        buffer.writeString("{\"node\":\"\(figure.node)\",\"present\":true")
        if !json.isEmpty {
            buffer.writeString(",\"status\":")
            buffer.writeBytes(json)
        }
        buffer.writeString("}\n")
        return buffer
    }
}

/// The nodes that have not answered yet.
private final class Left: Sendable {
    private let state: Mutex<Set<NodeName>>

    init(_ nodes: Set<NodeName>) { state = Mutex(nodes) }

    var nodes: Set<NodeName> { state.withLock { $0 } }

    /// True where it was among them.
    func take(_ node: NodeName) -> Bool { state.withLock { $0.remove(node) != nil } }
}
