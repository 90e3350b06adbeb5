internal import Chain
internal import Wire

/// The quota of contents, and what is done while it is short.
///
/// Anybody may publish a task, and what a task names is pinned. So pins of tasks keep at most seven eighths of the quota
/// (``ContentStore/pinQuota``), the bodies of ended tasks give way first, and what is short is said where operators look.
extension Node {
    /// Contents of at most this length have to find a place: bodies of blocks, and submissions of most tasks.
    private static let leastRoom: UInt64 = 1 << 20

    enum StoreProblem: Equatable {
        /// Tasks pin no more; everything else goes on.
        case short(String)
        /// Nothing more fits.
        case full(String)
    }

    static let quotaAdvice =
        "raise storage.quota and start the node again, or give up what you pinned (`meshnode store list`): "
        + "`meshnode store unpin CONTENT --label LABEL`"

    /// - Parameter pinned: bytes that pins keep; the rest of a quota can be collected.
    static func storeProblem(pinned: UInt64, quota: UInt64) -> StoreProblem? {
        let ofQuota = "the quota of \(quota >> 20) MiB (storage.quota)"
        if pinned.clampedSum(leastRoom) > quota {
            return .full("pinned contents fill \(ofQuota): nothing more can be stored, bodies of blocks included")
        }
        guard pinned.clampedSum(leastRoom) > quota - quota / 8 else { return nil }
        return .short(
            "pinned contents have seven eighths of \(ofQuota): what tasks name from now on is kept only while there is room"
        )
    }

    var storeProblem: StoreProblem? {
        Self.storeProblem(pinned: contentStore.pinnedBytes, quota: contentStore.quota)
    }

    static func storeCheck(_ problem: StoreProblem?, used: UInt64, quota: UInt64) -> HealthCheck {
        switch problem {
        case .full(let reason): HealthCheck("store", .fail, reason, next: quotaAdvice)
        case .short(let reason): HealthCheck("store", .warning, reason, next: quotaAdvice)
        case nil: HealthCheck("store", .ok, "\(used >> 20) of \(quota >> 20) MiB of contents are used (storage.quota)")
        }
    }

    /// What stops nothing and is said beside `status`.
    var storeWarning: String? {
        if case .short(let reason) = storeProblem { reason } else { nil }
    }

    /// Every heartbeat.
    func lookAtStore() {
        let problem = storeProblem
        if case .full(let reason) = problem { obstacle(.store, reason) } else { obstacles.clear(.store, nil) }
        if problem != nil { giveWay() }
    }

    /// Unpins the bodies of one ended task, the first one that ended of those that have not given way: verifiers of a task that
    /// is over must not keep a node from those that run. They stay until their room is needed.
    private func giveWay() {
        guard let chain = taskOrder.first(where: { ended[$0] != nil && !gaveWay.contains($0) }) else { return }
        gaveWay.insert(chain)
        logger.notice("the store is short: bodies of ended task \(chain.short) may be collected")
        later { [contentStore, logger] in
            do throws(StorageError) { try contentStore.unpinAll(prefix: Self.bodyLabels(chain)) } catch {
                logger.error("bodies of task \(chain.short): \(error)")
            }
        }
    }
}

extension Node {
    /// Why a task is not joined by itself, where what its specification promises to keep does not fit beside what the other
    /// tasks of this node will keep: a task is anybody's, and so are its rounds, its members and its retention.
    ///
    /// - Parameter others: what holds a place; a task that is late or stays paused holds no room either, or it would shut out
    ///   the others by what it only promises.
    func lackOfDisk(
        for record: RegistryState.TaskRecord, beside others: [RegistryState.TaskRecord]
    ) -> String? {
        let need = diskNeed(of: record)
        let pins = Double(contentStore.pinQuota) - Double(contentStore.pinnedBytes)
        let free = FileSystem.freeBytes(home.path).map { Double($0) } ?? .infinity
        return Self.lackOfDisk(
            need: need, promised: others.reduce(0.0) { $0 + diskNeed(of: $1) }, pins: pins, free: free,
            task: record.task)
    }

    /// - Parameters:
    ///   - need: bytes of the task, and `promised` those that the other tasks of this node still bring.
    ///   - pins: bytes that tasks may still pin, and `free` those of the file system.
    static func lackOfDisk(need: Double, promised: Double, pins: Double, free: Double, task: TaskID) -> String? {
        let room = max(0, min(pins, free) - promised)
        guard need > room else { return nil }
        let what = pins <= free ? "the quota of contents (storage.quota)" : "the disk of this node"
        // What is left changes with every round, and a reason that changes is told anew.
        return
            "it would keep \(megabytes(need)) MB (members, rounds, `body_retention`), more than \(what) leaves beside the "
            + "other tasks of this node; join by hand: `meshnode task join \(task.short)`"
    }

    /// What a task still brings to this disk. Where this node cannot take part nothing is fetched of it.
    private func diskNeed(of record: RegistryState.TaskRecord) -> Double {
        guard let policy = tasks[record.task]?.policy ?? (try? RoundPolicy(record.spec)) else { return 0 }
        let members = record.closed == nil ? Int(record.spec.participants.maximum) : record.enrolments.count
        let done = tasks[record.task].map { $0.machine.state.round - 1 } ?? 0
        return TaskTraffic(policy, members: members).disk(record.spec, done: done)
    }
}
