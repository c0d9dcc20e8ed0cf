import Messages

/// Does to an installation what its scenario says, and takes it back when its time is over.
final class Nemesis {
    private unowned let world: Simulation
    private(set) var begun = 0
    /// Orders that went out, to be said again by somebody else.
    private var heard: [(letter: Letter, gateway: Int, node: Int)] = []

    init(_ world: Simulation) { self.world = world }

    func overheard(_ letter: Letter, from gateway: Int, to node: Int) {
        guard world.scenario.kinds.contains(.forge), heard.count < 200 else { return }
        heard.append((letter, gateway, node))
    }

    func begin(_ fault: Fault) {
        begun += 1
        var dice = Dice(seed: fault.choice)
        world.trace.note(world.now, 11, fault.choice, "fault \(fault.kind.rawValue) for \(fault.lasts / 1_000_000) ms")
        world.busy(until: world.now + fault.lasts)
        switch fault.kind {
        case .drop:
            let share = dice.between(50, 600)
            disturb(fault, &dice) {
                $0.drop = share
            } end: {
                $0.drop = 0
            }
        case .double:
            let share = dice.between(50, 600)
            disturb(fault, &dice) {
                $0.double = share
            } end: {
                $0.double = 0
            }
        case .delay:
            disturb(fault, &dice) {
                $0.delays = true
            } end: {
                $0.delays = false
            }
        case .reorder:
            disturb(fault, &dice) {
                $0.reorders = true
            } end: {
                $0.reorders = false
            }
        case .partition:
            let comesAt = dice.chance(500) ? world.now + fault.lasts : nil
            disturb(fault, &dice) {
                $0.isCut = true
                $0.comesAt = comesAt
            } end: {
                $0.isCut = false
                $0.comesAt = nil
            }
        case .crash: crash(fault, &dice)
        case .skew:
            let gateway = world.gateways[dice.below(world.gateways.count)]
            gateway.wallOffset = Int64(dice.between(-25_000, 25_000))
        case .disk: fill(fault, &dice)
        case .forge: forge(&dice)
        }
    }

    /// One peer with all brokers, all peers with one broker, or any pairs.
    private func disturb(
        _ fault: Fault, _ dice: inout Dice, begin: (inout Network.Condition) -> Void,
        end: @escaping (inout Network.Condition) -> Void
    ) {
        let network = world.network
        let peers = world.links.count
        var pairs: [Int] = []
        switch dice.below(3) {
        case 0:
            let peer = dice.below(peers)
            for broker in world.brokers.indices { pairs.append(network.index(peer, broker)) }
        case 1:
            let broker = dice.below(world.brokers.count)
            for peer in 0..<peers { pairs.append(network.index(peer, broker)) }
        default:
            for pair in network.conditions.indices where dice.chance(350) { pairs.append(pair) }
        }
        for pair in pairs { begin(&network.conditions[pair]) }
        world.after(fault.lasts) { for pair in pairs { end(&network.conditions[pair]) } }
    }

    private func crash(_ fault: Fault, _ dice: inout Dice) {
        switch dice.below(100) {
        case ..<40:
            let node = world.nodes[dice.below(world.nodes.count)]
            let down = min(fault.lasts, dice.milliseconds(20, 4_000))
            // Now, or while it writes something.
            if dice.chance(400) { return kill(node, for: down) }
            node.strike = (dice.below(4), { [unowned self] in kill(node, for: down) })
        case ..<55:
            let node = world.nodes[dice.below(world.nodes.count)]
            guard !node.isSilent else { return }
            note("\(node.name) loses its power")
            node.losePower()
            world.after(fault.lasts) { if !node.isUp { node.start() } }
        case ..<70: killSupervisor(&dice)
        case ..<85:
            let broker = world.brokers[dice.below(world.brokers.count)]
            guard broker.isUp else { return }
            note("broker \(broker.index) is killed")
            broker.kill()
            world.after(min(fault.lasts, dice.milliseconds(20, 4_000))) { if !broker.isUp { broker.start() } }
        default:
            let gateway = world.gateways[dice.below(world.gateways.count)]
            guard gateway.isUp else { return }
            let power = dice.chance(400)
            note("gateway \(gateway.index) \(power ? "loses its power" : "is killed")")
            gateway.kill(power: power)
            world.after(min(fault.lasts, dice.milliseconds(20, 4_000))) { if !gateway.isUp { gateway.start() } }
        }
    }

