import Bus
import Logging
import Messages
import Sodium
import Spool

extension Copier {
    // MARK: Slices

    func take(topic: [UInt8], _ header: [UInt8], _ records: ArraySlice<UInt8>, _ now: Duration) {
        guard let header = SliceHeader(bytes: header), Int(header.length) == records.count, !records.isEmpty else {
            return drop("malformed")
        }
        guard let key = runsByTopic[topic], let node = copy.node(of: key) else {
            return takeLate(topic, header, records)
        }
        guard isVouched(topic, header, records, by: node) else { return drop("mac") }
        append(key, header, records, now)
    }

    func take(range bytes: [UInt8], _ id: ExecutionID, _ node: NodeName, _ now: Duration) {
        guard bytes.count > SliceHeader.size, let user = writing[id]?.opening.user else { return }
        take(
            topic: Topic.output(user: user, id, node).bytes, Array(bytes[..<SliceHeader.size]),
            bytes[SliceHeader.size...], now)
    }

    func append(_ key: RunKey, _ header: SliceHeader, _ records: ArraySlice<UInt8>, _ now: Duration) {
        guard let index = writing.index(forKey: key.execution) else { return }
        let judged = copy.receive(
            slice: key, spool: header.spool, position: header.position, length: records.count, at: now)
        if judged.decision != .drop {
            writing.values[index].owed[key.run] = header.spool
            unsynced.insert(key.execution)
        }
        if case .append(let cut) = judged.decision {
            let writer = writing.values[index].writer
            if writer.size >= logBytes {
                letGo(records.count - cut, of: key, writer)
            } else {
                add(records.dropFirst(cut), to: key, writer)
            }
            writing.values[index].unsyncedBytes += records.count - cut
            touched.insert(key.execution)
        }
        perform(judged.effects)
    }

    /// The log is as long as it may be: the run goes on and has its credit, and what it prints is one gap. Its beginning is in
    /// the log at once, so that who follows learns of it, and the rest when the execution is complete.
    private func letGo(_ count: Int, of key: RunKey, _ writer: LogWriter) {
        let (run, time) = (UInt32(key.run), Self.wallNanoseconds)
        let to = writer.position(of: run) + UInt64(count)
        if writer.hasLetGo(of: run) { return writer.letGo(run: run, to: to) }
        logger.warning("log full", metadata: ["execution": "\(key.execution)", "run": "\(key.run)"])
        writer.appendGap(run: run, to: to, timeNanoseconds: time)
        writer.letGo(run: run, to: to)
    }

    /// What is damaged becomes a gap: one node's nonsense must not end the readers of all the others.
    private func add(_ records: ArraySlice<UInt8>, to key: RunKey, _ writer: LogWriter) {
        let (run, time) = (UInt32(key.run), Self.wallNanoseconds)
        records.withUnsafeBytes { bytes in
            guard RecordCursor.areIntact(bytes) else {
                drop("damaged")
                return writer.appendGap(
                    run: run, to: writer.position(of: run) + UInt64(bytes.count), timeNanoseconds: time)
            }
            writer.append(run: run, records: bytes, timeNanoseconds: time)
        }
    }

    /// A run that is complete, whose node has missed the last `copied`: it is told again.
    func takeLate(_ topic: [UInt8], _ header: SliceHeader, _ records: ArraySlice<UInt8>) {
        guard case .output(_, let id, let node)? = Topic(bytes: topic), writing[id] == nil, failed[id] == nil else {
            return
        }
        // What belongs to another gateway is that one's to acknowledge.
        guard logs.isOwn(id), isVouched(topic, header, records, by: node) else { return }
        let end = header.position + UInt64(records.count)
        out.append(.copied(id, node, spool: header.spool, position: end))
    }

    /// Of a run that is complete the node has lost what is copied, and has missed that it is.
    private func takeLate(_ answer: WireReplayed, _ id: ExecutionID, _ node: NodeName) {
        guard writing[id] == nil, failed[id] == nil, answer.length > 0, logs.isOwn(id) else { return }
        out.append(.copied(id, node, spool: answer.spool, position: answer.length))
    }

    func isVouched(
        _ topic: [UInt8], _ header: SliceHeader, _ records: ArraySlice<UInt8>, by node: NodeName
    ) -> Bool {
        guard let keys = keys[node]?.keys else { return false }
        let mac = records.withUnsafeBytes { SliceMAC.compute(topic: topic, header: header, records: $0, keys: keys) }
        return MAC.isEqual(mac, header.mac)
    }

    func take(_ answer: WireReplayed, _ id: ExecutionID, _ node: NodeName, _ now: Duration) {
        guard let number = writing[id]?.opening.starts.firstIndex(where: { $0.node == node }) else {
            return takeLate(answer, id, node)
        }
        let key = RunKey(execution: id, run: number)
        perform(
            copy.receive(
                .replayed(
                    key, spool: answer.spool, released: answer.released, length: answer.length, gone: answer.gone),
                at: now))
    }

    func drop(_ reason: String) {
        dropped += 1
        logger.debug("slice dropped", metadata: ["reason": "\(reason)", "dropped": "\(dropped)"])
    }
}
