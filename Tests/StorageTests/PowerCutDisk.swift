import Foundation
import GRDBSQLite
import Synchronization

/// What SQLite wrote and when it asked for durability, recorded by a VFS in front of the real one.
///
/// A power cut keeps, for each file, everything up to its last sync and any part of what was written after: some
/// writes whole, some torn at sectors of 512 bytes, some not at all. Lost directory entries are not modelled.
final class PowerCutDisk: Sendable {
    enum Event: Sendable {
        case write(file: Int, offset: Int, bytes: [UInt8])
        case truncate(file: Int, size: Int)
        case sync(file: Int)
        /// The store told its caller that the record of this number is safe.
        case acknowledged(Int)
    }

    struct Log: Sendable {
        var names: [String] = []
        /// What each file held when it was first opened.
        var bases: [[UInt8]] = []
        var events: [Event] = []
        var isOn = true
        /// Operations until one fails, and with which of SQLite's codes; the ones after it fail too.
        var failure: (operationsLeft: Int, code: Int32)?
        var failed = 0
    }

    let log = Mutex(Log())

    func acknowledge(_ number: Int) { log.withLock { $0.events.append(.acknowledged(number)) } }

    /// Ends the recording and returns it.
    func finish() -> Log {
        log.withLock { log in
            log.isOn = false
            return log
        }
    }

    func heal() { log.withLock { $0.failure = nil } }

    /// Makes the disk fail from the given operation on.
    func fail(at operation: Int, code: Int32) {
        log.withLock { log in
            log.failure = (operation, code)
            log.failed = 0
            log.isOn = false
        }
    }

    /// How many operations have failed.
    var failures: Int { log.withLock { $0.failed } }

    fileprivate func nextFailure() -> Int32? {
        log.withLock { log in
            guard let failure = log.failure else { return nil }
            log.failure = (failure.operationsLeft - 1, failure.code)
            guard failure.operationsLeft <= 1 else { return nil }
            log.failed += 1
            return failure.code
        }
    }

    fileprivate func open(_ name: String) -> Int {
        log.withLock { log in
            if let index = log.names.firstIndex(of: name) { return index }
            log.names.append(name)
            log.bases.append([UInt8](FileManager.default.contents(atPath: name) ?? Data()))
            return log.names.count - 1
        }
    }

    fileprivate func record(_ event: Event) {
        log.withLock { log in if log.isOn { log.events.append(event) } }
    }

    // MARK: VFS

    /// The VFS's callbacks are C functions and have no other way to find their disk.
    fileprivate static let current = Mutex<PowerCutDisk?>(nil)

    /// Makes this disk the default of the whole process: only for a process of its own.
    static func install() -> PowerCutDisk {
        let disk = PowerCutDisk()
        current.withLock { $0 = disk }
        let real = sqlite3_vfs_find(nil)!
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: real.pointee)
        vfs.pointee.zName = UnsafePointer(strdup("powercut"))
        vfs.pointee.szOsFile += Int32(headerCount)
        vfs.pointee.pNext = nil
        realVFS.withLock { $0 = UInt(bitPattern: real) }
        vfs.pointee.xOpen = { _, name, file, flags, outFlags in
            let real = UnsafeMutablePointer<sqlite3_vfs>(bitPattern: realVFS.withLock { $0 })!
            let path = name.map { String(cString: $0) } ?? ""
            let isData = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL) != 0 && !path.hasSuffix(".new")
            // Its content now, before SQLite truncates or grows it.
            let index = isData ? currentDisk.open(path) : -1
            let code = real.pointee.xOpen(real, name, inner(file), flags, outFlags)
            guard code == SQLITE_OK, inner(file).pointee.pMethods != nil else {
                file!.pointee.pMethods = nil
                return code
            }
            UnsafeMutableRawPointer(file!).storeBytes(of: index, toByteOffset: 8, as: Int.self)
            file!.pointee.pMethods = UnsafePointer(methods)
            return code
        }
        sqlite3_vfs_register(vfs, 1)
        return disk
    }
}

private let headerCount = 16
private let realVFS = Mutex<UInt>(0)
private var currentDisk: PowerCutDisk { PowerCutDisk.current.withLock { $0! } }

