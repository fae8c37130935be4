"""Small targets, each of which wants one thing of a fuzzer. MICRO names the one."""

import os
import struct
import sys
import zlib

import atheris


class Found(Exception):
    pass


@atheris.instrument_func
def magic_1(data):
    if len(data) > 3 and data[0] == 0xF1:
        if data[1] == 0x22:
            if data[2] == 0x93:
                if data[3] == 0x04:
                    raise Found


@atheris.instrument_func
def magic_2(data):
    if len(data) >= 4:
        first, second = struct.unpack_from("<HH", data)
        if first == 0x1F8B:
            if second == 0xC0DE:
                raise Found


@atheris.instrument_func
def magic_4(data):
    if len(data) >= 8:
        first, second = struct.unpack_from("<II", data)
        if first == 0xDEADBEEF:
            if second == 0x12345678:
                raise Found


@atheris.instrument_func
def magic_8(data):
    if len(data) >= 16:
        first, second = struct.unpack_from(">QQ", data)
        if first == 0x0102030405060708:
            if second == 0xFEEDFACECAFEBEEF:
                raise Found


@atheris.instrument_func
def magic_text(data):
    text = data.decode("latin-1")
    if text[:6] == "SECRET":
        if text[6:14] == "password":
            raise Found


@atheris.instrument_func
def unequal_text(data):
    words = data.decode("latin-1").split(",")
    if words[0] == "username":
        if len(words) > 1 and words[1] == "administrator":
            raise Found


@atheris.instrument_func
def startswith_chain(data):
    text = data.decode("latin-1")
    if text.startswith("HTTP/"):
        if text[5:].startswith("9.7 "):
            if text.endswith("\r\n\r\n"):
                raise Found


OPERATIONS = {name: index for index, name in enumerate(("create", "remove", "rename", "publish", "withdraw"))}


@atheris.instrument_func
def dictionary_dispatch(data):
    words = data.decode("latin-1").split(" ")
    if len(words) > 1 and OPERATIONS.get(words[0]) == 3:
        if OPERATIONS.get(words[1]) == 4:
            raise Found


@atheris.instrument_func
def set_membership(data):
    words = data.decode("latin-1").split(";")
    if words[0] in {"alpha-one", "beta-two"}:
        if len(words) > 1 and words[1] in {"gamma-three", "delta-four"}:
            raise Found


@atheris.instrument_func
def floats(data):
    if len(data) >= 16:
        first, second = struct.unpack_from("<dd", data)
        if first == 1234.5678:
            if second == -0.125:
                raise Found


@atheris.instrument_func
def float_text(data):
    try:
        number = float(data)
    except ValueError:
        return
    if number == 299792.458:
        raise Found


@atheris.instrument_func
def checksum(data):
    if len(data) > 8:
        if int.from_bytes(data[:4], "big") == zlib.crc32(data[4:]):
            if data[4:8] == b"body":
                raise Found


source = ["@atheris.instrument_func", "def match_200(data):", "    match data[:2]:"]
for number in range(200):
    source += [f"        case {(number * 257 % 65521).to_bytes(2, 'big')!r}:", f"            return {number}"]
source += ["        case b'no':", "            if data[2:6] == b'deep':", "                raise Found"]
exec("\n".join(source))

atheris.Setup(sys.argv, globals()[os.environ["MICRO"]])
atheris.Fuzz()
