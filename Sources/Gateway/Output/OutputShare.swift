/// How much of each run's output may be on its way here: together so much that the way is full, and no queue before which
/// the lines of those that print little would wait.
///
/// The bytes are for as many runs as print much. That number is (sum of b)^2 / (sum of b^2), b being what each printed in a
/// period (Jain and others, 1984): n for n alike, and little more than 1 for one that prints much and many that print little.
struct OutputShare: Sendable {
    /// On the way of all together; at 40 MB/s a queue of 25 ms.
    static let all: UInt64 = 1 << 20
    static let least: UInt64 = 16 << 10
    private static let period = Duration.milliseconds(500)

    private struct Taken {
        var bytes: [RunKey: Double] = [:]
        var sum = 0.0
        var squares = 0.0

        var runs: Double { squares > 0 ? sum * sum / squares : 1 }

        mutating func add(_ more: Double, of key: RunKey) {
            let before = bytes[key] ?? 0
            bytes[key] = before + more
            sum += more
            squares += more * (2 * before + more)
        }
    }

    private var taken = Taken()
    /// Those of the period before, while this one is young.
    private var runsBefore = 1.0
    private var began = Duration.zero

    mutating func took(_ bytes: UInt64, of key: RunKey, at now: Duration) {
        if now >= began + Self.period {
            runsBefore = now < began + Self.period * 2 ? taken.runs : 1
            taken = Taken()
            began = now
        }
        taken.add(Double(bytes), of: key)
    }

    /// Bytes of one run.
    var window: UInt64 { max(Self.least, UInt64(Double(Self.all) / max(taken.runs, runsBefore))) }

    /// A node with this window is told of so much that is new: often enough that it need not wait.
    static func tellBytes(_ window: UInt64) -> UInt64 { max(least / 2, window / 4) }
}
