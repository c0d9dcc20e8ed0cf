/// Runs a `LinePattern` over lines: a state for every set of steps that it can be in, made when first met. The table of states
/// has a bound; at it, it begins anew.
struct LineMatcher {
    private static let mostStates = 512
    private static let unknown: Int32 = -1
    private static let matched: Int32 = -2

    private let steps: [LinePattern.Step]
    /// Of each state: its steps, and whether the end of the line is a match.
    private var states: [(steps: [Int], endsInMatch: Bool)] = []
    private var numbers: [[Int]: Int32] = [:]
    /// Of each state 256 successors.
    private var next: [Int32] = []
    private var first: Int32 = unknown

    init(_ pattern: LinePattern) { steps = pattern.steps }

    /// Whether the expression is found anywhere in the line.
    mutating func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        if first == Self.unknown { first = state(of: closure([0], isStart: true)) }
        var state = first
        guard state != Self.matched else { return true }
        for byte in line {
            let known = next[Int(state) << 8 | Int(byte)]
            state = known != Self.unknown ? known : step(state, byte)
            if state == Self.matched { return true }
        }
        return states[Int(state)].endsInMatch
    }

    private mutating func step(_ from: Int32, _ byte: UInt8) -> Int32 {
        let reached = states[Int(from)].steps.compactMap { place in
            if case .byte(let set) = steps[place], set.contains(byte) { place + 1 } else { nil }
        }
        // The expression may begin at every byte.
        let set = closure(reached + [0], isStart: false)
        let isKnown = numbers[set] != nil
        if !isKnown, states.count >= Self.mostStates {
            (states, numbers, next, first) = ([], [:], [], Self.unknown)
            return state(of: set)
        }
        let number = state(of: set)
        next[Int(from) << 8 | Int(byte)] = number
        return number
    }

    private mutating func state(of set: [Int]) -> Int32 {
        if set.contains(where: { steps[$0] == .match }) { return Self.matched }
        if let number = numbers[set] { return number }
        let number = Int32(states.count)
        let atEnd = closure(set, isStart: false, isEnd: true)
        states.append((set, atEnd.contains { steps[$0] == .match }))
        numbers[set] = number
        next.append(contentsOf: repeatElement(Self.unknown, count: 256))
        return number
    }

    /// All steps that are reached without a byte: those that take one, those that wait for the end, and the match.
    private func closure(_ places: [Int], isStart: Bool, isEnd: Bool = false) -> [Int] {
        var seen = [Bool](repeating: false, count: steps.count)
        var waiting = places
        var found: [Int] = []
        while let place = waiting.popLast() {
            guard !seen[place] else { continue }
            seen[place] = true
            switch steps[place] {
            case .split(let one, let other): waiting += [place + one, place + other]
            case .start: if isStart { waiting.append(place + 1) }
            case .end:
                if isEnd { waiting.append(place + 1) } else { found.append(place) }
            case .byte, .match: found.append(place)
            }
        }
        return found.sorted()
    }
}
