import Foundation
import Glibc
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf
import Testing

@testable import Worker

/// Run folders are bounded in time, and no order starts again because its folder is gone.
struct RunSweepTests {
    private let hour: Int64 = 3_600_000
    private var day: Int64 { 24 * hour }
    private let rules = RunSweep()

    @Test func `a folder goes a day after its owner had everything, and not before the order can come no more`() {
        let now = 100 * day
        func decide(settled: Int64, deadline: Int64) -> RunSweep.Decision {
            rules.decide(.init(settled: settled, ended: nil, accepted: settled, deadline: deadline), at: now)
        }
        #expect(decide(settled: now - 23 * hour, deadline: now - 40 * day) == .stay)
        #expect(decide(settled: now - 25 * hour, deadline: now - 25 * hour) == .remove)
        #expect(decide(settled: now - 25 * hour, deadline: now - 23 * hour) == .stay)
        #expect(decide(settled: now - 25 * hour, deadline: now + day) == .rememberAndRemove(until: now + 2 * day))
        // An order that says no deadline may come for the longest wait there is.
        #expect(decide(settled: now - 25 * hour, deadline: 0) == .rememberAndRemove(until: now - 25 * hour + 31 * day))
    }

    @Test func `a run whose owner is silent is given up after seven days, one that lives never`() {
        let now = 100 * day
        func decide(ended: Int64?) -> RunSweep.Decision {
            rules.decide(.init(settled: nil, ended: ended, accepted: 0), at: now)
        }
        #expect(decide(ended: nil) == .stay && decide(ended: now - 6 * day) == .stay)
        #expect(decide(ended: now - 8 * day) == .giveUp)
    }

    private func withStore<T>(_ body: (RunStore, String) throws -> T) throws -> T {
        let path = NSTemporaryDirectory() + "estiba-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(try RunStore(data: path), path)
    }

    private func order(deadline: Int64) -> [UInt8] {
        let order = WireOrder.with {
            $0.user = "ana"
            $0.deadlineMilliseconds = deadline
        }
        return (try? order.serializedBytes()) ?? []
    }

    @Test func `a swept run is known by its order's hash until the order can come no more, over a restart`() throws {
        try withStore { store, path in
            let now = WallClock.milliseconds
            let (soon, late) = (ExecutionID(high: 1, low: 1), ExecutionID(high: 1, low: 2))
            try store.accept(soon, order: order(deadline: now))
            try store.accept(late, order: order(deadline: now + 20 * day))
            let hash = try #require(Optional(Blake2b.hash(order(deadline: now + 20 * day))))
            for id in [soon, late] {
                store.letGo(id)
                #expect(store.settledHash(of: id)?.count == 32)
            }
            var remembered = try Remembered(data: path, at: now)
            #expect(try store.sweep(rules, remembered, at: now + hour) == .init(folders: 2, removed: 0, unowned: []))
            #expect(try store.sweep(rules, remembered, at: now + 3 * day) == .init(folders: 0, removed: 2, unowned: []))
            #expect(store.settledHash(of: late) == nil && remembered.hash(of: late) == hash)
            #expect(remembered.hash(of: soon) == nil && remembered.count == 1)
            remembered = try Remembered(data: path, at: now + 4 * day)
            #expect(remembered.hash(of: late) == hash && remembered.damaged == 0)
            try remembered.sweep(at: now + 22 * day)
            #expect(remembered.count == 0)
            #expect(try Remembered(data: path, at: now).count == 0)
        }
    }

    @Test func `a run that nobody acknowledges is named to the loop, and its folder stays until that lets go of it`()
        throws
    {
        try withStore { store, path in
            let now = WallClock.milliseconds
            let id = ExecutionID(high: 1, low: 3)
            try store.accept(id, order: order(deadline: now))
            let remembered = try Remembered(data: path, at: now)
            #expect(try store.sweep(rules, remembered, at: now + 8 * day) == .init(folders: 1, removed: 0, unowned: []))
            var report = WireReport()
            RunState.exited(code: 4).fill(&report)
            try store.conclude(id, report)
            #expect(try store.sweep(rules, remembered, at: now + 6 * day) == .init(folders: 1, removed: 0, unowned: []))
            #expect(
                try store.sweep(rules, remembered, at: now + 8 * day) == .init(folders: 1, removed: 0, unowned: [id]))
            #expect(store.settledHash(of: id) != nil)
        }
    }

    @Test func `every flipped bit of a remembered run is found, and the others stay`() throws {
        let ids = (0..<3).map { ExecutionID(high: 4, low: UInt64($0)) }
        let entry = Remembered.Entry(hash: [UInt8](repeating: 7, count: 32), until: 99)
        let bytes = Array("ESTIREM1".utf8) + ids.flatMap { Remembered.record($0, entry) }
        #expect(Remembered.read(bytes).entries.count == 3)
        for place in 8 + 60..<8 + 120 {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << bit
                let found = Remembered.read(other)
                #expect(found.damaged == 1 && Set(found.entries.keys) == [ids[0], ids[2]])
            }
        }
        for cut in 0..<bytes.count {
            let found = Remembered.read(Array(bytes.prefix(cut)))
            #expect(
                found.entries.count == max(0, cut - 8) / 60
                    && (found.damaged > 0) == (cut > 0 && (cut < 8 || (cut - 8) % 60 != 0)))
        }
    }

    @Test func `every flipped bit and every cut of an order on the disk is found`() throws {
        try withStore { store, _ in
            let id = ExecutionID(high: 5, low: 5)
            try store.accept(id, order: order(deadline: 77))
            let path = store.folder(of: id).path + "/order"
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for place in whole.indices {
                for bit in 0..<8 {
                    var other = whole
                    other[place] ^= 1 << bit
                    try other.write(to: URL(fileURLWithPath: path))
                    let found = try #require(try store.all().first)
                    #expect(found.isDamaged && !found.isSettled, "byte \(place)")
                }
            }
            for cut in 0..<whole.count {
                try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
                #expect(try #require(try store.all().first).isDamaged, "cut at \(cut)")
            }
        }
    }

    @Test func `a damaged epoch is followed by a greater one`() throws {
        try withStore { store, path in
            #expect(try store.nextEpoch(data: path) == 1)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/epoch"))
            bytes[bytes.count - 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path + "/epoch"))
            let next = try store.nextEpoch(data: path)
            #expect(next > 1_000_000_000 && next < 1 << 32)
            #expect(try store.nextEpoch(data: path) == next + 1)
            // As it was written before it had a checksum.
            try Data("41\n".utf8).write(to: URL(fileURLWithPath: path + "/epoch"))
            #expect(try store.nextEpoch(data: path) == 42)
        }
    }

    @Test func `every flipped bit and every cut of a plan is found, and one without a checksum is read`() throws {
        var plan = Plan(
            spool: 7, execution: "X", node: "n", account: .init(user: "ana", uid: 1, gid: 2, groups: [2, 3]),
            arguments: ["sleep", "1"], folder: "/", environment: ["A=1"])
        plan.cgroup = "/c"
        let bytes = plan.bytes
        #expect(try Plan(bytes) == plan)
        for place in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << bit
                // Version 1 had no checksum: its number must not be one flipped bit away.
                #expect((try? Plan(other)) == nil, "byte \(place) bit \(bit)")
            }
        }
        for cut in 0..<bytes.count { #expect((try? Plan(Array(bytes.prefix(cut)))) == nil) }
        let old = [1] + bytes.dropFirst().dropLast(4)
        #expect(try Plan(old) == plan)
    }
}
