import CLinux
import Glibc
import Logging
import PAM
import Spool
import Synchronization

/// Carries out what the desk decides: one thread with poll(2), and the judges' answers by a pipe that wakes it.
final class DeskLoop {
    /// More connections than this are not accepted until one ends.
    private static let mostAskers = 512

    private final class Asker {
        let socket: File
        var line: [UInt8] = []
        init(_ socket: consuming File) { self.socket = socket }
    }

    private let settings: AuthenticatorSettings
    private let listener: File
    private let inbox: Inbox
    private let pool: JudgePool
    private let judge: PasswordJudge
    private let logger: Logger
    private var desk: Desk
    private var askers: [Int: Asker] = [:]
    private var lastAsker = 0

    /// Listens from now on; throws where the socket cannot be made.
    init(_ settings: AuthenticatorSettings, inbox: Inbox, logger: Logger) throws(SystemError) {
        self.settings = settings
        self.inbox = inbox
        self.logger = logger
        listener = try Self.listen(settings)
        pool = JudgePool(threads: 8)
        judge = PasswordJudge(
            service: PAM.Service(settings.pamService, folder: settings.pamConfiguration),
            minimumUID: settings.minimumUID)
        desk = Desk(deadlineMilliseconds: settings.deadlineMilliseconds)
    }

    private static func listen(_ settings: AuthenticatorSettings) throws(SystemError) -> File {
        let path = settings.socket
        let slash = path.lastIndex(of: "/")
        let folder = try File(slash.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY)
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let place = folder.descriptor
        let socket = File(adopting: try File.check("listen", path) { estiba_listen_stream(place, name) }, path: path)
        if geteuid() == 0, settings.allowedUID != 0 {
            try File.check("chown", path) { fchownat(place, name, settings.allowedUID, gid_t.max, AT_SYMLINK_NOFOLLOW) }
        }
        return socket
    }

    /// Returns when the inbox is closed.
    func run() {
        while !inbox.isClosed {
            let ready = wait()
            if ready.contains(inbox.descriptor) {
                for (asker, answer) in inbox.take() { carryOut(desk.receive(.judged(asker, answer), at: now)) }
            }
            for (number, asker) in askers where ready.contains(asker.socket.descriptor) { read(number, asker) }
            if ready.contains(listener.descriptor) { accept() }
            carryOut(desk.receive(.tick, at: now))
        }
        pool.close()
        unlink(settings.socket)
    }

    private var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func wait() -> Set<Int32> {
        var wanted = [inbox.descriptor] + askers.values.map { $0.socket.descriptor }
        if askers.count < Self.mostAskers { wanted.append(listener.descriptor) }
        var polled = wanted.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let timeout = desk.wake.map { due in
            let moment = now
            return due <= moment ? 0 : Int32(clamping: (due - moment + 999_999) / 1_000_000)
        }
        poll(&polled, nfds_t(polled.count), timeout ?? -1)
        return Set(polled.filter { $0.revents != 0 }.map(\.fd))
    }

    private func accept() {
        let listening = listener.descriptor
        while let descriptor = try? File.check("accept", "", { estiba_accept(listening) }) {
            let socket = File(adopting: descriptor)
            var uid: uid_t = 0
            guard estiba_peer_uid(descriptor, &uid) == 0, uid == settings.allowedUID || uid == 0 || uid == geteuid()
            else {
                logger.warning("a stranger asked", metadata: ["uid": "\(uid)"])
                continue
            }
            lastAsker += 1
            askers[lastAsker] = Asker(socket)
            carryOut(desk.receive(.came(lastAsker), at: now))
        }
    }

    private func read(_ number: Int, _ asker: Asker) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let descriptor = asker.socket.descriptor
        let got = recv(descriptor, &buffer, buffer.count, 0)
        if got < 0, errno == EAGAIN || errno == EINTR { return }
        guard got > 0 else { return end(number) }
        guard asker.line.count <= Question.longestLine else { return }
        asker.line += buffer.prefix(got)
        if let newline = asker.line.firstIndex(of: UInt8(ascii: "\n")) {
            carryOut(desk.receive(.asked(number, Question(line: Array(asker.line[..<newline]))), at: now))
        } else if asker.line.count > Question.longestLine {
            carryOut(desk.receive(.asked(number, nil), at: now))
        }
    }

    private func carryOut(_ effects: [Desk.Effect]) {
        for effect in effects {
            switch effect {
            case .judge(let number, let question):
                let (judge, inbox) = (judge, inbox)
                let isTaken = pool.submit { inbox.put(number, judge.answer(question)) }
                if !isTaken { logger.warning("too many questions wait; one is refused") }
            case .answer(let number, let answer):
                log(answer)
                let line = answer.line
                if let asker = askers[number] {
                    _ = send(asker.socket.descriptor, line, line.count, Int32(MSG_NOSIGNAL))
                }
                askers[number] = nil
            }
        }
    }

    private func log(_ answer: Answer) {
        switch answer {
        case .granted(let user, let uid): logger.info("login", metadata: ["user": "\(user)", "uid": "\(uid)"])
        case .refused: logger.info("login refused")
        }
    }

    private func end(_ number: Int) {
        askers[number] = nil
        carryOut(desk.receive(.left(number), at: now))
    }
}

/// The judges' answers on their way to the loop.
final class Inbox: Sendable {
    private struct State {
        var answers: [(Int, Answer)] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    let descriptor: Int32
    private let waker: Int32

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try File.check("pipe") { estiba_pipe(&ends) }
        (descriptor, waker) = (ends[0], ends[1])
        for end in ends { try File.check("fcntl") { estiba_set_nonblocking(end) } }
    }

    deinit {
        close(descriptor)
        close(waker)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func put(_ asker: Int, _ answer: Answer) {
        state.withLock { $0.answers.append((asker, answer)) }
        wake()
    }

    func shut() {
        state.withLock { $0.isClosed = true }
        wake()
    }

    func take() -> [(Int, Answer)] {
        var taken = [UInt8](repeating: 0, count: 512)
        while read(descriptor, &taken, taken.count) > 0 {}
        return state.withLock { state in
            defer { state.answers = [] }
            return state.answers
        }
    }

    private func wake() {
        var one: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(waker, &one, 1)
    }
}
