"""The key stream, the tag and the box: RFC 8439, and a box that libsodium's form of XChaCha20-Poly1305 sealed."""

from support import Case

from meshnode_verifier import chacha

# RFC 8439, A.1, test vectors 1 and 2.
FIRST = (
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
)
SECOND = (
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
    "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
)
# Key, seed and box, nonce of zeros, made with the package `cryptography` over an HChaCha20 of its own.
KEY, SEED = bytes(range(32)), bytes(range(100, 132))
BOX = "f163eaa084e18f727ae311569c674c9948c9dbe402e93770b790eb22576798b25e65e442c7185c31f240d7f94cfb6778"


class Streams(Case):
    def test_rfc8439(self) -> None:
        wanted = bytes.fromhex(FIRST + SECOND)
        self.assertEqual(chacha.stream(bytes(32), 128), wanted)
        for start, length in ((0, 1), (63, 2), (64, 64), (70, 33), (5, 0)):
            self.assertEqual(chacha.stream(bytes(32), length, start), wanted[start : start + length])

    def test_batches_join(self) -> None:
        edge = 64 * chacha.BATCH
        whole = chacha.stream(KEY, edge + 64)
        self.assertEqual(whole[edge - 10 :], chacha.stream(KEY, 74, edge - 10))

    def test_poly1305(self) -> None:
        # RFC 8439, 2.5.2.
        key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
        tag = chacha.poly1305(key, b"Cryptographic Forum Research Group")
        self.assertEqual(tag.hex(), "a8061dc1305136c6c22b8baf0c0127a9")

    def test_box(self) -> None:
        box = bytes.fromhex(BOX)
        self.assertEqual(chacha.open_box(KEY, box), SEED)
        for place in (0, 31, 32, 47):
            self.assertIsNone(chacha.open_box(KEY, box[:place] + bytes([box[place] ^ 1]) + box[place + 1 :]))
        self.assertIsNone(chacha.open_box(SEED, box))
