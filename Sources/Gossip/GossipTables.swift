public import Wire

/// Rules of every ``Bounded`` table of this module, printed in docs/protocol/tables.md.
public enum GossipTables {
    // Links.
    static let hostRates = TableRule(
        "rates of handshakes", by: "host", total: 1_024, quota: 1, atQuota: .refuse,
        reason: "a host whose rate is whole again is not remembered")

    // Membership.
    static let strangers = TableRule(
        "records of nodes without an account", by: "who told it; itself once it answered", total: 256, quota: 16,
        atQuota: .dropOldest, protected: "linked now",
        reason: "a newcomer is found, and inventing a thousand more finds no place")
    static let known = TableRule(
        "records of account holders and of nodes linked with before",
        by: "who told it; itself once it answered or is a member", total: LinkLimits.recordsMax, quota: 256,
        atQuota: .dropOldest, protected: "linked now or in an earlier run, members",
        reason: "a network of a thousand, told by four of them")
    static let rumours = TableRule(
        "rumours to pass on", by: "who told it", total: 256, quota: 64, atQuota: .dropOldest,
        reason: "one a subject; eight datagrams full")
    static let errands = TableRule(
        "probes made for others", by: "who asked", total: 64, quota: 4, atQuota: .refuse,
        reason: "a prober asks for one at a time, half a second each")
    static let recordRates = TableRule(
        "rates of records that are verified", by: "who tells them", total: LinkLimits.recordsMax, quota: 1,
        atQuota: .dropOldest, protected: "linked now", reason: "one a node that may tell records")
    static let recordAnswers = TableRule(
        "times of the last answer to a request for records", total: 128, quota: 1, atQuota: .dropOldest,
        reason: "one a link")

    // Topics.
    static let pulls = TableRule(
        "messages asked for", by: "who told of it first", total: 4_096, quota: 1_024, atQuota: .refuse,
        protected: "told by account holders", reason: "two frames of names; what is told meanwhile is told again")
    static let backoffs = TableRule(
        "back-offs of one topic", by: "pruned node", total: 256, quota: 1, atQuota: .dropOldest,
        protected: "account holders", reason: "three times the links")
    public static let deliveries = TableRule(
        "messages sent to a peer lately", by: "whom they were sent to", total: 16_384, quota: 512, atQuota: .dropOldest,
        reason: "eight answers to a digest; what is forgotten is sent once more")

    // Content.
    static let namedWants = TableRule(
        "contents wanted at a peer's word", by: "who announced, proposed or offered it", total: 1_024, quota: 64,
        atQuota: .dropOldest,
        protected: "whole, and not on disk yet",
        reason: "a body of each of 256 members, a holder's components; what is decided has other places")

    public static let all: [TableRule] = [
        hostRates, strangers, known, rumours, errands, recordRates, recordAnswers, pulls, backoffs, deliveries,
        namedWants,
    ]
}
