import FoundationEssentials
import Messages
import Spool

/// The output of an execution with what is equal on many nodes written once, the odd ones first.
struct FoldedLogs {
    private struct Groups: Decodable {
        struct Group: Codable {
            var nodes: [String]
            var run: UInt32
            var lines: Int
            var bytes: Int
        }
        var groups: [Group]
        var isWhole: Bool
    }

    private struct Lines: Decodable {
        struct Line: Decodable {
            struct Gap: Decodable {
                var from: UInt64
                var to: UInt64
            }
            var stream: String?
            var text: String?
            var base64: String?
            var cut: Bool?
            var gap: Gap?
        }
        var lines: [Line]
        var open: [Line]?
    }

    /// Of one question; the answer may have fewer.
    private static let linesAtOnce = 1000

    let gateway: Gateway
    let execution: String
    let isJSON: Bool

    func show() async throws {
        var found: Groups = try await gateway.get("executions/\(execution)/groups")
        // Each question takes the gateway further through the log.
        while !found.isWhole { found = try await gateway.get("executions/\(execution)/groups") }
        for group in found.groups {
            if isJSON {
                StandardStreams.print(String(decoding: try JSONEncoder().encode(group), as: UTF8.self))
            } else {
                StandardStreams.print(Self.heading(group))
                try await showLines(of: group.run)
            }
        }
    }

    private static func heading(_ group: Groups.Group) -> String {
        let nodes = group.nodes.count == 1 ? "1 node" : "\(group.nodes.count) nodes"
        let lines = group.bytes == 0 ? "no output" : group.lines == 1 ? "1 line" : "\(group.lines) lines"
        return "--- \(NodeSet.fold(group.nodes.compactMap { NodeName($0) })) · \(nodes) · \(lines)"
    }

    private func showLines(of run: UInt32) async throws {
        var from = 0
        while true {
            let window: Lines = try await gateway.get(
                "executions/\(execution)/lines?runs=\(run)&from=\(from)&count=\(Self.linesAtOnce)")
            for line in window.lines + (window.open ?? []) { Self.write(line) }
            from += window.lines.count
            if window.open != nil || window.lines.isEmpty { return }
        }
    }

    private static func write(_ line: Lines.Line) {
        if let gap = line.gap { return StandardStreams.say("\(gap.to - gap.from) bytes of output are missing here") }
        let bytes =
            line.text.map { Array($0.utf8) } ?? line.base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
        let target: OutputBuffer.Target = line.stream == "stderr" ? .stderr : .stdout
        let end = line.cut == true ? Array("… (cut; `estiba logs --node NODE --raw` has all)\n".utf8) : [0x0A]
        let content = bytes ?? []
        let isTamed = StandardStreams.isTerminal(target)
        StandardStreams.write((isTamed ? content.withUnsafeBytes(Tamer.tame) : content) + end, to: target)
    }
}
