internal import Glibc
internal import Gossip
internal import Wire

/// One content on disk: `"MNCF" ‖ version u8 ‖ manifest length u32 ‖ manifest ‖ chunks`.
///
/// While chunks are missing the file is called `CID.part`; it is renamed to `CID.data` when it is whole and fsynced.
/// Which chunks a `.part` file holds is found by hashing them, so that no crash can make the answer wrong.
enum ContentFile {
    static let mark: [UInt8] = Array("MNCF".utf8) + [1]
    private static let longestManifest = ContentManifest.encodedLength(length: ContentLimits.longestContent)

    /// Opens a file of a content. What is no plain file is damage of that content, like every other: it is fetched again.
    static func open(_ content: ContentID, _ path: String, _ flags: Int32 = O_RDONLY) throws(StorageError) -> Int32 {
        do throws(StorageError) {
            return try FileSystem.openPlain(path, flags)
        } catch .wrongFile(_, _, let found) {
            throw .damagedContent(content, reason: "\(found) is in the place of its file")
        } catch .damaged(_, let reason, _) {
            throw .damagedContent(content, reason: reason)
        } catch {
            throw error
        }
    }

    static func header(_ manifest: ContentManifest) -> [UInt8] {
        let bytes = manifest.wireBytes
        var encoder = WireEncoder(reservingCapacity: mark.count + 4 + bytes.count)
        encoder.fixed(mark)
        encoder.data(bytes)
        return encoder.bytes
    }

    /// Where the first chunk lies.
    static func dataOffset(_ manifest: ContentManifest) -> UInt64 {
        UInt64(mark.count + 4 + ContentManifest.encodedLength(length: manifest.length))
    }

    /// The manifest in front of the chunks, if it is the one that `content` names.
    /// - Throws: `damagedContent` also where the disk cannot read it.
    static func manifest(
        of content: ContentID, _ file: Int32, _ path: String, fault: ReadFault? = nil
    ) throws(StorageError) -> ContentManifest {
        let head = try read(content, "its head", file, path, offset: 0, count: mark.count + 4, fault)
        guard head.count == mark.count + 4, head.starts(with: mark) else {
            throw .damagedContent(content, reason: "it does not start like a content file")
        }
        let length = (0..<4).reduce(0) { $0 | Int(head[mark.count + $1]) << (8 * $1) }
        guard length <= longestManifest else {
            throw .damagedContent(content, reason: "a manifest of \(length) bytes")
        }
        let bytes = try read(
            content, "its manifest", file, path, offset: UInt64(mark.count + 4), count: length, fault)
        let manifest: ContentManifest
        do throws(WireError) {
            manifest = try ContentManifest(wireBytes: bytes)
        } catch {
            throw .damagedContent(content, reason: "its manifest: \(error)")
        }
        guard manifest.kind != .manifest, manifest.contentID == content else {
            throw .damagedContent(content, reason: "its manifest names another content")
        }
        return manifest
    }

    /// One chunk, verified.
    static func chunk(
        _ index: Int, _ manifest: ContentManifest, of content: ContentID, _ file: Int32, _ path: String,
        fault: ReadFault? = nil
    ) throws(StorageError) -> [UInt8] {
        let bytes = try read(
            content, "chunk \(index)", file, path, offset: offset(index, manifest),
            count: manifest.chunkLength(index), fault)
        guard manifest.matches(bytes, chunk: index) else {
            throw .damagedContent(content, reason: "chunk \(index) does not match its hash")
        }
        return bytes
    }

    /// What the disk cannot read of a content is damage of that content: whoever reads it goes on without.
    private static func read(
        _ content: ContentID, _ what: String, _ file: Int32, _ path: String, offset: UInt64, count: Int,
        _ fault: ReadFault?
    ) throws(StorageError) -> [UInt8] {
        do throws(StorageError) {
            return try FileSystem.read(file, path, offset: offset, count: count, fault: fault)
        } catch .damaged(_, let reason, _) {
            throw .damagedContent(content, reason: "\(what): \(reason)")
        } catch {
            throw error
        }
    }

    /// The chunks of an unfinished file that match their hashes; one that the disk cannot read is missing.
    static func scan(
        _ manifest: ContentManifest, _ file: Int32, _ path: String, fault: ReadFault? = nil
    ) throws(StorageError) -> ChunkBitmap {
        var found = ChunkBitmap(count: manifest.chunks.count)
        let length = try FileSystem.length(of: file, path)
        for index in manifest.chunks.indices {
            guard offset(index, manifest) < length else { break }
            do throws(StorageError) {
                let bytes = try FileSystem.read(
                    file, path, offset: offset(index, manifest), count: manifest.chunkLength(index), fault: fault)
                if manifest.matches(bytes, chunk: index) { found.insert(index) }
            } catch .damaged {
                continue
            } catch {
                throw error
            }
        }
        return found
    }

    static func offset(_ index: Int, _ manifest: ContentManifest) -> UInt64 {
        dataOffset(manifest) + UInt64(index) * UInt64(ContentLimits.chunkBytes)
    }
}
