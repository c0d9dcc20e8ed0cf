internal import CZeroMQ
private import Glibc

/// One part of a message: owns a `zmq_msg_t`, moved and never copied by accident.
package struct Frame: ~Copyable {
    var raw = zmq_msg_t()

    /// An empty frame.
    package init() { zmq_msg_init(&raw) }

    package init(_ bytes: [UInt8]) { bytes.withUnsafeBytes { fill($0) } }
    package init(_ bytes: UnsafeRawBufferPointer) { fill(bytes) }

    /// The same bytes by reference (by value up to 33 bytes): what a fan-out sends each peer.
    package init(sharing other: inout Frame) {
        zmq_msg_init(&raw)
        zmq_msg_copy(&raw, &other.raw)
    }

    deinit {
        var message = raw
        zmq_msg_close(&message)
    }

    private mutating func fill(_ bytes: UnsafeRawBufferPointer) {
        guard zmq_msg_init_size(&raw, bytes.count) == 0 else { fatalError("out of memory") }
        guard let source = bytes.baseAddress, let target = zmq_msg_data(&raw) else { return }
        target.copyMemory(from: source, byteCount: bytes.count)
    }

    package var count: Int { withUnsafePointer(to: raw) { zmq_msg_size($0) } }

    /// The bytes while `body` runs.
    package mutating func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = zmq_msg_size(&raw)
        return try body(UnsafeRawBufferPointer(start: zmq_msg_data(&raw), count: count))
    }

    package var bytes: [UInt8] {
        mutating get { withBytes { Array($0) } }
    }

    /// `User-Id` (what the doorkeeper said), `Peer-Address` and others of zmq_msg_gets(3); nil where there is none.
    package func property(_ name: StaticString) -> String? {
        withProperty(name) { $0.map { String(cString: $0) } }
    }

    /// The same without making a String, for the hot paths; the text is good while `body` runs.
    package func withProperty<Result>(_ name: StaticString, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
        withUnsafePointer(to: raw) { raw in
            name.withUTF8Buffer {
                body(zmq_msg_gets(raw, UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: CChar.self)))
            }
        }
    }

    /// The frame's bytes beside a property's, without a copy of either; an absent property is empty.
    package mutating func withBytesAndProperty<Result>(
        _ name: StaticString, _ body: (_ bytes: UnsafeRawBufferPointer, _ property: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(&raw), count: zmq_msg_size(&raw))
        return withProperty(name) { text in
            body(bytes, UnsafeRawBufferPointer(start: text, count: text.map { strlen($0) } ?? 0))
        }
    }
}
