import Messages
import Sodium
import Spool
import SwiftProtobuf
import Testing

@testable import Worker

struct RevocationsTests {
    private let g1 = Principal(.gateway, "g1")
    private let g2 = Principal(.gateway, "g2")

    private func session(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) } + [UInt8](repeating: 7, count: 8)
    }

    private func said(
        _ sequence: UInt64, _ sessions: [Int], until: Int64 = 1000, by gateway: String = "gateway:g1"
    ) -> WireRevocations {
        .with {
            $0.sequence = sequence
            $0.gateway = gateway
            $0.revocations = sessions.map { number in
                .with {
                    $0.session = .init(session(number))
                    $0.untilMilliseconds = until
                }
            }
        }
    }

    @Test func `what one gateway revokes is revoked, and no other word makes it good again`() {
        var revocations = Revocations()
        let isNew = revocations.take(said(1, [1]), from: g1, at: 0)
        #expect(isNew && revocations.isRevoked(session(1)) && !revocations.isRevoked(session(2)))
        let again = revocations.take(said(1, [1]), from: g1, at: 0)
        #expect(!again)
        // An old message that comes again, an empty one, and one of another gateway.
        _ = revocations.take(said(0, []), from: g1, at: 0)
        _ = revocations.take(said(9, [2], by: "gateway:g2"), from: g2, at: 0)
        #expect(revocations.isRevoked(session(1)) && revocations.isRevoked(session(2)))
    }

    @Test func `what one gateway has said is no word of another that it is shown as`() {
        var revocations = Revocations()
        _ = revocations.take(said(4, [1], until: 2000), from: g1, at: 0)
        // Taken as another's it would say that there is nothing to ask that one for, and by that one's time forget.
        for gateway in ["gateway:g1", ""] {
            let changed = revocations.take(said(7, [2], by: gateway), from: g2, at: 3000)
            #expect(!changed)
        }
        #expect(revocations.isBehind(7, of: g2) && revocations.isRevoked(session(1)) && revocations.count == 1)
    }

    @Test func `a node asks until it has heard what the gateway said last`() {
        var revocations = Revocations()
        #expect(!revocations.isBehind(0, of: g1))
        #expect(revocations.isBehind(3, of: g1))
        _ = revocations.take(said(3, [1]), from: g1, at: 0)
        #expect(!revocations.isBehind(3, of: g1))
        #expect(revocations.isBehind(4, of: g1) && revocations.isBehind(3, of: g2))
        // An old message that comes again only makes it ask.
        _ = revocations.take(said(2, []), from: g1, at: 0)
        #expect(revocations.isBehind(3, of: g1))
    }

    @Test func `a session is forgotten when its time is over, and not while the time is unknown`() {
        var revocations = Revocations()
        _ = revocations.take(said(1, [1], until: 1000), from: g1, at: nil)
        _ = revocations.take(said(2, [2], until: 2000), from: g1, at: nil)
        #expect(revocations.isRevoked(session(1)))
        let changed = revocations.take(said(3, []), from: g1, at: 1000)
        #expect(changed && !revocations.isRevoked(session(1)) && revocations.isRevoked(session(2)))
    }

    @Test func `what is no session is left alone, and there is a most`() {
        var revocations = Revocations()
        var odd = said(1, [1])
        odd.revocations[0].session = .init([1, 2, 3])
        _ = revocations.take(odd, from: g1, at: nil)
        #expect(revocations.count == 0)
        _ = revocations.take(said(2, [0], until: 1), from: g1, at: nil)
        _ = revocations.take(said(3, Array(1...Revocations.most), until: 2), from: g1, at: nil)
        #expect(revocations.count == Revocations.most && !revocations.isRevoked(session(0)))
    }

    @Test func `they outlive the worker, and a damaged file is known as such`() throws {
        let folder = try ScratchFolder()
        var revocations = Revocations()
        _ = revocations.take(said(5, [1, 2]), from: g1, at: nil)
        let file = RevocationsFile(data: folder.path)
        #expect(try file.read().revocations.isEmpty)
        file.set(revocations.kept)
        try file.write()
        var after = Revocations()
        after.takeUp(try RevocationsFile(data: folder.path).read())
        #expect(after.isRevoked(session(1)) && after.isRevoked(session(2)) && after.isBehind(5, of: g1))
        var bytes = try File.contents(folder.path + "/revoked", limit: 1 << 20)
        bytes[30] ^= 4
        try File.replace(folder.path + "/revoked", with: bytes)
        #expect(throws: SealedFile.Problem.self) { try RevocationsFile(data: folder.path).read() }
    }

    @Test func `their bytes`() throws {
        let bytes: [UInt8] = try said(300, [1], until: 1000).serializedBytes()
        #expect(
            Hex.encode(bytes)
                == "08ac0212150a100000000000000001070707070707070710e8071a0a676174657761793a6731")
        // As a node keeps it.
        let kept: [UInt8] = try said(300, [1], until: 1000, by: "").serializedBytes()
        #expect(Hex.encode(kept) == "08ac0212150a100000000000000001070707070707070710e807")
        let clock: [UInt8] = try WireClock.with {
            $0.milliseconds = 1000
            $0.revocations = 300
            $0.gateway = "gateway:g1"
        }.serializedBytes()
        #expect(Hex.encode(clock) == "08e80710ac021a0a676174657761793a6731")
    }

    @Test func `an order of a revoked session was refused once for all`() {
        var intake = Intake()
        let id = ExecutionID(high: 1, low: 2)
        #expect(intake.order(id, hash: [1]) == .accept)
        intake.refused(id)
        #expect(!intake.isLive(id))
        #expect(intake.order(id, hash: [1]) == .repeatLast)
        #expect(intake.stop(id) == .repeatLast)
    }
}
