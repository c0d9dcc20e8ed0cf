import Logging
import Messages
import SwiftProtobuf
import Synchronization

/// Keeps up with one other gateway: catches up with its executions, then asks for what changes, again and again. Its
/// answers are also the sign that it is there.
struct PeerWatch: Sendable {
    /// An answer with no news comes after this long.
    static let holdMilliseconds: UInt32 = 800
    static let patience = Duration.seconds(2)
    /// A page of executions takes longer to read than what has changed.
    private static let pagePatience = Duration.seconds(5)
    private static let pause = Duration.milliseconds(200)
    /// Executions that are asked for by name in one question.
    private static let mostNamed = 200
    /// Numbers that are asked for again when catching up: two that were accepted side by side may have been told in the
    /// other order, and this gateway ended in between.
    private static let overlap: UInt64 = 200

    /// Up to where the other's changes are here.
    private struct Place {
        var epoch: UInt64
        var change: UInt64
    }

    let peer: Principal
    let line: PeerLine
    let others: Others
    /// Called whenever it has been away and is there again.
    let isBack: @Sendable (Principal) async -> Void

    /// Returns when the task is cancelled.
    func run(from number: UInt64) async {
        var (place, number) = (Place?.none, number)
        while !Task.isCancelled {
            do {
                if let known = place {
                    place = try await keepUp(known)
                } else {
                    place = try await catchUp(&number)
                }
                if await others.heard(peer) { await isBack(peer) }
            } catch {
                await others.missed(peer)
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    private func catchUp(_ number: inout UInt64) async throws -> Place {
        var named = await others.unfinished(of: peer)
        var place: Place?
        var after = number > Self.overlap ? number - Self.overlap : 0
        while true {
            let question = WireCatchUp.with {
                $0.after = after
                $0.executions = named.prefix(Self.mostNamed).map { .init($0.bytes) }
            }
            let news = try await line.ask(
                .catchUp, question, of: peer, within: Self.pagePatience, as: (.news, WireNews.self))
            named.removeFirst(min(named.count, Self.mostNamed))
            // Changes count from before the first page was read.
            if place?.epoch != news.epoch { place = Place(epoch: news.epoch, change: news.change) }
            await others.take(news, from: peer)
            await others.write()
            after = news.executions.filter(\.hasHead).map(\.head.number).max().map { max($0, after) } ?? after
            guard news.more || !named.isEmpty, let last = place else { break }
            place = last
        }
        number = max(number, after)
        return place ?? Place(epoch: 0, change: 0)
    }

    /// The next place; nil where it is to be caught up again.
    private func keepUp(_ place: Place) async throws -> Place? {
        let question = WireNewsAsked.with {
            $0.epoch = place.epoch
            $0.since = place.change
            $0.holdMilliseconds = Self.holdMilliseconds
        }
        let news = try await line.ask(
            .newsAsked, question, of: peer, within: Self.patience, as: (.news, WireNews.self))
        guard !news.stale, news.epoch == place.epoch else { return nil }
        await others.take(news, from: peer)
        guard await others.lacksNothing(of: peer) else { return nil }
        return Place(epoch: news.epoch, change: news.change)
    }
}
