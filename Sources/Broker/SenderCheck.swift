/// Whether a publisher may use a topic; on the bytes as they came, because it is asked for every message.
package enum SenderCheck {
    /// A node may publish `output/`, `event/` and `status/` topics whose last part is its own name; a gateway `event/`
    /// topics. `sender` is the principal's text.
    package static func allows(_ sender: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer) -> Bool {
        guard topic.count <= 512, topic.last == slash else { return false }
        if sender.starts(with: gateway) { return topic.starts(with: event) && parts(topic) == 4 }
        guard sender.starts(with: node) else { return false }
        let wanted: Int
        if topic.starts(with: output) || topic.starts(with: event) {
            wanted = 4
        } else if topic.starts(with: status) {
            wanted = 2
        } else {
            return false
        }
        guard parts(topic) == wanted else { return false }
        let name = UnsafeRawBufferPointer(rebasing: sender.dropFirst(node.count))
        let tail = topic.dropLast()
        return tail.count > name.count && tail.suffix(name.count).elementsEqual(name)
            && tail[tail.endIndex - name.count - 1] == slash
    }

    private static let slash = UInt8(ascii: "/")
    private static let node = Array("node:".utf8)
    private static let gateway = Array("gateway:".utf8)
    private static let output = Array("output/".utf8)
    private static let event = Array("event/".utf8)
    private static let status = Array("status/".utf8)

    private static func parts(_ topic: UnsafeRawBufferPointer) -> Int {
        topic.reduce(0) { $1 == slash ? $0 + 1 : $0 }
    }
}
