import Messages

/// What a command does on a node, drawn from the seed and the run's name: the same whenever it is started.
struct Script {
    /// Pauses and the bytes written after each.
    var writes: [(pause: Int64, bytes: Int)] = []
    var code: Int32
    /// Ends at SIGTERM.
    var obeys: Bool
    /// Processes that it leaves, and whether each ends at SIGTERM.
    var leaves: [Bool] = []
    /// What it leaves holds the pipes open.
    var holdsPipes: Bool
    var isLossless: Bool
    /// Bytes of spool that may wait for the copy.
    var spoolLimit: UInt64
    /// A file cannot be placed, or the account is not allowed.
    var isRefused: Bool

    init(seed: UInt64, _ execution: ExecutionID, node: Int) {
        var dice = Dice(seed: Dice.mixed(seed ^ execution.low) &+ UInt64(node))
        code = dice.chance(700) ? 0 : Int32(dice.between(1, 255))
        obeys = dice.chance(700)
        if dice.chance(200) { leaves = (0..<dice.between(1, 3)).map { _ in dice.chance(500) } }
        holdsPipes = dice.chance(500)
        isLossless = dice.chance(400)
        spoolLimit = UInt64(dice.between(256, 2_048)) << 10
        isRefused = dice.chance(60)
        // Most print a little, some for a while, a few more than the credit.
        let kind = dice.below(100)
        let count = kind < 60 ? dice.between(0, 4) : kind < 95 ? dice.between(5, 25) : dice.between(70, 100)
        for _ in 0..<count {
            let pause = kind < 60 ? dice.milliseconds(0, 900) : dice.milliseconds(0, 250)
            writes.append((pause, kind < 95 ? dice.between(1, 9_000) : dice.between(50_000, 65_536)))
        }
    }
}
