/// What is to happen, in the order of virtual time; what is due at the same time happens in the order it was added.
struct Agenda {
    private struct Entry {
        var time: Int64
        var number: Int
        var slot: Int

        func isBefore(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    /// A binary heap.
    private var heap: [Entry] = []
    private var slots: [(() -> Void)?] = []
    private var free: [Int] = []
    private var added = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        let slot: Int
        if let last = free.popLast() {
            slot = last
            slots[slot] = action
        } else {
            slot = slots.count
            slots.append(action)
        }
        added += 1
        let entry = Entry(time: time, number: added, slot: slot)
        var hole = heap.count
        heap.append(entry)
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard entry.isBefore(heap[parent]) else { break }
            heap[hole] = heap[parent]
            hole = parent
        }
        heap[hole] = entry
    }

    mutating func next() -> (time: Int64, action: () -> Void)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        guard let action = slots[first.slot] else { return nil }
        slots[first.slot] = nil
        free.append(first.slot)
        return (first.time, action)
    }

    private mutating func sink(_ entry: Entry) {
        var hole = 0
        let count = heap.count
        while true {
            var child = 2 * hole + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = entry
    }
}
