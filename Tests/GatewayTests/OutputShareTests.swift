import Messages
import Testing

@testable import Gateway

struct OutputShareTests {
    private func key(_ run: Int) -> RunKey { RunKey(execution: ExecutionID(high: 1, low: 2), run: run) }

    @Test func `who prints alone has all, and of many alike each has its part`() {
        var share = OutputShare()
        #expect(share.window == OutputShare.all)
        for pass in 0..<100 { share.took(64 << 10, of: key(0), at: .milliseconds(pass)) }
        #expect(share.window == OutputShare.all)
        for pass in 0..<100 {
            for run in 0..<20 { share.took(64 << 10, of: key(run), at: .milliseconds(600 + pass)) }
        }
        #expect(share.window == OutputShare.all / 20)
        for run in 0..<1000 { share.took(64 << 10, of: key(run), at: .seconds(5)) }
        #expect(share.window == OutputShare.least)
    }

    @Test func `many that print little take nothing from one that prints much`() {
        var share = OutputShare()
        share.took(10 << 20, of: key(0), at: .zero)
        for run in 1...100 { share.took(8 << 10, of: key(run), at: .milliseconds(1)) }
        #expect(share.window > OutputShare.all * 3 / 4)
    }

    @Test func `a new period remembers the one before, and after silence who prints is alone`() {
        var share = OutputShare()
        for run in 0..<10 { share.took(64 << 10, of: key(run), at: .zero) }
        share.took(64 << 10, of: key(0), at: .milliseconds(600))
        #expect(share.window == OutputShare.all / 10)
        share.took(64 << 10, of: key(0), at: .seconds(3))
        #expect(share.window == OutputShare.all)
    }
}