    private func kill(_ node: VirtualNode, for down: Int64) {
        guard node.isUp else { return }
        note("\(node.name)'s worker is killed")
        world.busy(until: world.now + down)
        node.kill()
        world.after(down) { if !node.isUp, !node.isSilent { node.start() } }
    }

    private func killSupervisor(_ dice: inout Dice) {
        var running: [VirtualRun] = []
        for node in world.nodes {
            for id in node.runs.keys.sorted() {
                if let run = node.runs[id], run.isSupervised { running.append(run) }
            }
        }
        guard !running.isEmpty else { return }
        let victim = running[dice.below(running.count)]
        note("the supervisor of \(world.ledger.text(victim.name)) is killed")
        victim.killSupervisor()
    }

    private func fill(_ fault: Fault, _ dice: inout Dice) {
        if dice.chance(350) {
            let gateway = world.gateways[dice.below(world.gateways.count)]
            gateway.isDiskFull = true
            world.after(fault.lasts) { gateway.isDiskFull = false }
        } else {
            let node = world.nodes[dice.below(world.nodes.count)]
            node.disk.isFull = true
            world.after(fault.lasts) { node.disk.isFull = false }
        }
    }

    private func note(_ text: @autoclosure () -> String) {
        world.trace.note(world.now, 12, 0, text())
    }
}

// MARK: What nobody vouches for

extension Nemesis {
    private func forge(_ dice: inout Dice) {
        guard !heard.isEmpty else { return }
        let (letter, gateway, node) = heard[dice.below(heard.count)]
        guard case .order(let id, var body, let tag) = letter else { return }
        let other = dice.below(world.nodes.count)
        switch dice.below(8) {
        case 0: say(letter, as: gateway, to: node)
        case 1:
            // When its ticket's time is over.
            let late = dice.milliseconds(62_000, 140_000)
            world.busy(until: world.now + late)
            world.after(late) { [unowned self] in say(letter, as: gateway, to: node) }
        case 2: if other != node { say(letter, as: gateway, to: other) }
        case 3:
            body[dice.below(body.count)] ^= 1 << UInt8(dice.below(8))
            say(.order(id, body: body, tag: tag), as: gateway, to: node)
        case 4: say(.stop(id, graceMilliseconds: 0), as: gateway, to: node)
        case 5: say(.reported(id, sequence: .max), as: gateway, to: node)
        case 6: say(.copied(id, spool: dice.next(), position: 1 << 40), as: gateway, to: node)
        default: lie(id, of: node, to: gateway, &dice)
        }
    }

    /// To a node, in a gateway's name.
    private func say(_ letter: Letter, as gateway: Int, to node: Int) {
        let target = world.nodes[node]
        guard target.isUp else { return }
        world.noteLetter(letter, from: gateway, to: target.peer, at: 99)
        target.link.arrived(Envelope(letter: letter, sender: gateway, seal: 0xBAD), .commands, from: 0)
    }

    /// To a gateway, in a node's name; a node that publishes what is another's is stopped by the broker.
    private func lie(_ id: ExecutionID, of node: Int, to gateway: Int, _ dice: inout Dice) {
        var report = WireReport()
        RunState.exited(code: 77).fill(&report)
        report.sequence = 1 << 50
        let peer = world.peer(ofNode: node)
        world.gateways[gateway].link.arrived(
            Envelope(letter: .report(id, report), sender: peer, seal: 0xBAD), .commands, from: 0)
        let slice = Slice(execution: id, node: node, spool: dice.next(), position: 0, length: 64)
        let topic = Topic.output(user: Keys.users[0], id, world.keys.names[node]).bytes
        let liar = world.nodes[dice.below(world.nodes.count)]
        guard liar.number != node else { return }
        liar.link.send(.slice(topic: topic, slice), seal: 0xBAD, to: nil, lane: .output)
    }
}
