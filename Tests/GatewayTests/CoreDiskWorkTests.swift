import Foundation
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct CoreDiskWorkTests {
    @Test func `what holds up one user's work holds up no other's`() async {
        let gate = DispatchSemaphore(value: 0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 { group.addTask { await DiskWork.run(for: "hostile") { gate.wait() } } }
            for number in 0..<20 {
                #expect(await DiskWork.run(for: "user\(number)") { number } == number)
            }
            for _ in 0..<200 { gate.signal() }
        }
    }

    @Test func `one user's work is done by four at a time`() async {
        let (begun, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await DiskWork.run(for: "busy") {
                        begun.signal()
                        gate.wait()
                    }
                }
            }
            let counted = await DiskWork.run(for: "counting") { () -> Int in
                for _ in 0..<4 { begun.wait() }
                return begun.wait(timeout: .now() + .milliseconds(50)) == .timedOut ? 4 : 5
            }
            #expect(counted == 4)
            for _ in 0..<8 { gate.signal() }
        }
    }
}
