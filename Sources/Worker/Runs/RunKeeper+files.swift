import Logging
import Messages
import Placer
import SwiftProtobuf
import ZeroMQ

/// How a run gets its files: fetched, verified, placed as the user.
extension RunKeeper {
    func fetch() {
        guard let account else { return }
        if let refusal = profileRefusal { return receive(.refused(refusal)) }
        var parcels: [Parcel] = []
        for parcel in order.files.compactMap(\.parcel) where !parcels.contains(parcel) { parcels.append(parcel) }
        let fetcher = Fetcher(execution, parcels, account: account, owner: owner, site: site) { [weak self] news in
            switch news {
            case .percent(let percent): self?.receive(.fetched(percent: percent))
            case .complete(let fetched, let reused): self?.fetchedAll(fetched, reused)
            case .failed(let failure): self?.receive(.refused(failure))
            }
        }
        self.fetcher = fetcher
        fetcher.start()
    }

    private func fetchedAll(_ fetchedBytes: UInt64, _ reusedBytes: UInt64) {
        log.info(
            "files fetched",
            metadata: [
                "execution": "\(execution)", "fetchedBytes": "\(fetchedBytes)", "reusedBytes": "\(reusedBytes)",
            ])
        receive(.fetchedAll)
    }

    /// Lets go of what was fetched: what is whole is kept for later deployments.
    func letGoOfFiles() {
        guard let fetcher else { return }
        self.fetcher = nil
        fetcher.end()
        let (store, folder, execution) = (site.store, site.cacheFolder, execution)
        var (kept, gone): ([[UInt8]], [[UInt8]]) = ([], [])
        for list in fetcher.lists {
            let blob = list.parcel.blob
            if !site.cache.holds(blob) { kept.append(blob) }
            gone += site.cache.add(list)
        }
        site.chores.add { [kept, gone] in
            for blob in kept where !gone.contains(blob) {
                folder.keep(blob, from: store.assembly(of: execution, blob))
            }
            for blob in gone { folder.remove(blob) }
            store.removeAssemblies(of: execution)
        }
    }

    func place(_ number: Int) {
        guard let account else { return }
        let work = placement(number, as: account)
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.userChores.add(for: account.uid) {
            let result = work.place()
            mailbox.post { keeper.value.placed(result, number: number) }
        }
    }

    private func placement(_ number: Int, as account: Account) -> PlacementWork {
        let file = order.files[number]
        return PlacementWork(
            program: site.settings.placer, account: account, home: home(of: account), execution: execution,
            node: site.node, file: file, number: number,
            bytes: file.blob.isEmpty ? nil : site.store.assembly(of: execution, [UInt8](file.blob)),
            note: site.store.note(of: execution, file: number), use: use(of: file), unwanted: unwanted)
    }

    /// A run that has ended leaves nothing of a placement that was cut short.
    func cleanPlacements() {
        guard let account, !order.files.isEmpty else { return }
        let works = order.files.indices.map { (placement($0, as: account), isAnswered: answered.contains($0)) }
        site.userChores.add(for: account.uid) {
            for (work, isAnswered) in works { isAnswered ? work.forget() : work.clean() }
        }
    }

    private func placed(_ result: Result<String, Failure>, number: Int) {
        answered.insert(number)
        switch result {
        case .success(let folder):
            if number == 0 { placedFolder = order.files[0].tree ? "\(folder)/\(order.files[0].name)" : folder }
            if number == order.files.count - 1 { letGoOfFiles() }
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

extension WireFile {
    /// What has to be fetched for it.
    var parcel: Parcel? { blob.isEmpty ? nil : Parcel(blob: [UInt8](blob), size: size) }
}
