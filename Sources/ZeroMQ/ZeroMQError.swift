private import CZeroMQ

/// What libzmq or the system refused, with its error number.
package struct ZeroMQError: Error, Equatable, CustomStringConvertible {
    /// The call, such as `zmq_bind tcp://127.0.0.1:7400`.
    package let call: String
    package let number: Int32

    package init(_ call: String, _ number: Int32 = zmq_errno()) {
        self.call = call
        self.number = number
    }

    package var description: String { "\(call): \(String(cString: zmq_strerror(number)))" }
}
