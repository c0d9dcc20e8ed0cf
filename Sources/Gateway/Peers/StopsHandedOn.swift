import Logging
import Messages
import SwiftProtobuf

/// Hands stops on to the gateways that own the executions; keeps them on the disk, and tells the nodes itself, while an
/// owner is away.
actor StopsHandedOn {
    private static let patience = Duration.seconds(2)
    private static let period = Duration.milliseconds(250)

    private let journal: Journal
    private let line: PeerLine
    private let others: Others
    private let nodes: NodeTable
    private let bus: @Sendable ([Outgoing]) -> Void
    private let logger: Logger
    private var owed = OwedStops()

    init(
        journal: Journal, line: PeerLine, others: Others, nodes: NodeTable,
        bus: @escaping @Sendable ([Outgoing]) -> Void,
        logger: Logger
    ) {
        self.journal = journal
        self.line = line
        self.others = others
        self.nodes = nodes
        self.bus = bus
        self.logger = logger
    }

    /// Takes up what the journal has.
    func resume() throws {
        for wish in try journal.stopsOfOthers() { owed.add(wish) }
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.period)
            for id in owed.executions { await pay(id) }
        }
    }

    /// Keeps a wish and hands it on; when this returns it is on the disk, here or at the owner.
    func add(_ wish: OwedStops.Wish) async throws {
        try await journal.keep(wish)
        owed.add(wish)
        await pay(wish.execution)
    }

    /// All of a user's live runs on some nodes, of one other gateway; throws where it does not answer.
    func stopAll(
        _ peer: Principal, on nodes: [String], graceMilliseconds: UInt64?, by identity: Identity
    ) async throws -> [StoppingView] {
        let wish = Self.wire(identity, nodes, graceMilliseconds)
        let taken = try await line.ask(
            .stopAllHandedOn, wish, of: peer, within: Self.patience, as: (.stopTaken, WireStopTaken.self))
        return taken.stopping.compactMap { stopping in
            ExecutionID(bytes: stopping.execution).map {
                StoppingView(execution: $0.description, nodes: stopping.nodes)
            }
        }
    }

    /// This gateway owns the execution from now on.
    func adopted(_ id: ExecutionID) -> OwedStops.Wish? { owed.taken(id) }

    private func pay(_ id: ExecutionID) async {
        guard let other = try? await others.find(id), let wish = owed[id] else { return }
        let look = OwedStops.Look(
            isOwnerPresent: await others.isPresent(other.owner),
            present: Set(wish.nodes.values.filter { nodes.awaySince($0) == nil }))
        for effect in owed.due(id, look, at: Moment.now().steady) {
            switch effect {
            case .handOn(let wish): await handOn(wish, to: other.owner)
            case .tellNodes(let wish, let nodes):
                logger.info("stop without its owner", metadata: ["execution": "\(id)", "nodes": "\(nodes.count)"])
                bus([.stop(id, nodes, wish.stop)])
            }
        }
    }

    private func handOn(_ wish: OwedStops.Wish, to owner: Principal) async {
        let names = wish.nodes.values.sorted().map(\.description)
        do {
            _ = try await line.ask(
                .stopHandedOn, about: wish.execution, Self.wire(wish.identity, names, wish.graceMilliseconds),
                of: owner,
                within: Self.patience, as: (.stopTaken, WireStopTaken.self))
        } catch let failure as Failure {
            // The owner has nothing that could be stopped; whatever else is wrong passes.
            guard failure.code == .unknownExecution || failure.code == .unknownNode else { return }
        } catch {
            return
        }
        // What was wished meanwhile is still to be handed on.
        guard owed[wish.execution] == wish, owed.taken(wish.execution) != nil else { return }
        do {
            try await journal.forgetStop(of: wish.execution)
        } catch {
            logger.error("journal cannot be written", metadata: ["reason": "\(error)"])
        }
    }

    private static func wire(_ identity: Identity, _ nodes: [String], _ graceMilliseconds: UInt64?) -> WireStopHandedOn
    {
        .with {
            $0.user = identity.user
            $0.uid = identity.uid
            $0.session = .init(identity.session)
            $0.nodes = nodes
            if let graceMilliseconds { $0.graceMilliseconds = graceMilliseconds }
        }
    }
}

extension Identity {
    /// Who wished a stop at another gateway; nil for what none of this version says.
    init?(_ wish: WireStopHandedOn) {
        guard !wish.user.isEmpty, wish.session.count == 16 else { return nil }
        self.init(user: wish.user, uid: wish.uid, session: [UInt8](wish.session))
    }
}
