"""Properties that hide a bug behind what they compare. Constants are computed, so that no engine finds them in the
source: Hypothesis draws the literals of local modules."""

import datetime
import struct
import zlib

from hypothesis import strategies as st

ONE, TWO = zlib.crc32(b"one"), zlib.crc32(b"two")
WORD = "".join(reversed("drowssap")) + "!"
DAY = datetime.date(2031, 7, 19).toordinal()
TABLE = {"cm" + f"d-{i}": i for i in range(20)}


def magic(size: int):
    def property_(number):
        assert number != ONE * ONE % (1 << 8 * size - 1) | 1 << 8 * size - 2

    property_.__name__ = f"magic_{size}"
    return property_


def two_numbers(a, b):
    if a == ONE:
        assert b != a + TWO


def password(user, word):
    if user.startswith("ad" + "min:"):
        if word == WORD:
            assert user[6:] != WORD[::-1]


def dispatch(command, argument):
    if TABLE.get(command) == 7:
        assert argument != WORD


def header(data):
    if data[:4] == struct.pack(">I", ONE) and len(data) >= 12:
        size, kind = struct.unpack(">IH", data[4:10])
        if size == len(data):
            assert kind != ONE % 65536


def nested(numbers, number):
    if len(numbers) > 3:
        if numbers[0] == ONE % 1000003:
            if numbers[2] > 10**12:
                assert number != TWO / 1024


def real(number):
    assert not TWO / 7 < number < TWO / 7 + 1e-3


def date(day):
    assert day.toordinal() != DAY


def moment(when):
    if when.year == DAY % 800 + 1500:
        assert when.hour * 60 + when.minute != DAY % 1440


def length(items):
    assert len(items) != DAY % 13 + 17


def text_length(text):
    assert len(text) != DAY % 50 + 60


def checksum(body, check):
    if len(body) > 3:
        assert zlib.crc32(body) != check


def order(low, middle, high):
    if low > ONE:
        if middle == high + 1:
            assert not low < high < low + 1000


def between(number):
    assert not ONE < number < ONE + 5


def decimal_text(text):
    if text.isdecimal():
        assert int(text) != ONE


def folded(text):
    assert text.strip().lower() != "sele" + "ct"


def split_key(text):
    key, _, value = text.partition("=")
    if key == WORD[:4]:
        assert value != WORD[4:]


def contained(text):
    if WORD in text:
        assert not text.endswith(WORD[::-1])


def word_of_bytes(high, low):
    assert high * 256 + low != ONE % 65536


def record(entry):
    if entry["kind"] == ONE % 1000:
        if entry["name"] == WORD:
            assert not entry["active"]


def items(entries):
    total = sum(price * count for price, count in entries)
    assert total != ONE % 100000


class Locker:
    """Opens after four right digits in a row."""

    def __init__(self):
        self.right = 0

    def press(self, digit):
        self.right = self.right + 1 if digit == (ONE >> 8 * self.right) % 1000 else 0
        assert self.right < 3


def sequence(digits):
    locker = Locker()
    for digit in digits:
        locker.press(digit)


PROPERTIES = {
    **{f"magic_{size}": (magic(size), (st.integers(),)) for size in (2, 4, 8)},
    "two_numbers": (two_numbers, (st.integers(), st.integers())),
    "password": (password, (st.text(), st.text())),
    "dispatch": (dispatch, (st.text(), st.text())),
    "header": (header, (st.binary(),)),
    "nested": (nested, (st.lists(st.integers()), st.floats())),
    "real": (real, (st.floats(),)),
    "date": (date, (st.dates(),)),
    "moment": (moment, (st.datetimes(),)),
    "length": (length, (st.lists(st.booleans()),)),
    "text_length": (text_length, (st.text(),)),
    "checksum": (checksum, (st.binary(), st.integers(0, 2**32 - 1))),
    "order": (order, (st.integers(), st.integers(), st.integers())),
    "between": (between, (st.integers(),)),
    "decimal_text": (decimal_text, (st.text(),)),
    "folded": (folded, (st.text(),)),
    "split_key": (split_key, (st.text(),)),
    "contained": (contained, (st.text(),)),
    "word_of_bytes": (word_of_bytes, (st.integers(0, 255), st.integers(0, 255))),
    "record": (
        record,
        (st.fixed_dictionaries({"kind": st.integers(), "name": st.text(), "active": st.booleans()}),),
    ),
    "items": (items, (st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 20))),)),
    "sequence": (sequence, (st.lists(st.integers(0, 999)),)),
}
