"""Signatures: RFC 8032, 7.1, and what libsodium refuses."""

from support import Case

from meshnode_verifier import ed25519
from meshnode_verifier.edwards import L, P

# Public key, message and signature of TEST 1, 2 and 3.
RFC8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]
KEY, MESSAGE, SIG = (bytes.fromhex(one) for one in RFC8032[2])
IDENTITY = bytes([1]) + bytes(31)


class Signatures(Case):
    def test_rfc8032(self) -> None:
        for key, message, sig in RFC8032:
            # More often than a key needs to get a table of its multiples.
            for _ in range(ed25519.AFTER + 2):
                ed25519.check_signature(bytes.fromhex(key), bytes.fromhex(sig), bytes.fromhex(message))

    def test_another_message_or_signature(self) -> None:
        for _ in range(ed25519.AFTER + 2):
            self.refused("does not hold", lambda: ed25519.check_signature(KEY, SIG, MESSAGE + b"\0"))
        for place in (0, 31, 32, 50):
            other = SIG[:place] + bytes([SIG[place] ^ 1]) + SIG[place + 1 :]
            self.refused("a signature of", lambda: ed25519.check_signature(KEY, other, MESSAGE))

    def test_keys_that_are_refused(self) -> None:
        refusal = "small order or not canonical"
        self.refused(refusal, lambda: ed25519.check_signature(IDENTITY, IDENTITY + bytes(32), MESSAGE))
        self.refused(refusal, lambda: ed25519.check_signature((P + 3).to_bytes(32, "little"), SIG, MESSAGE))
        # 2 is no y of a point.
        off = (2).to_bytes(32, "little")
        self.refused("does not hold", lambda: ed25519.check_signature(off, SIG, MESSAGE))
        self.assertFalse(ed25519.is_key(off))
        self.assertFalse(ed25519.is_key(IDENTITY))
        self.assertTrue(ed25519.is_key(KEY))

    def test_signatures_of_another_form(self) -> None:
        refusal = "of a form that is refused"
        self.refused(refusal, lambda: ed25519.check_signature(KEY, IDENTITY + SIG[32:], MESSAGE))
        more = (int.from_bytes(SIG[32:], "little") + L).to_bytes(32, "little")
        self.refused(refusal, lambda: ed25519.check_signature(KEY, SIG[:32] + more, MESSAGE))
