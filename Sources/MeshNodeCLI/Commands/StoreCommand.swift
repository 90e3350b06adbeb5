internal import ArgumentParser
internal import MeshNode
internal import Wire

struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Contents by their hash: store, fetch, keep, remove.",
        subcommands: [List.self, Put.self, Get.self, Info.self, Pin.self, Unpin.self, Collect.self],
        defaultSubcommand: List.self)

    static func text(_ view: ContentView) -> String {
        Table.fields([
            ("content", view.content), ("reference", view.reference), ("kind", view.kind),
            ("stored", Text.bytes(view.bytes)),
            ("raw", view.rawBytes.map { Text.bytes($0) }), ("codec", view.codec),
            ("complete", view.isComplete ? "yes" : "no"),
            ("pins", view.pins.isEmpty ? nil : view.pins.joined(separator: ", ")),
            ("in use", view.isInUse ? "yes" : "no"),
        ])
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "What is stored here.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let store = try await global.client.get("/v1/store", as: StoreView.self)
            global.output.show(store) { store in
                "\(Text.bytes(store.usedBytes)) of \(Text.bytes(store.quotaBytes)) used, \(store.contents.count) contents\n"
                    + Table.text(
                        ["CONTENT", "KIND", "STORED", "COMPLETE", "IN USE", "PINS"],
                        store.contents.map {
                            [
                                $0.content, $0.kind, Text.bytes($0.bytes), $0.isComplete ? "yes" : "no",
                                $0.isInUse ? "yes" : "no", $0.pins.joined(separator: ","),
                            ]
                        })
            }
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stores a file; prints what others fetch it by.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "The file.") var file: String
        @Option(help: "Pin it under this label.") var label: String?
        @Flag(help: "Store it as it is, without zstd.") var raw = false

        func run() async throws {
            let bytes = try Files.read(file)
            var path = "/v1/store?compress=\(raw ? 0 : 1)"
            if let label { path += "&label=\(NodeClient.part(label))" }
            let view = try await global.client.post(
                path, bytes, contentType: "application/octet-stream", as: ContentView.self)
            global.output.show(view, text: \.reference)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a content to a file; CONTENT:LENGTH fetches it from peers where it is not here.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "CONTENT, or CONTENT:LENGTH as `store put` printed it.") var content: String
        @Option(help: "The file to write.") var out: String
        @OptionGroup var overwrite: OverwriteArguments
        @Option(help: "Seconds to wait for peers. (default: 60)", transform: NumberArgument.seconds) var wait = 60

        func run() async throws {
            let parts = content.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2, let id = parts.first, parts.count == 1 || UInt64(parts[1]) != nil else {
                throw CommandFailure(
                    ExitStatus.data, "\(content) is not CONTENT or CONTENT:LENGTH; see: `meshnode store list`")
            }
            let client = global.client
            if parts.count == 2 {
                _ = try await client.post("/v1/store/\(NodeClient.part(id))/fetch?length=\(parts[1])", as: Receipt.self)
                for _ in 0..<(max(1, wait) * 5) {
                    if let view = try? await client.get("/v1/store/\(NodeClient.part(id))", as: ContentView.self),
                        view.isComplete
                    {
                        break
                    }
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
            let bytes = try await client.bytes("/v1/store/\(NodeClient.part(id))/bytes")
            try Files.writeNew(bytes, to: out, force: overwrite.force)
            global.output.note("\(bytes.count) bytes written to \(out)")
        }
    }

    struct Info: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One content.")
        @OptionGroup var global: GlobalArguments
        @Argument var content: String

        func run() async throws {
            let view = try await global.client.get("/v1/store/\(NodeClient.part(content))", as: ContentView.self)
            global.output.show(view, text: StoreCommand.text)
        }
    }

    struct Pin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keeps a content until the label is taken back.")
        @OptionGroup var global: GlobalArguments
        @Argument var content: String
        @Option(help: "1 to 64 of a-z 0-9 -.") var label = "operator"

        func run() async throws {
            let path = "/v1/store/\(NodeClient.part(content))/pin?label=\(NodeClient.part(label))"
            global.output.show(try await global.client.post(path, as: ContentView.self), text: StoreCommand.text)
        }
    }

    struct Unpin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes a pin back.")
        @OptionGroup var global: GlobalArguments
        @Argument var content: String
        @Option(help: "The label that it was pinned under.") var label = "operator"

        func run() async throws {
            let path = "/v1/store/\(NodeClient.part(content))/unpin?label=\(NodeClient.part(label))"
            global.output.show(try await global.client.post(path, as: ContentView.self), text: StoreCommand.text)
        }
    }

    struct Collect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gc", abstract: "Removes what no pin keeps and no running task needs, longest unused first.",
            discussion: "History of ended tasks goes too: chain verify --full then needs it from peers.")
        @OptionGroup var global: GlobalArguments
        @Option(help: "Bytes that may stay used.") var to: UInt64 = 0

        func run() async throws {
            let view = try await global.client.post("/v1/store-collection?bytes=\(to)", as: CollectionView.self)
            global.output.show(view) {
                "\($0.removed) contents removed, \(Text.bytes($0.freedBytes)) freed, \(Text.bytes($0.usedBytes)) used"
            }
        }
    }
}
