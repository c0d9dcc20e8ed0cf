import Glibc
import Messages
import Spool
import Supervisor
import ZeroMQ

/// The worker's line to one supervisor, on the worker's loop: connects while it starts up, asks, and tells what it hears.
final class SupervisorLine {
    enum News {
        case reply(Reply)
        /// It is gone and left no exit record.
        case gone
    }

    private static let pause = Duration.milliseconds(50)
    /// One that neither listens nor holds its lock after this long is not coming.
    private static let patience = Duration.seconds(3)

    private let folder: RunFolder
    private let loop: PollLoop
    private let tell: (News) -> Void
    private let begun: ContinuousClock.Instant
    private var connection: SupervisorConnection?
    private var watch: PollLoop.Watch?
    private var timer: ZeroMQ.Timer?
    private var waiting: [Request] = []
    private var isOver = false

    init(
        _ folder: RunFolder, _ connection: SupervisorConnection?, on loop: PollLoop, tell: @escaping (News) -> Void
    ) {
        self.folder = folder
        self.loop = loop
        self.tell = tell
        begun = loop.now
        if let connection {
            listen(to: connection)
        } else {
            // Not at once: the caller is still putting itself together.
            timer = loop.after(.zero) { [weak self] in self?.connect() }
        }
    }

    deinit { hangUp() }

    func send(_ request: Request) {
        guard let connection else {
            waiting.append(request)
            return
        }
        // One that does not read just now is told later, by `retry`.
        if (try? connection.send(request)) == nil { waiting.append(request) }
    }

    /// Sends what could not be sent.
    func retry() {
        guard connection != nil, !waiting.isEmpty else { return }
        let unsent = waiting
        waiting = []
        for request in unsent { send(request) }
    }

    func hangUp() {
        isOver = true
        if let timer { loop.cancel(timer) }
        if let watch { loop.remove(watch) }
        (timer, watch, connection) = (nil, nil, nil)
    }

    private func connect() {
        timer = nil
        guard !isOver else { return }
        if let connection = try? SupervisorConnection(folder) {
            listen(to: connection)
            return retry()
        }
        if let record = try? ExitRecord.read(from: folder) { return conclude(.reply(.ended(record))) }
        let waited = begun.duration(to: loop.now)
        if waited > Self.patience, !folder.isAlive { return conclude(.gone) }
        timer = loop.after(Self.pause) { [weak self] in self?.connect() }
    }

    private func listen(to connection: SupervisorConnection) {
        self.connection = connection
        watch = loop.watch(connection.descriptor) { [weak self] _ in self?.hear() }
    }

    private func hear() {
        while let connection, !isOver {
            switch connection.receive() {
            case .nothing: return
            case .reply(.ended(let record)): return conclude(.reply(.ended(record)))
            case .reply(let reply): tell(.reply(reply))
            case .closed:
                if let record = try? ExitRecord.read(from: folder) { return conclude(.reply(.ended(record))) }
                return conclude(.gone)
            }
        }
    }

    private func conclude(_ news: News) {
        hangUp()
        tell(news)
    }
}
