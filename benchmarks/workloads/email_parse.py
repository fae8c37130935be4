"""email: messages with structured headers and several parts are parsed, read and written again."""

import email
import email._header_value_parser
import email._policybase
import email.contentmanager
import email.feedparser
import email.generator
import email.header
import email.headerregistry
import email.message
import email.parser
import email.policy
import email.utils
import random
import zlib
from collections.abc import Callable

INSTRUMENTED = [
    email._header_value_parser,
    email._policybase,
    email.contentmanager,
    email.feedparser,
    email.generator,
    email.header,
    email.headerregistry,
    email.message,
    email.parser,
    email.policy,
    email.utils,
]
ITERATIONS = 28


def prepare() -> Callable[[int], int]:
    rng = random.Random(5)

    def address() -> str:
        return rng.choice(
            ["Anna <anna@example.org>", '"B. C" <b.c@[10.0.0.1]>', "=?utf-8?b?SsO8cmdlbg==?= <j@x.example>"]
        )

    def message(number: int) -> bytes:
        parts = "".join(
            f"--=_b\nContent-Type: text/plain; charset=utf-8; name=part{i}\n"
            f"Content-Transfer-Encoding: quoted-printable\n\n"
            f"Caf=C3=A9 {'word ' * rng.randrange(40)}=\nmore\n"
            for i in range(2)
        )
        return (
            f"Received: by h{number}.example.org; Mon, 01 Jan 2024 10:00:00 +0000\nFrom: {address()}\n"
            f"To: {', '.join(address() for _ in range(4))}\n"
            f"Subject: =?utf-8?q?Caf=C3=A9?= number {number} {'long ' * 20}\n"
            f"Date: Tue, 02 Jan 2024 03:04:05 +0100\nMessage-ID: <{number}.abc@example.org>\nMIME-Version: 1.0\n"
            f'Content-Type: multipart/mixed; boundary="=_b"\n\npreamble\n{parts}--=_b--\n'
        ).encode()

    messages = [message(number) for number in range(5)]

    def run(iteration: int) -> int:
        parsed = email.message_from_bytes(messages[iteration % len(messages)], policy=email.policy.default)
        people = [one.display_name + one.domain for one in parsed["to"].addresses]
        texts = [part.get_content() for part in parsed.iter_parts()]
        return zlib.crc32(repr((people, texts, str(parsed["subject"]))).encode() + parsed.as_bytes())

    return run
