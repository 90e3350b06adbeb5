"""Encoded values that the node's tests have (Tests/Vectors/wire)."""

from support import Case, frames, rows

from meshnode_verifier import blame
from meshnode_verifier.blocks import embedded_header, header
from meshnode_verifier.certificates import certificate
from meshnode_verifier.codec import Reader, read_whole
from meshnode_verifier.envelopes import envelope
from meshnode_verifier.genesis import Genesis
from meshnode_verifier.identifiers import block_id
from meshnode_verifier.submissions import announcement


class Frames(Case):
    def test_envelope(self) -> None:
        data = frames()["envelope"]
        e = read_whole(data, envelope)
        self.assertEqual(e.signed + e.sig, data)
        self.refused("truncated", lambda: read_whole(data[:-1], envelope))
        self.refused("trailing bytes", lambda: read_whole(data + b"\0", envelope))
        self.refused("domain 1", lambda: read_whole(b"\2" + data[1:], envelope))

    def test_content_reference(self) -> None:
        data = frames()["content-reference"]
        self.assertEqual(read_whole(data, Reader.ref).encoded(), data)

    def test_header_and_certificate(self) -> None:
        data = frames()["block-header"]
        h = header(data)
        self.assertEqual(h.id, block_id(data))
        r = Reader(data + b"rest")
        self.assertEqual(embedded_header(r), h)
        self.assertEqual(r.at, len(data))
        self.refused("trailing bytes", lambda: header(data + b"\0"))
        found = read_whole(frames()["certificate"], certificate)
        self.assertTrue(found.votes)

    def test_submissions(self) -> None:
        for name in ("submission-header", "submission-again"):
            data = frames()[name]
            a = announcement(data)
            self.assertEqual(a.bytes, data)
            self.assertEqual(a.repeats is not None, name == "submission-again")

    def test_blame_proof(self) -> None:
        proof = read_whole(frames()["blame-proof"], blame.blame_proof)
        self.assertTrue(proof.statements)

    def test_geneses_of_other_rules(self) -> None:
        for number, data in rows("wire/rules.txt"):
            self.refused("follows rules %s, this program" % number, lambda: Genesis(bytes.fromhex(data)))
