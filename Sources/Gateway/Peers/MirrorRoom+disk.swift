import Glibc
import Messages
import Spool

extension MirrorRoom {
    /// With the copies that earlier starts have left on the disk; what is no whole copy is removed.
    init(_ bounds: Bounds, keptIn logs: Logs) {
        self.init(bounds)
        let names = Set((try? File.names(in: logs.mirrors)) ?? [])
        let ids = names.compactMap { $0.hasSuffix(".log") ? ExecutionID(String($0.dropLast(4))) : nil }
        for stray in names.subtracting(ids.flatMap { ["\($0).log", "\($0).index"] }) {
            unlink("\(logs.mirrors)/\(stray)")
        }
        let kept = ids.compactMap { id in
            let path = logs.mirrorPath(of: id)
            return File.modified(path).map { (id: id, bytes: MirrorFile.bytes(path), usedAt: $0) }
        }
        for mirror in kept.sorted(by: { $0.usedAt < $1.usedAt }) {
            use(mirror.id, bytes: mirror.bytes, at: mirror.usedAt)
        }
    }
}
