package import Bus
import Messages
import Settings
import ZeroMQ

/// Thousands of simulated workers in one process, for measuring brokers and gateways.
package final class Swarm {
    package struct Unusable: Error, CustomStringConvertible {
        package let description: String
    }

    /// What comes for all of them together wakes one thread.
    private static let nodesOfALoop = 32

    package let count = SwarmCount()
    private var threads: [PollLoop.Thread] = []

    /// Connects all nodes; they are there when `count` says so.
    package init(
        _ keys: SwarmKeys, nodes: ClosedRange<Int>, authority: [UInt8], brokers: [BrokerAddress]
    ) throws {
        // Two sockets at each broker, each with an eventfd of libzmq's and its connection.
        let needed = nodes.count * 4 * brokers.count + 200
        let limit = OpenFiles.raiseLimit()
        guard limit >= needed else {
            throw Unusable(description: "\(nodes.count) nodes need \(needed) open files, and the limit is \(limit)")
        }
        let context = try Context(ioThreads: 2)
        for first in stride(from: nodes.lowerBound, through: nodes.upperBound, by: Self.nodesOfALoop) {
            let numbers = first...min(first + Self.nodesOfALoop - 1, nodes.upperBound)
            threads.append(try Self.thread(keys, numbers, authority, brokers, context, count))
        }
    }

    private static func thread(
        _ keys: SwarmKeys, _ numbers: ClosedRange<Int>, _ authority: [UInt8], _ brokers: [BrokerAddress],
        _ context: Context, _ count: SwarmCount
    ) throws -> PollLoop.Thread {
        try PollLoop.Thread(name: "swarm", context: context) { loop in
            var members: [SwarmNode] = []
            for number in numbers {
                guard let name = keys.name(number) else { throw Unusable(description: "no name for a node: \(number)") }
                members.append(
                    try SwarmNode(
                        name, pair: keys.pair(number), authority: authority, brokers: brokers, on: loop,
                        count: { count.count($0) }))
            }
            loop.atEnd { for member in members { member.close() } }
        }
    }

    /// Ends all nodes; returns when their sockets are closed.
    package func stop() {
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
        threads = []
    }
}
