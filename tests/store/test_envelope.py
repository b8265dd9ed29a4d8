"""What was sealed is opened to the byte, and whatever was changed, moved, cut or swapped is refused."""

import io
import struct
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from store.envelope import CHUNK, MAGIC, SIZE, TAG, Header, Opening, Sealing, sealed_size
from store.refusal import Unreadable

MASTER, OTHER = bytes(range(32)), bytes(range(1, 33))
SMALL = 64  # bytes of a chunk


class Ring(dict[str, bytes]):
    """Master keys by their id."""

    def key(self, id: str) -> bytes:
        return self[id]


RING = Ring({"aa" * 8: MASTER, "bb" * 8: OTHER})


def header(artefact: str = "11" * 32, chunk: int = SMALL) -> Header:
    return Header.new(artefact, "aa" * 8, MASTER, chunk=chunk)


def sealed(head: Header, content: bytes, step: int = 50) -> bytes:
    out = io.BytesIO()
    stream = Sealing(head, head.opened(RING, "here"), out)
    for start in range(0, len(content), step):
        stream.write(content[start:start + step])
    stream.close()
    return out.getvalue()


def opened(head: Header, content: bytes) -> bytes:
    """Everything, and only when the end was seen: as whoever uses it must."""
    stream = Opening(head, head.opened(RING, "here"), io.BytesIO(content), "here")
    found = stream.read()
    stream.ended()
    return found


@pytest.mark.parametrize(("key", "iv", "plain", "beside", "cipher", "tag"), [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    ("feffe9928665731c6d6a8f9467308308" * 2, "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662", "76fc6ece0f4e1768cddf8853bb2d551b"),
])
def test_the_cipher_is_the_one_of_the_standard(key: str, iv: str, plain: str, beside: str, cipher: str,
                                               tag: str) -> None:
    """Test cases 13, 14 and 16 of McGrew and Viega, which NIST's validation suite holds for AES-256-GCM."""
    made = AESGCM(bytes.fromhex(key)).encrypt(bytes.fromhex(iv), bytes.fromhex(plain), bytes.fromhex(beside))
    assert made.hex() == cipher + tag


def test_a_key_is_wrapped_as_rfc_3394_wraps_it() -> None:
    """Section 4.6: 256 bits of key data under a 256-bit key."""
    data = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
    wrapped = bytes.fromhex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
    head = Header("11" * 32, b"abcd", "aa" * 8, wrapped)
    assert head.opened(RING, "here") == data
    assert Header("11" * 32, b"abcd", "bb" * 8, head.rewrapped(RING, "bb" * 8, "here").wrapped).opened(RING, "") == data


def test_each_chunk_is_what_the_form_says_it_is() -> None:
    """The referee: chunks decrypted by hand, with another interface of the library."""
    head, content = header(), bytes(range(200))
    made, key = sealed(head, content), head.opened(RING, "here")
    assert head.packed()[:8] == MAGIC
    assert len(head.packed()) == SIZE == 96
    plain = b""
    for index, start in enumerate(range(0, len(made), SMALL + TAG)):
        part, last = made[start:start + SMALL + TAG], start + SMALL + TAG >= len(made)
        mode = modes.GCM(head.prefix + struct.pack(">Q", index), part[-TAG:])
        cipher = Cipher(algorithms.AES(key), mode).decryptor()
        cipher.authenticate_additional_data(head.packed()[:48] + struct.pack(">QB", index, last))
        plain += cipher.update(part[:-TAG]) + cipher.finalize()
    assert plain == content


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5 * SMALL), st.integers(1, 3 * SMALL), st.integers(1, 3 * SMALL))
def test_what_was_sealed_is_opened_to_the_byte_however_it_is_written_and_read(content: bytes, step: int,
                                                                             size: int) -> None:
    head = header()
    made = sealed(head, content, step)
    assert len(made) == sealed_size(len(content), SMALL)
    stream, found = Opening(head, head.opened(RING, "here"), io.BytesIO(made), "here"), []
    while part := stream.read(size):
        found.append(part)
    stream.ended()
    assert b"".join(found) == content
    assert all(len(part) == size for part in found[:-1])


