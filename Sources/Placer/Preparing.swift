import Spool

/// Carries out a preparation, in a process that is the user already.
struct Preparing {
    let preparation: Preparation
    /// The file's name, for sentences.
    let name: String
    let home: String

    func prepare(_ bytes: borrowing File) throws(PlacementFailure) {
        let problem: String?
        do throws(SystemError) {
            problem = try self.problem(bytes)
        } catch {
            throw PlacementFailure(.internal, "\(name) could not be read: \(error)")
        }
        if let problem { throw PlacementFailure(.badArchive, "\(name) \(problem).") }
        if !preparation.before.isEmpty { try runBefore() }
    }

    /// What is wrong with the file, in words that go on after its name.
    private func problem(_ bytes: borrowing File) throws(SystemError) -> String? {
        switch preparation.check {
        case .none: nil
        case .zip: try ZipCheck(required: preparation.contains).problem(of: bytes)
        case .elf: try ElfCheck.problem(of: bytes)
        }
    }

    private func runBefore() throws(PlacementFailure) {
        let line = ShellLine(line: preparation.before, environment: preparation.environment, folder: home)
        let seconds = preparation.beforeSeconds
        let (ending, said): (ShellLine.Ending, String)
        do throws(SystemError) {
            (ending, said) = try line.run(within: .seconds(seconds))
        } catch {
            throw PlacementFailure(.prepareFailed, "The place for \(name) could not be made ready: \(error)")
        }
        let how =
            switch ending {
            case .exited(code: 0): ""
            case .exited(let code): "ended with code \(code)"
            case .signalled(let signal): "was ended by signal \(signal)"
            case .late: "had not ended after \(seconds) s"
            }
        guard !how.isEmpty else { return }
        let last = said.isEmpty ? "It said nothing." : "It said: \(said)"
        throw PlacementFailure(.prepareFailed, "What makes the place for \(name) ready \(how). \(last)")
    }
}
