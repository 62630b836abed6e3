"""The same story again: by its news id, or by its text from another feed, within a day.

Texts are compared by MinHash over their words (Broder, On the Resemblance and Containment of Documents, 1997), 16
values of 8 bits, found through bands as in locality-sensitive hashing. Figures must agree exactly: "falls 3%" is other
news than "falls 5%".
"""

import re
from binascii import crc32
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

import msgspec
from rensa import RMinHash

REMEMBERED = 64  # news; with a day, what bounds the memory
WITHIN_S = 86_400.0
VALUES = 16
BANDS = Struct("<4I")  # of four values
ALIKE = 13  # equal values of 16: texts that share nine words of ten have so many in 93 of 100 cases, five of ten in 1
FEWEST_WORDS = 5  # shorter texts are compared as a whole
WORDS = re.compile(r"\w+")
FIGURES = re.compile(r"\d+")
LATELY = 4096  # news whose signature is at hand: entities, topic, sectors and all news ask for the same one
LONGEST_AT_HAND = 1000  # characters, to bound what that takes
CREDIT = re.compile(r"\s+[-–—|]\s+[^-–—|]{2,40}$")
"""What an aggregator appends: " - Reuters"."""


class Seen(msgspec.Struct, array_like=True, frozen=True):
    """A news that counted: hash of its id, its moment, its text's signature (empty without a text)."""

    mark: int
    at_s: float
    text: bytes = b""


@lru_cache(maxsize=LATELY)
def fingerprint(news_id: str) -> int:
    """48 bits: among 64 ids, two differing ones meet once in 10^11."""
    return int.from_bytes(blake2b(news_id.encode("utf-8", "surrogatepass"), digest_size=6).digest())


def signature(text: str) -> bytes:
    """16 bytes that are alike for texts of like words, then 4 that are equal for equal figures."""
    return signed_lately(text) if len(text) <= LONGEST_AT_HAND else signed(text)


def signed(text: str) -> bytes:
    words = WORDS.findall(CREDIT.sub("", text).casefold()) if text else None
    if not words:
        return b""
    figures = crc32(" ".join(FIGURES.findall(text)).encode())
    if len(words) < FEWEST_WORDS:
        digest = blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=VALUES).digest()
    else:
        minhash = RMinHash(num_perm=VALUES, seed=1)
        minhash.update(words)
        digest = bytes([value & 255 for value in minhash.digest()])
    return digest + figures.to_bytes(4)


signed_lately = lru_cache(maxsize=LATELY)(signed)


@lru_cache(maxsize=LATELY)
def bands(text: bytes) -> tuple[int, ...]:
    """A number for each of a signature's bands; like texts share one."""
    first, second, third, fourth = BANDS.unpack_from(text)
    return first, 1 << 32 | second, 2 << 32 | third, 3 << 32 | fourth


def alike(one: bytes, other: bytes) -> bool:
    """Whether two signatures are of the same story."""
    if one[VALUES:] != other[VALUES:]:
        return False
    return one == other or sum(map(int.__eq__, one[:VALUES], other[:VALUES])) >= ALIKE


class Memory:
    """The latest news of a stream, to be asked; built from what a state keeps, oldest first, and kept back to it."""

    def __init__(self, seen: Iterable[Seen] = ()) -> None:
        self.seen: deque[Seen] = deque()
        self._marks: dict[int, Seen] = {}
        self._bands: dict[int, Seen] = {}
        for each in seen:
            self.add(each, float("-inf"))

    def find(self, mark: int, at_s: float, text: bytes) -> Seen | None:
        """The remembered news that this one repeats."""
        known = self._marks.get(mark)
        if known is not None or not text:
            return known
        for band in bands(text):
            known = self._bands.get(band)
            if known is not None and abs(known.at_s - at_s) <= WITHIN_S and alike(known.text, text):
                return known
        return None

    def add(self, one: Seen, clock_s: float) -> None:
        """Remember one more, and forget the oldest past the bound or a day before `clock_s`."""
        self.seen.append(one)
        self._marks[one.mark] = one
        if one.text:
            for band in bands(one.text):
                self._bands[band] = one
        while len(self.seen) > REMEMBERED or (self.seen and self.seen[0].at_s < clock_s - WITHIN_S):
            gone = self.seen.popleft()
            if self._marks.get(gone.mark) is gone:
                del self._marks[gone.mark]
            if gone.text:
                for band in bands(gone.text):
                    if self._bands.get(band) is gone:
                        del self._bands[band]
