internal import Foundation

/// The OpenAPI 3.1 document, made from the route table so that it cannot fall behind it.
enum OpenAPI {
    static func document(_ routes: [(method: String, path: String, summary: String)]) -> [UInt8] {
        var paths: [String: [String: Any]] = [:]
        for route in routes {
            let names = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
            var operation: [String: Any] = [
                "summary": route.summary,
                "responses": [
                    "2XX": ["description": "done"],
                    "default": [
                        "description": "an error with all failing fields",
                        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
                    ],
                ],
            ]
            if !names.isEmpty {
                operation["parameters"] = names.map { name in
                    ["name": String(name), "in": "path", "required": true, "schema": ["type": "string"]]
                        as [String: Any]
                }
            }
            paths[route.path, default: [:]][route.method.lowercased()] = operation
        }
        let field: [String: Any] = [
            "type": "object", "properties": ["path": ["type": "string"], "reason": ["type": "string"]],
        ]
        let problem: [String: Any] = [
            "type": "object", "required": ["type", "title", "status", "detail"],
            "properties": [
                "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
                "detail": ["type": "string"], "next": ["type": "string"],
                "errors": ["type": "array", "items": field],
            ],
        ]
        let document: [String: Any] = [
            "openapi": "3.1.0", "info": ["title": "meshnode", "version": ProgramVersion.text], "paths": paths,
            "components": ["schemas": ["Problem": problem]],
        ]
        // Made of literals above: it has a JSON form.
        let data = try? JSONSerialization.data(
            withJSONObject: document, options: [.sortedKeys, .withoutEscapingSlashes])
        return data.map { Array($0) } ?? []
    }
}
