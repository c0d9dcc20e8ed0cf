import Foundation
import Glibc
import Logging
import Messages
import NIOPosix
import Spool
import SwiftProtobuf

/// Copies of other gateways' logs, pulled while somebody reads them, so that all reading here is of a file.
actor Mirrors {
    /// How far a copy is.
    enum Standing: Equatable {
        case behind
        /// It has all that the owner had a moment ago.
        case caughtUp
        /// The owner does not answer.
        case ownerAway
        case failed(Failure)
    }

    /// A copy that nobody reads any more is pulled on for so long: who looks at windows of lines comes again.
    private static let linger = Duration.seconds(10)
    private static let holdMilliseconds: UInt32 = 800
    private static let patience = Duration.milliseconds(2500)
    private static let pause = Duration.milliseconds(200)

    private let logs: Logs
    private let line: PeerLine
    private let others: Others
    private let logger: Logger
    private var room: MirrorRoom
    private let period: Duration
    private var opened: [ExecutionID: OpenMirror] = [:]
    private var openings: UInt64 = 0
    private let wanted: AsyncStream<Wish>
    private nonisolated let wish: AsyncStream<Wish>.Continuation

    private enum Wish: Sendable {
        case pull(ExecutionID, UInt64)
        case release(ExecutionID)
    }

    /// Finds what earlier starts have copied; `period` is between two sweeps.
    init(
        logs: Logs, line: PeerLine, others: Others, bounds: MirrorRoom.Bounds, period: Duration, logger: Logger
    ) throws {
        self.logs = logs
        self.line = line
        self.others = others
        self.logger = logger
        self.period = period
        (wanted, wish) = AsyncStream.makeStream()
        try BlobStore.makeFolder(logs.mirrors)
        room = MirrorRoom(bounds, keptIn: logs)
        self.bounds = bounds
    }

    /// All copies on the disk.
    var held: (count: Int, bytes: UInt64) { (room.count, room.bytes) }
    nonisolated let bounds: MirrorRoom.Bounds

    /// Pulls what is held and sweeps what is over, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    await self.letGo()
                    try? await Task.sleep(for: self.period)
                }
            }
            for await wish in wanted {
                switch wish {
                case .pull(let id, let number): group.addTask { await self.pull(id, number) }
                case .release(let id): release(id)
                }
            }
            group.cancelAll()
        }
        for id in Array(opened.keys) { await close(id) }
    }

    // MARK: Holding

    /// Opens the copy of an execution's log for as long as the answer is kept.
    func hold(_ other: Other) async throws(Failure) -> MirrorHold {
        let id = other.head.id
        if opened[id] == nil {
            let file: MirrorFile
            do throws(MirrorFile.Problem) {
                file = try MirrorFile(path: logs.mirrorPath(of: id), of: other.head)
            } catch {
                throw Failure(.noSpace, "This gateway cannot keep the output of another just now.")
            }
            openings += 1
            let open = OpenMirror(file, number: openings, of: other)
            opened[id] = open
            use(id, file)
            logs.lengthened(id, to: LogEnd(offset: file.end, isComplete: open.isComplete))
            if !open.isComplete { wish.yield(.pull(id, open.number)) }
        } else {
            opened[id]?.holds += 1
            opened[id]?.idleSince = nil
        }
        let hold = MirrorHold(mirrors: self, id: id)
        guard let open = opened[id] else { return hold }
        await others.opened(other, positions: open.file.positions)
        if open.isComplete { await others.mirrorCompleted(id) }
        return hold
    }

    nonisolated func letGo(_ hold: ExecutionID) { wish.yield(.release(hold)) }

    private func release(_ id: ExecutionID) {
        guard let open = opened[id] else { return }
        opened[id]?.holds -= 1
        guard open.holds <= 1 else { return }
        opened[id]?.idleSince = Moment.now().steady
        if open.isComplete { wish.yield(.pull(id, open.number)) }
    }

    /// How far the copy is, once it has all that there was, or nothing comes.
    func settled(_ id: ExecutionID) async -> Standing {
        await opened[id]?.settled.wait()
        return opened[id]?.standing ?? .behind
    }

    // MARK: Pulling

    private func pull(_ id: ExecutionID, _ number: UInt64) async {
        while !Task.isCancelled, let open = opened[id], open.number == number {
            if open.holds <= 0 {
                let idle = Moment.now().steady - (open.idleSince ?? .zero)
                if open.isComplete || idle >= Self.linger { return await close(id) }
            }
            guard !open.isComplete else { return }
            do {
                guard let owner = try await others.find(id)?.owner else {
                    throw Failure(.unknownExecution, "There is no execution \(id).")
                }
                try await pull(id, open.file, from: owner)
            } catch let failure as Failure {
                stand(id, .failed(failure))
                try? await Task.sleep(for: Self.pause * 5)
            } catch is PeerLine.Away {
                stand(id, .ownerAway)
                try? await Task.sleep(for: Self.pause)
            } catch {
                logger.error("copy of a log", metadata: ["execution": "\(id)", "reason": "\(error)"])
                stand(id, .failed(Failure(.noSpace, "This gateway cannot keep the output of another just now.")))
                try? await Task.sleep(for: Self.pause * 5)
            }
        }
    }

    private func pull(_ id: ExecutionID, _ file: MirrorFile, from owner: Principal) async throws {
        guard !room.isOverfull else {
            throw Failure(
                .tooLarge, "The output of \(id) is longer than this gateway keeps of others: read it at \(owner.name).")
        }
        let place = file.place
        let question = WirePieceAsked.with {
            $0.from = place.from
            $0.last = .init(place.last)
            $0.holdMilliseconds = Self.holdMilliseconds
        }
        let piece = try await line.ask(
            .pieceAsked, about: id, question, of: owner, within: Self.patience, as: (.piece, WirePiece.self))
        guard !piece.diverged else { return await diverged(id) }
        if !piece.bytes.isEmpty { try await NIOThreadPool.singleton.runIfActive { try file.append(piece) } }
        let isComplete = piece.complete && file.end >= piece.end
        opened[id]?.isComplete = isComplete
        logs.lengthened(id, to: LogEnd(offset: file.end, isComplete: isComplete))
        await others.mirrored(id, positions: file.positions)
        if isComplete { await others.mirrorCompleted(id) }
        stand(id, file.end >= piece.end ? .caughtUp : .behind)
        room.grew(id, to: file.bytes)
        letGo()
    }

    private func stand(_ id: ExecutionID, _ standing: Standing) { opened[id]?.stand(standing) }

    /// The owner's log is another one than what was copied: its machine lost power, and with it what was not yet on the
    /// disk. Readers open it anew.
    private func diverged(_ id: ExecutionID) async {
        logger.warning("copy of a log begins anew", metadata: ["execution": "\(id)"])
        let holds = opened[id]?.holds ?? 0
        await close(id)
        MirrorFile.remove(logs.mirrorPath(of: id))
        room.forget(id)
        guard holds > 0, let other = try? await others.find(id), (try? await hold(other)) != nil else { return }
        // The answer of `hold` is let go here.
        opened[id]?.holds = holds + 1
    }

    // MARK: Room

    /// The execution is this gateway's own from now on: its readers go over to the log itself.
    func adopted(_ id: ExecutionID) {
        opened.removeValue(forKey: id)?.settled.fire()
        MirrorFile.remove(logs.mirrorPath(of: id))
        room.forget(id)
    }

    private func close(_ id: ExecutionID) async {
        guard let open = opened.removeValue(forKey: id) else { return }
        open.settled.fire()
        use(id, open.file)
        logs.finished(id)
        await others.closed(id)
    }

    /// Notes that it is read now, also for later starts of this gateway.
    private func use(_ id: ExecutionID, _ file: MirrorFile) {
        utimensat(AT_FDCWD, file.path, nil, 0)
        room.use(id, bytes: file.bytes, at: Moment.now().unixMilliseconds)
    }

    private func letGo() {
        let left = room.leaving(open: Set(opened.keys), at: Moment.now().unixMilliseconds)
        for id in left { MirrorFile.remove(logs.mirrorPath(of: id)) }
        if !left.isEmpty { logger.info("copies of logs let go", metadata: ["copies": "\(left.count)"]) }
    }
}
