import Messages
import Placer
import ZeroMQ

/// How a run gets its files: fetched, verified, placed as the user.
extension RunKeeper {
    func fetch() {
        let fetcher = Fetcher(execution, files: order.files, owner: owner, site: site) { [weak self] news in
            switch news {
            case .percent(let percent): self?.receive(.fetched(percent: percent))
            case .complete: self?.receive(.fetchedAll)
            case .failed(let failure): self?.receive(.refused(failure))
            }
        }
        self.fetcher = fetcher
        fetcher.start()
    }

    func place(_ number: Int) {
        guard let account else { return }
        let work = PlacementWork(
            program: site.settings.placer, account: account, home: home(of: account), file: order.files[number],
            bytes: site.store.assembly(of: execution, file: number))
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.userChores.add(for: account.uid) {
            let result = work.place()
            mailbox.post { keeper.value.placed(result, number: number) }
        }
    }

    private func placed(_ result: Result<String, Failure>, number: Int) {
        switch result {
        case .success(let folder):
            if number == 0 { placedFolder = folder }
            receive(.placed)
        case .failure(let failure):
            receive(.refused(failure))
        }
    }

    func home(of account: Account) -> Placement.Home {
        guard let root = site.settings.home else { return Placement.Home(account.home, missing: .skeleton) }
        return Placement.Home("\(root)/\(account.name)", missing: .empty)
    }
}
