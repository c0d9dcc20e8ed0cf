import Logging
import Messages
import Synchronization

/// This gateway among the others: answers them, and keeps up with each.
final class Peers: Sendable {
    /// Batches of messages that wait to be looked at; more are dropped, and asked again.
    private static let mostBatches = 1024
    private static let registryPeriod = Duration.seconds(2)

    let line: PeerLine
    let others: Others
    private let mirrors: Mirrors
    let stops: StopsHandedOn
    private let keys: KeyRing
    private let desk: PeerDesk
    private let inbox: AsyncStream<[PeerLine.News]>
    private let inboxEnd: AsyncStream<[PeerLine.News]>.Continuation

    init(
        line: PeerLine, others: Others, mirrors: Mirrors, stops: StopsHandedOn, executions: Executions, logs: Logs,
        keys: KeyRing,
        logger: Logger
    ) {
        self.line = line
        self.others = others
        self.mirrors = mirrors
        self.stops = stops
        self.keys = keys
        desk = PeerDesk(line: line, executions: executions, logs: logs, logger: logger)
        (inbox, inboxEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostBatches))
    }

    /// What the bus brings of other gateways.
    func receive(_ news: [PeerLine.News]) { inboxEnd.yield(news) }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.desk.run(self.inbox) }
            group.addTask { await self.line.run() }
            group.addTask { await self.others.run() }
            group.addTask { await self.mirrors.run() }
            group.addTask { await self.stops.run() }
            group.addTask { await self.watchAll() }
            await group.waitForAll()
        }
    }

    /// A gateway that is added to the registry is followed within two seconds.
    private func watchAll() async {
        let numbers = (try? others.journal.numbersOfOthers()) ?? [:]
        await withDiscardingTaskGroup { group in
            var watched: Set<Principal> = [line.own]
            while !Task.isCancelled {
                for peer in keys.gateways where watched.insert(peer).inserted {
                    let watch = PeerWatch(peer: peer, line: line, others: others) { _ in }
                    group.addTask { await watch.run(from: numbers[peer] ?? 0) }
                }
                try? await Task.sleep(for: Self.registryPeriod)
            }
        }
    }
}
