import Glibc
import NIOPosix
import Spool

/// The parts of one `up` as processes: starts them, starts them again, ends them.
///
/// `run()` is its life: it returns when `stop()` was called and every part has ended.
actor Household {
    struct Part: Sendable {
        let name: String
        /// The program with its arguments.
        let command: [String]
    }

    private let parts: [String: Part]
    private let order: [String]
    private let folder: UpFolder
    private var keeper = PartKeeper()
    private var unready: Set<String>
    /// For the calls that block: two for every part.
    private let threads: NIOThreadPool
    private let happenings: AsyncStream<Happening>
    private let tell: AsyncStream<Happening>.Continuation

    private enum Happening: Sendable {
        case keeper(PartKeeper.Event)
        case due(String)
        case ready(String)
    }

    /// A part that ended this often before it was ever ready will not become so by another start.
    private static let hopeless = 3
    /// How long parts have to end after SIGTERM. With the 6 s that runs may take before, `up` has ended within 10 s; a part that is
    /// killed loses nothing.
    private static let patience = Duration.milliseconds(3500)

    init(_ parts: [Part], folder: UpFolder) {
        self.parts = Dictionary(uniqueKeysWithValues: parts.map { ($0.name, $0) })
        self.folder = folder
        order = parts.map(\.name)
        unready = Set(order)
        threads = NIOThreadPool(numberOfThreads: 2 * parts.count + 2)
        (happenings, tell) = AsyncStream.makeStream()
    }

    var pids: [String: Int32] { keeper.pids }
    /// Those that have not been ready yet since the beginning.
    var notYetReady: [String] { order.filter(unready.contains) }
    /// Those that end again and again without ever having been ready.
    var failing: [String] { order.filter { unready.contains($0) && endings[$0, default: 0] >= Self.hopeless } }
    private var endings: [String: Int] = [:]
    private var isStopping = false

    /// What goes wrong with a part or with `pids.json` is said on stderr; it never ends the others.
    func run() async throws {
        threads.start()
        tell.yield(.keeper(.began(order)))
        await withTaskGroup(of: Void.self) { group in
            for await happening in happenings {
                switch happening {
                case .ready(let part): unready.remove(part)
                case .due(let part): start(part, &group)
                case .keeper(let event): receive(event, &group)
                }
                if isStopping && keeper.pids.isEmpty { break }
            }
            group.cancelAll()
        }
        try await threads.shutdownGracefully()
    }

    /// Asks all parts to end, and makes them after a while.
    func stop() async {
        isStopping = true
        tell.yield(.keeper(.stopping))
        for pid in keeper.pids.values { kill(pid, SIGTERM) }
        let end = ContinuousClock.now + Self.patience
        while !keeper.pids.isEmpty {
            if ContinuousClock.now > end { for pid in keeper.pids.values { kill(pid, SIGKILL) } }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func receive(_ event: PartKeeper.Event, _ group: inout TaskGroup<Void>) {
        if case .ended(let part) = event { endings[part, default: 0] += 1 }
        for effect in keeper.receive(event, at: .now) {
            switch effect {
            case .record(let pids): record(pids)
            case .start(let part, after: .zero): start(part, &group)
            case .start(let part, let pause):
                StandardStreams.say("\(part) ended; starting it again")
                let tell = tell
                group.addTask {
                    try? await Task.sleep(for: pause)
                    tell.yield(.due(part))
                }
            }
        }
    }

    private func record(_ pids: [String: Int32]) {
        do throws(CommandError) {
            try JSONFile.write(pids, to: folder.pids)
        } catch {
            StandardStreams.say("\(folder.pids) cannot be kept true: \(error)")
        }
    }

    private func start(_ name: String, _ group: inout TaskGroup<Void>) {
        guard !isStopping, let part = parts[name] else { return }
        let child: Child
        do throws(CommandError) {
            child = try Child.start(part.command, log: folder.log(name))
        } catch {
            StandardStreams.say("\(error)")
            return receive(.ended(name), &group)
        }
        receive(.started(name, pid: child.pid), &group)
        let (tell, threads) = (tell, threads)
        group.addTask { if await child.becomesReady(threads) { tell.yield(.ready(name)) } }
        group.addTask {
            await child.ends(threads)
            tell.yield(.keeper(.ended(name)))
        }
    }
}
