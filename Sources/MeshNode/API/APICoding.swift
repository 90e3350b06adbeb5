internal import Foundation

/// The one form of JSON that server and client speak: snake_case keys, sorted, no escaped slashes.
public enum APICoding {
    public static func encode(_ value: some Encodable, pretty: Bool = false) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // Views hold numbers, texts and lists only, and not-finite numbers have a form: nothing can fail.
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(type(of: value)) has no JSON form") }
        return Array(String(decoding: data, as: UTF8.self).printableJSON.utf8)
    }

    public static func text(_ value: some Encodable, pretty: Bool = false) -> String {
        String(decoding: encode(value, pretty: pretty), as: UTF8.self)
    }

    /// - Throws: `Problem` where the bytes are no UTF-8: no byte is replaced, and no other encoding is guessed. A zero byte
    ///   stands in no text that is sent here, and in every text of UTF-16 and UTF-32, which the decoder of JSON would guess.
    static func text(_ bytes: [UInt8]) throws(Problem) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .unreadable("the body is not UTF-8") }
        guard !bytes.contains(0) else {
            throw .unreadable("the body is not UTF-8: it holds zero bytes, as UTF-16 does")
        }
        return text
    }

    /// - Throws: `Problem` naming the path that is missing or of a wrong kind.
    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(Problem) -> Value {
        _ = try text(bytes)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw problem(error)
        } catch {
            throw .unreadable("the body is not JSON")
        }
    }

    private static func problem(_ error: DecodingError) -> Problem {
        func path(_ keys: [any CodingKey]) -> String {
            keys.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }.joined(separator: ".")
        }
        let field: Problem.Field
        switch error {
        case .keyNotFound(let key, let context):
            field = .init(path: path(context.codingPath + [key]), reason: "is missing")
        case .typeMismatch(let type, let context):
            field = .init(path: path(context.codingPath), reason: "must be \(type)")
        case .valueNotFound(let type, let context):
            field = .init(path: path(context.codingPath), reason: "must be \(type), found null")
        case .dataCorrupted(let context):
            field = .init(path: path(context.codingPath), reason: context.debugDescription)
        @unknown default: field = .init(path: "", reason: "cannot be read")
        }
        return .unreadable("the body is not the JSON that is expected", errors: [field])
    }
}

extension Problem {
    static func unreadable(_ detail: String, errors: [Field]? = nil) -> Problem {
        Problem(
            type: "unreadable", title: "Unreadable", status: 400, detail: detail, next: "see /openapi.json",
            errors: errors)
    }
}
