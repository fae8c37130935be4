"""Properties of libraries in a version with a bug that a later one has fixed: nothing is raised but what is documented.

Of each bug it was tried that the newest release takes the input. Other bugs, which are not fixed yet, do not count.
`make bench-hypothesis` installs the versions.
"""

from collections.abc import Callable
from contextlib import suppress

import aniso8601
import aniso8601.exceptions
import idna
import isodate
import jmespath
import jsonpointer
import markdown
import msgpack
import netaddr
import packaging.utils
import sqlparse
import tomlkit
from hypothesis import strategies as st
from msgpack.fallback import Unpacker
from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from tomlkit.exceptions import TOMLKitError


def aniso8601_duration(text):
    """What is behind the P of a duration raised IndexError and unpacking errors (aniso8601 7.0.0)."""
    aniso8601.parse_duration(text)


def idna_decode(text):
    """A label that is no punycode raised UnicodeError (idna 2.5)."""
    idna.decode(text)


def isodate_date(text):
    """A month 13 raised ValueError (isodate 0.6.0)."""
    isodate.parse_date(text)


def jmespath_compile(text):
    """A `-` without a number raised ValueError (jmespath 0.9.0)."""
    jmespath.compile(text)


def jsonpointer_resolve(text):
    """An index that is a number at its beginning only raised ValueError (jsonpointer 2.0)."""
    jsonpointer.JsonPointer(text).resolve({"a": [1, 2], "b": {"c": 1}})


def markdown_text(text):
    """`<![` raised AssertionError (Markdown 3.8)."""
    markdown.markdown(text)


def msgpack_unpack(data):
    """A map whose key is a list raised TypeError (msgpack 0.6.2, without its C code)."""
    unpacker = Unpacker(raw=False)
    unpacker.feed(data)
    list(unpacker)


def netaddr_network(text):
    """A second `/` raised ValueError (netaddr 0.7.19)."""
    netaddr.IPNetwork(text)


def packaging_wheel(text):
    """A wheel with a version that is none raised InvalidVersion (packaging 21.3)."""
    packaging.utils.parse_wheel_filename(text)


def pyasn1_ber(data):
    """A length of many bytes raised OverflowError (pyasn1 0.6.1)."""
    with suppress(AttributeError, IndexError):  # two that are not fixed
        decoder.decode(data)


def sqlparse_format(text):
    """A `::` at the beginning of parentheses raised IndexError (sqlparse 0.4.4)."""
    sqlparse.format(text, reindent=True, keyword_case="upper", strip_comments=True)


def tomlkit_parse(text):
    """Unclosed tables were taken; some of its own errors raised TypeError (tomlkit 0.5.11)."""
    document = tomlkit.parse(text)
    if tomlkit.dumps(document) != text:
        raise TypeError("it reads something else")


def failing(function: Callable[..., None], *documented: type[Exception]) -> Callable[..., None]:
    """Have all but what is documented be failures."""

    def property_(drawn):
        try:
            function(drawn)
        except documented:
            pass
        except Exception as error:
            raise AssertionError(f"{drawn!r}: {error!r}") from error

    property_.__module__ = __name__
    return property_


TEXT, DATA = (st.text(),), (st.binary(),)

PROPERTIES = {
    "aniso8601": (
        failing(
            aniso8601_duration,
            NotImplementedError,
            *(error for error in vars(aniso8601.exceptions).values() if isinstance(error, type)),
        ),
        TEXT,
    ),
    "idna": (failing(idna_decode, idna.IDNAError), TEXT),
    "isodate": (failing(isodate_date, isodate.ISO8601Error), TEXT),
    "jmespath": (failing(jmespath_compile, jmespath.exceptions.JMESPathError), TEXT),
    "jsonpointer": (failing(jsonpointer_resolve, jsonpointer.JsonPointerException), TEXT),
    "markdown": (failing(markdown_text), TEXT),
    "msgpack": (failing(msgpack_unpack, msgpack.UnpackException, ValueError), DATA),
    "netaddr": (failing(netaddr_network, netaddr.AddrFormatError), TEXT),
    "packaging": (failing(packaging_wheel, packaging.utils.InvalidWheelFilename), TEXT),
    "pyasn1": (failing(pyasn1_ber, PyAsn1Error), DATA),
    "sqlparse": (failing(sqlparse_format), TEXT),
    "tomlkit": (failing(tomlkit_parse, TOMLKitError), TEXT),
}
"""By the package whose bug it is."""

WATCHED = {"markdown": ("markdown", "html.parser", "_markupbase")}
"""What is watched besides the package of the name: what its bug goes through."""
