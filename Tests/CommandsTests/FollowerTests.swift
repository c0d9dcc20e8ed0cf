import Messages
import Spool
import Testing

@testable import Commands

@Suite("Following an execution")
struct FollowerTests {
    private let opened = #"""
        {"type":"opened","id":0,"log":"00000000000000aa","offset":64,"execution":{"execution":"X","runs":[
        {"run":0,"node":"node1","state":"running","terminal":false,"since":0,"copied":0}]}}
        """#

    private func frame(_ entries: [UInt8]..., at offset: UInt64 = 64) -> Frame {
        let head = [UInt8](repeating: 0, count: 16) + withUnsafeBytes(of: offset.littleEndian) { Array($0) }
        return .binary(head + entries.flatMap(\.self))
    }

    private func entry(from: UInt64, _ records: [UInt8]) -> [UInt8] {
        LogEntry(.slice, run: 0, from: from, to: from + UInt64(records.count), timeNanoseconds: 0).header + records
    }

    private func record(_ text: String) -> [UInt8] { Record.bytes(.stdout, Array(text.utf8), timeNanoseconds: 0) }

    private func text(_ buffer: OutputBuffer) -> String { String(decoding: buffer.bytes(to: .stdout), as: UTF8.self) }

    @Test func `after a break it resumes behind the last whole entry`() throws {
        var follower = Follower(style: .labelled(.init()))
        var buffer = OutputBuffer()
        let first = entry(from: 0, record("one\ntw"))
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        try follower.receive(frame(first), into: &buffer)
        #expect(follower.place == .init(log: "00000000000000aa", offset: 64 + UInt64(first.count)))
        follower.reconnect()
        try follower.receive(frame(entry(from: 26, record("o\n"))), into: &buffer)
        #expect(text(buffer) == "node1: one\nnode1: two\n")
    }

    @Test func `what was shown is not shown again, not even half an entry`() throws {
        var follower = Follower(style: .raw)
        var buffer = OutputBuffer()
        let (one, two) = (record("one\n"), record("two\n"))
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        try follower.receive(frame(entry(from: 0, one)), into: &buffer)
        try follower.receive(frame(entry(from: 0, one), entry(from: 0, one + two)), into: &buffer)
        #expect(text(buffer) == "one\ntwo\n")
    }

    @Test func `another log is read from its beginning`() throws {
        var follower = Follower(style: .raw)
        var buffer = OutputBuffer()
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        try follower.receive(frame(entry(from: 0, record("one\n"))), into: &buffer)
        let other = opened.replacing("aa", with: "bb").replacing("\"offset\":64", with: "\"offset\":112")
        #expect(throws: CommandError.self) { try follower.receive(.text(Array(other.utf8)), into: &buffer) }
        #expect(follower.place == .init(log: "00000000000000bb"))
        try follower.receive(frame(entry(from: 0, record("one\n") + record("two\n"))), into: &buffer)
        #expect(text(buffer) == "one\ntwo\n")
    }

    @Test func `where the log has become shorter it begins anew`() throws {
        var follower = Follower(style: .raw)
        var buffer = OutputBuffer()
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        try follower.receive(frame(entry(from: 0, record("one\n"))), into: &buffer)
        follower.startOver()
        #expect(follower.place.offset == 64)
        try follower.receive(frame(entry(from: 0, record("one\n") + record("two\n"))), into: &buffer)
        #expect(text(buffer) == "one\ntwo\n")
    }

    @Test func `a gap is said, and damage is not passed over`() throws {
        var follower = Follower(style: .labelled(.init()))
        var buffer = OutputBuffer()
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        let gap = LogEntry(.gap, run: 0, from: 0, to: 100, timeNanoseconds: 0).header
        try follower.receive(frame(gap), into: &buffer)
        #expect(
            String(decoding: buffer.bytes(to: .stderr), as: UTF8.self)
                == "estiba: node1: output is missing here (0 to 100)\n")
        var broken = entry(from: 100, record("x\n"))
        broken[LogEntry.headerSize + 21] ^= 1
        #expect(throws: CommandError.self) { try follower.receive(frame(broken), into: &buffer) }
    }

    @Test func `the end is when the gateway says complete`() throws {
        var follower = Follower(style: .json)
        var buffer = OutputBuffer()
        try follower.receive(.text(Array(opened.utf8)), into: &buffer)
        let run = #"{"type":"run","id":0,"run":{"run":0,"node":"node1","state":"exited","terminal":true,"code":3}}"#
        try follower.receive(.text(Array(run.utf8)), into: &buffer)
        #expect(!follower.isComplete)
        try follower.receive(.text(Array(#"{"type":"complete","id":0}"#.utf8)), into: &buffer)
        #expect(follower.isComplete)
        #expect(Outcome(follower.runs.values).exitCode == 3)
        #expect(text(buffer).hasSuffix(#"{"code":3,"event":"state","node":"node1","state":"exited"}"# + "\n"))
    }
}
