import Glibc

/// All that descends from a process, found in `/proc`; orphans stay descendants because it is a subreaper.
package struct Descendants: Hashable, Sendable {
    let root: Int32
    /// A child of the root that is not meant, nor what descends from it; 0 for none.
    let except: Int32

    package init(root: Int32, except: Int32 = 0) {
        (self.root, self.except) = (root, except)
    }

    /// As one pass over `/proc` finds them: what forks and ends faster than that is missed.
    func processes() -> [Int32] {
        found().map(\.process)
    }

    /// None only where none can be: a chain of processes that each fork and end is too fast for a pass over `/proc`, but
    /// its orphans come to the root, one at least at any time.
    func count() -> Int {
        let found = processes().count
        return found > 0 ? found : max(livingChildren(), processes().count)
    }

    /// Stopped first, until a pass finds none that runs: then none forks while the others are ended, and a storm at its
    /// limit gets no room for new ones.
    package func killAll() {
        // What has not yet left the root's own group is signalled alone.
        let own = getpgid(root)
        var stopped: Set<Int32> = []
        for _ in 0..<Self.mostPasses {
            stopChildren(&stopped)
            let new = found().filter { !stopped.contains($0.process) }
            if new.isEmpty { break }
            // A group is signalled at once, also those that are being born in it; its whole session is of the run.
            for group in Set(new.map(\.group)) where group > 1 && group != own { kill(-group, SIGSTOP) }
            for one in new { kill(one.process, SIGSTOP) }
            stopped.formUnion(new.map(\.process))
        }
        let living = found()
        for group in Set(living.map(\.group)) where group > 1 && group != own { kill(-group, SIGKILL) }
        for process in Set(living.map(\.process)).union(children) { kill(process, SIGKILL) }
    }

    /// Bounds for what it takes at once; it is called again until nothing is left.
    private static let mostPasses = 50
    private static let mostCatches = 1000

    /// Stops the root's own children while there are new ones: a chain of processes that each fork and end is met here, where
    /// its orphans arrive; a pass over `/proc` is too slow for it.
    private func stopChildren(_ stopped: inout Set<Int32>) {
        for _ in 0..<Self.mostCatches {
            let new = children.filter { !stopped.contains($0) }
            if new.isEmpty { return }
            for child in new { kill(child, SIGSTOP) }
            stopped.formUnion(new)
        }
    }

    /// Those of the root, dead ones too.
    private var children: [Int32] { ProcFile.children(of: root).filter { $0 != except } }

    private func found() -> [ProcFile.Stat] {
        var children: [Int32: [ProcFile.Stat]] = [:]
        for process in ProcFile.processes() {
            guard let stat = ProcFile.stat(of: process), !stat.isDead else { continue }
            children[stat.parent, default: []].append(stat)
        }
        var found: [ProcFile.Stat] = []
        var rest = children[root] ?? []
        while let one = rest.popLast() {
            if one.process == except { continue }
            found.append(one)
            rest += children[one.process] ?? []
        }
        return found
    }

    /// How many children of the root live.
    ///
    /// A process's children become the root's in the moment in which it ends, and only the root takes its dead away:
    /// a list without a living one that is the same twice was complete.
    private func livingChildren() -> Int {
        var before: [Int32]?
        for _ in 0..<Self.mostLooks {
            let list = children
            let living = list.count { ProcFile.stat(of: $0).map { !$0.isDead } ?? false }
            if living > 0 || list == before { return living }
            before = list
        }
        // It never was the same twice: something lives that makes it grow.
        return 1
    }

    /// The dead are taken away between two counts: looking on and on would only let them pile up.
    private static let mostLooks = 20
}