def test_every_bit_counts() -> None:
    head, content = header(), bytes(range(150))
    made = sealed(head, content)
    for bit in range(8 * len(made)):
        changed = bytearray(made)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unreadable):
            opened(head, bytes(changed))


def test_every_bit_of_the_header_counts() -> None:
    head = header()
    made = sealed(head, b"x" * 100)
    for bit in range(8 * SIZE):
        changed = bytearray(head.packed())
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Unreadable, KeyError)):  # KeyError: the ring of this test has no key of that id
            opened(Header.read(bytes(changed), "here"), made)


def test_every_length_but_the_right_one_is_refused() -> None:
    head = header()
    made = sealed(head, bytes(range(2 * SMALL)))  # ends with a full chunk
    for length in range(len(made)):
        with pytest.raises(Unreadable):
            opened(head, made[:length])
    for more in (b"\0", made[:SMALL + TAG], made[-SMALL - TAG:]):
        with pytest.raises(Unreadable):
            opened(head, made + more)
    for length in range(SIZE):
        with pytest.raises(Unreadable, match="not whole"):
            Header.read(head.packed()[:length], "here")


def chunks(made: bytes) -> list[bytes]:
    return [made[start:start + SMALL + TAG] for start in range(0, len(made), SMALL + TAG)]


@pytest.mark.parametrize("moved", [
    lambda parts: [parts[1], parts[0], *parts[2:]], lambda parts: [parts[0], parts[0], *parts[1:]],
    lambda parts: parts[1:], lambda parts: [parts[0], *parts[2:]], lambda parts: parts[:-1],
    lambda parts: [parts[-1], *parts[1:]], lambda parts: [*parts, parts[-1]],
])
def test_chunks_that_are_swapped_doubled_or_dropped_are_refused(moved: Callable[[list[bytes]], list[bytes]]) -> None:
    head = header()
    made = sealed(head, bytes(3 * SMALL) + b"end")
    with pytest.raises(Unreadable, match="damaged"):
        opened(head, b"".join(moved(chunks(made))))


def test_chunks_of_another_model_under_the_same_master_key_are_refused() -> None:
    one, two = header("11" * 32), header("22" * 32)
    first, second = sealed(one, b"a" * 200), sealed(two, b"b" * 200)
    with pytest.raises(Unreadable):
        opened(one, b"".join([chunks(first)[0], *chunks(second)[1:]]))
    same_key = Header(two.artefact, one.prefix, one.kek, one.wrapped, SMALL)
    with pytest.raises(Unreadable, match="chunk 0"):
        opened(same_key, first)


def test_another_master_key_opens_nothing() -> None:
    head = header()
    with pytest.raises(Unreadable, match="cannot be unwrapped"):
        Header(head.artefact, head.prefix, "bb" * 8, head.wrapped, SMALL).opened(RING, "here")


def test_who_goes_on_after_a_refusal_is_refused_again() -> None:
    head = header()
    made = bytearray(sealed(head, bytes(300)))
    made[100] ^= 1
    stream = Opening(head, head.opened(RING, "here"), io.BytesIO(bytes(made)), "here")
    assert stream.read(SMALL) == bytes(SMALL)
    for _ in range(3):
        with pytest.raises(Unreadable):
            stream.read(SMALL)
        with pytest.raises(Unreadable):
            stream.ended()


def test_a_new_master_key_changes_the_header_and_no_byte_of_the_data() -> None:
    head = header()
    made = sealed(head, b"weights" * 50)
    after = head.rewrapped(RING, "bb" * 8, "here")
    assert (after.fixed, after.kek) == (head.fixed, "bb" * 8)
    assert opened(after, made) == b"weights" * 50
    assert head.wrapped not in after.packed()


def test_a_header_that_asks_for_too_much_memory_is_refused() -> None:
    packed = bytearray(header().packed())
    packed[40:44] = struct.pack(">I", 1 << 31)
    with pytest.raises(Unreadable, match="damaged"):
        Header.read(bytes(packed), "here")
    assert header(chunk=CHUNK).chunk == 1 << 20
