import Glibc
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf

/// What the sweep looks at and takes away. On a thread of its own.
extension RunStore {
    /// What a sweep did.
    struct Swept: Sendable, Equatable {
        /// Folders that are left.
        var folders = 0
        var removed = 0
        /// Runs that nobody will acknowledge any more: the loop lets go of them.
        var unowned: [ExecutionID] = []
    }

    /// So many folders, and then a moment for others on this disk.
    private static let step = 100
    private static let pauseMicroseconds: UInt32 = 10_000

    /// Looks through all run folders and removes what is over.
    func sweep(_ rules: RunSweep, _ remembered: Remembered, at now: Int64) throws(SystemError) -> Swept {
        try remembered.sweep(at: now)
        var names: [String] = []
        try File.forEachName(in: root) { name in
            names.append(name)
            return true
        }
        var swept = Swept()
        for (number, name) in names.enumerated() {
            if number % Self.step == Self.step - 1 { usleep(Self.pauseMicroseconds) }
            guard let execution = ExecutionID(name), let fact = fact(of: execution, rules, at: now) else { continue }
            switch rules.decide(fact, at: now) {
            case .stay: swept.folders += 1
            case .giveUp:
                swept.folders += 1
                swept.unowned.append(execution)
            case .remove:
                File.removeFolder(folder(of: execution).path)
                swept.removed += 1
            case .rememberAndRemove(let until):
                guard !remembered.isFull, let hash = settledHash(of: execution) else {
                    swept.folders += 1
                    continue
                }
                try remembered.add(execution, .init(hash: hash, until: until))
                File.removeFolder(folder(of: execution).path)
                swept.removed += 1
            }
        }
        return swept
    }

    /// Nil for what is not a run that was accepted. The order is only read where the rest says that its time is up.
    private func fact(of execution: ExecutionID, _ rules: RunSweep, at now: Int64) -> RunSweep.Fact? {
        let path = folder(of: execution).path
        var facts = stat()
        guard stat(path + "/settled", &facts) == 0 else {
            guard let accepted = File.modified(path + "/order") else { return nil }
            let ended = File.modified(path + "/report") ?? File.modified(path + "/exit")
            return RunSweep.Fact(settled: nil, ended: ended, accepted: accepted)
        }
        // Its name was changed when the owner had everything; it was written when it came.
        let settled = Int64(facts.st_ctim.tv_sec) * 1000
        var fact = RunSweep.Fact(settled: settled, ended: nil, accepted: Int64(facts.st_mtim.tv_sec) * 1000)
        if now > settled + rules.kept.milliseconds { fact.deadline = order(of: execution).deadlineMilliseconds }
        return fact
    }

    /// The hash of the order of a run that is settled; empty where it cannot be read, or never came; nil where there is no
    /// such run.
    func settledHash(of execution: ExecutionID) -> [UInt8]? {
        let path = folder(of: execution).path
        guard access(path + "/settled", F_OK) == 0 || access(path + "/order", F_OK) == 0 else { return nil }
        guard let bytes = try? SealedFile.contents(path + "/settled", limit: Self.longestOrder), !bytes.isEmpty else {
            return []
        }
        return Blake2b.hash(bytes)
    }
}