/// The real VFS's file lies behind our header of two words: methods and the file's number.
private func inner(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<sqlite3_file> {
    (UnsafeMutableRawPointer(file!) + headerCount).assumingMemoryBound(to: sqlite3_file.self)
}

private func number(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int {
    UnsafeMutableRawPointer(file!).load(fromByteOffset: 8, as: Int.self)
}

private nonisolated(unsafe) let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: sqlite3_io_methods())
    // Version 2: shared memory, but no memory mapping that would go round the recorder.
    methods.pointee.iVersion = 2
    methods.pointee.xClose = { file in inner(file).pointee.pMethods.pointee.xClose(inner(file)) }
    methods.pointee.xRead = { file, buffer, count, offset in
        inner(file).pointee.pMethods.pointee.xRead(inner(file), buffer, count, offset)
    }
    methods.pointee.xWrite = { file, buffer, count, offset in
        if number(file) >= 0, let code = currentDisk.nextFailure() { return code }
        if number(file) >= 0 {
            let bytes = [UInt8](UnsafeRawBufferPointer(start: buffer, count: Int(count)))
            currentDisk.record(.write(file: number(file), offset: Int(offset), bytes: bytes))
        }
        return inner(file).pointee.pMethods.pointee.xWrite(inner(file), buffer, count, offset)
    }
    methods.pointee.xTruncate = { file, size in
        if number(file) >= 0, let code = currentDisk.nextFailure() { return code }
        if number(file) >= 0 { currentDisk.record(.truncate(file: number(file), size: Int(size))) }
        return inner(file).pointee.pMethods.pointee.xTruncate(inner(file), size)
    }
    methods.pointee.xSync = { file, flags in
        if number(file) >= 0, let code = currentDisk.nextFailure() { return code }
        if number(file) >= 0 { currentDisk.record(.sync(file: number(file))) }
        return inner(file).pointee.pMethods.pointee.xSync(inner(file), flags)
    }
    methods.pointee.xFileSize = { file, size in inner(file).pointee.pMethods.pointee.xFileSize(inner(file), size) }
    methods.pointee.xLock = { file, level in inner(file).pointee.pMethods.pointee.xLock(inner(file), level) }
    methods.pointee.xUnlock = { file, level in inner(file).pointee.pMethods.pointee.xUnlock(inner(file), level) }
    methods.pointee.xCheckReservedLock = { file, out in
        inner(file).pointee.pMethods.pointee.xCheckReservedLock(inner(file), out)
    }
    methods.pointee.xFileControl = { file, operation, argument in
        inner(file).pointee.pMethods.pointee.xFileControl(inner(file), operation, argument)
    }
    methods.pointee.xSectorSize = { file in inner(file).pointee.pMethods.pointee.xSectorSize(inner(file)) }
    methods.pointee.xDeviceCharacteristics = { file in
        inner(file).pointee.pMethods.pointee.xDeviceCharacteristics(inner(file))
    }
    methods.pointee.xShmMap = { file, page, size, extend, out in
        inner(file).pointee.pMethods.pointee.xShmMap(inner(file), page, size, extend, out)
    }
    methods.pointee.xShmLock = { file, offset, count, flags in
        inner(file).pointee.pMethods.pointee.xShmLock(inner(file), offset, count, flags)
    }
    methods.pointee.xShmBarrier = { file in inner(file).pointee.pMethods.pointee.xShmBarrier(inner(file)) }
    methods.pointee.xShmUnmap = { file, remove in inner(file).pointee.pMethods.pointee.xShmUnmap(inner(file), remove) }
    return methods
}()

extension PowerCutDisk.Log {
    /// The files as they may look after the power went before event `cut`, and the last number that had been
    /// acknowledged by then.
    func files(cutAt cut: Int, random: inout CutRandom) -> (files: [String: [UInt8]], acknowledged: Int) {
        var acknowledged = 0
        var lastSync = [Int](repeating: -1, count: names.count)
        for (position, event) in events[..<cut].enumerated() {
            switch event {
            case .sync(let file): lastSync[file] = position
            case .acknowledged(let number): acknowledged = number
            case .write, .truncate: break
            }
        }
        var images = bases
        for (position, event) in events[..<cut].enumerated() {
            switch event {
            case .write(let file, let offset, let bytes):
                let fate = position < lastSync[file] ? 0 : random.below(4)
                if fate == 3 { continue }
                Self.apply(bytes, at: offset, to: &images[file], tearing: fate == 2 ? random.below(16) + 1 : 0)
            case .truncate(let file, let size):
                if position >= lastSync[file] && random.below(2) == 0 { continue }
                if images[file].count > size { images[file].removeSubrange(size...) }
            case .sync, .acknowledged: break
            }
        }
        return (Dictionary(uniqueKeysWithValues: zip(names, images)), acknowledged)
    }

    private static func apply(_ bytes: [UInt8], at offset: Int, to image: inout [UInt8], tearing: Int) {
        if image.count < offset + bytes.count {
            image += [UInt8](repeating: 0, count: offset + bytes.count - image.count)
        }
        for sector in stride(from: 0, to: bytes.count, by: 512) {
            if tearing > 0 && (sector / 512 + tearing) % 3 == 0 { continue }
            let end = min(sector + 512, bytes.count)
            image.replaceSubrange(offset + sector..<offset + end, with: bytes[sector..<end])
        }
    }
}

/// The same cuts for a seed.
struct CutRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ limit: Int) -> Int {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % max(1, limit)
    }
}
