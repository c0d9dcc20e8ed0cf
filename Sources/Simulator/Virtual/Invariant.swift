/// What must hold whatever happens.
enum Invariant: String, Sendable, CaseIterable {
    case one = "I1"
    case two = "I2"
    case three = "I3"
    case four = "I4"
    case five = "I5"
    case six = "I6"
    case seven = "I7"
    case eight = "I8"
    case nine = "I9"

    var sentence: String {
        switch self {
        case .one: "what is accepted ends in exactly one last state per node, which is true"
        case .two: "a command starts at most once per execution and node"
        case .three: "the copy of a run's output is a gapless prefix of it, or has an explicit gap where it is lost"
        case .four: "nothing reaches a reader without a right to it"
        case .five: "queues stay within their bounds"
        case .six: "an order starts nothing once its ticket's time is over"
        case .seven: "nothing that is not vouched for has an effect"
        case .eight: "after the last fault all comes to rest within its time"
        case .nine: "a run that is said to have been stopped has no process left"
        }
    }
}

struct Violation: Error, Equatable, Sendable {
    var invariant: Invariant
    var sentence: String
}
