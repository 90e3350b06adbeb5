internal import ArgumentParser

/// The option of every command that writes files which a person names.
struct OverwriteArguments: ParsableArguments {
    @Flag(help: "Overwrite files that exist.") var force = false
}
