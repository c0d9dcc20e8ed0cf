import Messages

extension NodeSet {
    /// Writes names shortly: node1, node2, node3, web07 becomes `node[1-3],web07`.
    ///
    /// Names that differ in one number are gathered; the last number of a name is tried first.
    static func fold(_ names: some Sequence<NodeName>) -> String {
        var rest = Array(Set(names)).sorted()
        var pieces: [(first: NodeName, text: String)] = []
        let depth = rest.map { NumberedName.count(in: $0.description) }.max() ?? 0
        for place in 0..<depth {
            let groups = Dictionary(grouping: rest) { NumberedName($0.description, fromEnd: place)?.frame }
            for (frame, members) in groups where frame != nil && members.count > 1 {
                let numbered = members.compactMap { NumberedName($0.description, fromEnd: place) }
                guard let first = members.first, let name = numbered.first else { continue }
                let body = ranges(of: numbered)
                pieces.append((first, "\(name.before)[\(body)]\(name.after)"))
                rest.removeAll { members.contains($0) }
            }
        }
        pieces += rest.map { ($0, $0.description) }
        return pieces.sorted { $0.first < $1.first }.map(\.text).joined(separator: ",")
    }

    private static func ranges(of names: [NumberedName]) -> String {
        var ranges: [(from: NumberedName, to: NumberedName)] = []
        for name in names.sorted(by: { ($0.width, $0.value) < ($1.width, $1.value) }) {
            if let last = ranges.last, last.to.value + 1 == name.value, last.to.joins(name) {
                ranges[ranges.count - 1].to = name
            } else {
                ranges.append((name, name))
            }
        }
        return ranges.map { $0.from.digits == $0.to.digits ? $0.from.digits : "\($0.from.digits)-\($0.to.digits)" }
            .joined(separator: ",")
    }
}

/// A name taken apart at one of its numbers.
private struct NumberedName {
    /// What names must have in common to be written as one.
    struct Frame: Hashable {
        var before: String
        var after: String
    }

    let before: String
    let digits: String
    let after: String
    let value: Int

    var frame: Frame { Frame(before: before, after: after) }
    /// Padded numbers of one width stand before the unpadded of that width.
    var width: Int { digits.utf8.count }
    private var isPadded: Bool { digits.hasPrefix("0") && digits != "0" }

    /// A range is written with the first one's padding, so 08-11 are one range and 9-10 are, but 09 and 010 are not.
    func joins(_ next: NumberedName) -> Bool {
        width == next.width || (!isPadded && !next.isPadded)
    }

    static func count(in name: String) -> Int { runs(in: Array(name.utf8)).count }

    /// The `place`-th number counted from the end; nil where there is none or it is too long for an integer.
    init?(_ name: String, fromEnd place: Int) {
        let letters = Array(name.utf8)
        let runs = Self.runs(in: letters)
        guard place < runs.count else { return nil }
        let run = runs[runs.count - 1 - place]
        digits = String(decoding: letters[run], as: UTF8.self)
        before = String(decoding: letters[..<run.lowerBound], as: UTF8.self)
        after = String(decoding: letters[run.upperBound...], as: UTF8.self)
        guard let value = Int(digits) else { return nil }
        self.value = value
    }

    private static func runs(in letters: [UInt8]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for (index, letter) in letters.enumerated() where (0x30...0x39).contains(letter) {
            if let last = runs.last, last.upperBound == index {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs
    }
}
