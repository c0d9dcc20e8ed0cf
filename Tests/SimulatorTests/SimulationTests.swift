import Foundation
import Synchronization
import Testing

@testable import Simulator

/// The deciding cores of all parts in virtual time (docs/guarantees.md, invariants).
struct SimulationTests {
    private static let seeds: Range<UInt64> = 0..<1000

    @Test func `a thousand seeds of faults break no invariant`() async throws {
        let outcomes = try await Self.run(Self.seeds)
        let broken = outcomes.compactMap { outcome in
            outcome.violation.map { "estiba simulate --seed \(outcome.seed): \($0.invariant.rawValue), \($0.sentence)" }
        }
        #expect(broken == [])
        #expect(outcomes.count == 1000)
        #expect(outcomes.map(\.events).min() ?? 0 >= 1000)
        #expect(outcomes.map(\.faults).min() ?? 0 >= 5)
        // What is meant to happen does: a simulation in which nothing goes wrong proves nothing.
        #expect(outcomes.count { $0.hits.dropped > 0 } > 500)
        #expect(outcomes.count { $0.gaps > 0 } > 20)
        #expect(Set(outcomes.map(\.trace)).count == 1000)
    }

    @Test(arguments: Defect.allCases)
    func `without a protection some seed under a thousand fails`(_ defect: Defect) throws {
        // What may break first without it.
        let expected: [Invariant] =
            switch defect {
            case .deduplication, .journalBeforeExec: [.two]
            case .gapCheck: [.three]
            case .acknowledgementRetry: [.one, .eight]
            }
        for seed in Self.seeds {
            guard let violation = try Simulation(Scenario(seed: seed, defect: defect)).run().violation else { continue }
            #expect(expected.contains(violation.invariant), "seed \(seed): \(violation)")
            return
        }
        Issue.record("\(defect) is missed by no seed")
    }

    @Test func `without faults every command ends as it would and nothing is lost`() throws {
        for seed in UInt64(0)..<20 {
            let outcome = try Simulation(Scenario(seed: seed, kinds: [])).run()
            #expect(outcome.violation == nil)
            #expect(outcome.faults == 0 && outcome.hits == Network.Hits())
        }
    }

    @Test func `the same seed gives the same trace, also in another process`() throws {
        let program = try Self.simulator()
        for seed in [UInt64(3), 42] {
            let here = try Simulation(Scenario(seed: seed)).run()
            let again = try Simulation(Scenario(seed: seed), .last(5)).run()
            #expect(here.trace == again.trace && here.events == again.events)
            let there = try Self.json(program, ["simulate", "--seed", "\(seed)", "--json"])
            #expect(there["trace"] as? String == here.traceText)
        }
    }

    @Test func `faults that are not asked for do not happen`() throws {
        let outcome = try Simulation(Scenario(seed: 5, kinds: [.drop], faults: 9)).run()
        #expect(outcome.faults == 9 && outcome.hits.dropped > 0)
        #expect(outcome.hits.doubled == 0 && outcome.hits.delayed == 0 && outcome.hits.overtaken == 0)
    }

    // MARK: Help

    /// Gives every seed once.
    private final class Seeds: Sendable {
        private let next: Mutex<UInt64>
        private let end: UInt64

        init(_ seeds: Range<UInt64>) {
            next = Mutex(seeds.lowerBound)
            end = seeds.upperBound
        }

        func take() -> UInt64? {
            next.withLock { next in
                guard next < end else { return nil }
                defer { next += 1 }
                return next
            }
        }
    }

    /// On as many threads as there are processors.
    private static func run(_ range: Range<UInt64>) async throws -> [Outcome] {
        let seeds = Seeds(range)
        return try await withThrowingTaskGroup(of: [Outcome].self) { group in
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                group.addTask { try work(seeds) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func work(_ seeds: Seeds) throws -> [Outcome] {
        var outcomes: [Outcome] = []
        while let seed = seeds.take() { outcomes.append(try Simulation(Scenario(seed: seed)).run()) }
        return outcomes
    }

    private static func simulator() throws -> URL {
        let folder = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent()
        let built = Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() } + [folder]
        let candidates = built.map { $0.appendingPathComponent("estiba-simulator") }
        return try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) })
    }

    private static func json(_ program: URL, _ arguments: [String]) throws -> [String: Any] {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
}
