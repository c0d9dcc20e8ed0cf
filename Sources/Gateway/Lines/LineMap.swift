import Spool

/// Where in the index the lines of a filter stand: how many come before every thousandth item. Decides only; grows with
/// the index, which only ever gets longer.
struct LineMap: Sendable {
    static let blockItems = 1024

    let filter: LineFilter
    /// How many items are counted.
    private(set) var items = 0
    /// How many lines those have.
    private(set) var total = 0
    /// Lines before each block of items.
    private var sums = [0]

    init(_ filter: LineFilter) { self.filter = filter }

    /// Takes the items that come next in the index.
    mutating func append(_ next: [LogIndex.Item]) {
        for item in next {
            total += filter.lines(in: item)
            items += 1
            if items.isMultiple(of: Self.blockItems) { sums.append(total) }
        }
    }

    /// The first item of the block that holds a line, and how many lines of the filter come before that item.
    func block(of line: Int) -> (item: Int, linesBefore: Int) {
        var (low, high) = (0, sums.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if sums[middle] <= line { low = middle } else { high = middle - 1 }
        }
        return (low * Self.blockItems, sums[low])
    }
}
