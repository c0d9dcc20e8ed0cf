import Messages
import Worker

/// Publishes a run's spool as `Outflow` allows, and answers its owner's requests for what was missed.
extension VirtualKeeper {
    func pump() {
        guard !isPumping, flow != nil else { return }
        while true {
            if let position = flow?.resume(at: world.instant) { say(released: position, length: position, to: owner) }
            guard let next = flow?.next else { break }
            guard let length = read(next.position, limit: next.limit), length > 0 else {
                // Let go of meanwhile, or lost: on from what is there, unless something is still under way.
                if flow?.next == nil, flow?.isHeldUp == true { continue }
                return
            }
            let slice = Slice(
                execution: execution, node: node.number, spool: spool, position: next.position, length: Int(length))
            let letter = Letter.slice(topic: topic, slice)
            let seal = world.keys.seal(.range(slice), node: node.number)
            let taken = node.link.connected.filter {
                node.link.send(letter, seal: seal, to: nil, lane: .output, via: $0)
            }
            guard !taken.isEmpty else { return pumpLater() }
            pause = 1_000_000
            flow?.sent(upTo: next.position + length, at: world.instant)
        }
        if let flow {
            world.bounded(
                Int(flow.underWay), by: Int(Outflow.credit + Outflow.slice + 65_556),
                "\(node.name) is ahead of the copy")
        }
    }

    private func read(_ position: UInt64, limit: UInt64) -> UInt64? {
        guard let run = node.runs[execution] else { return nil }
        guard let length = run.read(from: position, limit: limit) else {
            flow?.released(upTo: run.released)
            return nil
        }
        if length == 0, isOver { flow?.lost(from: position) }
        return length
    }

    private func pumpLater() {
        guard !node.link.connected.isEmpty else { return }
        isPumping = true
        world.after(pause) { [weak self] in
            guard let self, node.life == life else { return }
            isPumping = false
            pump()
        }
        pause = min(pause * 2, 64_000_000)
    }

    /// Slices over the bulk lane, then what is held; false for another spool.
    func replay(_ spool: UInt64, _ from: UInt64, _ to: UInt64, to gateway: Int) -> Bool {
        guard flow != nil, self.spool == spool else { return false }
        var position = from
        while position < to, position - from < 1 << 20 {
            guard let length = read(position, limit: min(Outflow.slice, to - position)), length > 0 else { break }
            let slice = Slice(
                execution: execution, node: node.number, spool: spool, position: position, length: Int(length))
            node.send(.range(slice), to: gateway, lane: .bulk)
            position += length
        }
        let held = node.runs[execution]?.released ?? 0
        let length = isOver ? flow?.length ?? 0 : max(flow?.published ?? 0, position)
        say(released: flow?.released(asked: from, held: held) ?? held, length: length, to: gateway)
        return true
    }

    func say(released: UInt64, length: UInt64, to gateway: Int) {
        let answer = Letter.Replayed(spool: spool, released: released, length: length)
        node.send(.replayed(execution, answer), to: gateway)
    }
}
