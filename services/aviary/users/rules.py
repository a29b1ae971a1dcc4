"""What an account may hold: each rule returns the value as it is kept, or says what is wrong with it."""

from __future__ import annotations

import functools
import re
import unicodedata
import zoneinfo
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from aviary import language_tags, texts
from aviary.errors import InvalidInput
from aviary.faults import Faults
from aviary.rpc.call import CLIENT_HEADER
from aviary.users import strength
from aviary.users.passwords import MAX_BYTES, encoded
from aviary.users.store import ProfileChanges

MAX_USERNAME = 15
MAX_EMAIL = 254
MAX_DISPLAY_NAME = 50
MAX_BIO = 160
MAX_LOCATION = 30
MAX_WEBSITE = 100
MAX_CLIENT = 50
MIN_PASSWORD = 8
MAX_PASSWORD = 128
_FIRST_BIRTH_YEAR = 1900

_USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# What RFC 3986 has no place for; a page could mistake it for the end of a link.
_NOT_IN_URL = frozenset(' <>"\\^`{|}')
# Files that stand among the zones and are none.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


def username(value: str) -> str:
    if not _USERNAME.fullmatch(value):
        raise InvalidInput(
            f"username {texts.shown(value)} has {len(value)} characters; it must be 1 to {MAX_USERNAME} of [A-Za-z0-9_]"
        )
    return value


def username_key(value: str) -> str:
    """What two spellings of one name share."""
    return value.lower()


def email(value: str) -> str:
    if len(value) > MAX_EMAIL:
        raise InvalidInput(f"email has {len(value)} characters; the limit is {MAX_EMAIL}")
    try:
        # Nobody owns a name under .test, so demonstrations and tests may use it.
        found = validate_email(value.strip(), check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise InvalidInput(f"email {texts.shown(value)} is no address: {str(error).rstrip('.')}") from None
    if len(found.normalized) > MAX_EMAIL:
        raise InvalidInput(f"email has {len(found.normalized)} characters when normalised; the limit is {MAX_EMAIL}")
    return found.normalized


def email_key(value: str) -> str:
    """What two spellings of one address share. Case before the @ matters to no provider that people use."""
    return unicodedata.normalize("NFC", value.lower())


def password(value: str, *, name: str, address: str) -> str:
    """Hold `value` against the limits and against what is guessed first; it never stands in a message."""
    if not MIN_PASSWORD <= len(value) <= MAX_PASSWORD:
        raise InvalidInput(f"password has {len(value)} characters; it must have {MIN_PASSWORD} to {MAX_PASSWORD}")
    if "\0" in value:
        raise InvalidInput("password holds a NUL character; it may hold any other")
    if (size := len(encoded(value))) > MAX_BYTES:
        raise InvalidInput(f"password has {size} bytes in UTF-8; the limit is {MAX_BYTES}")
    if weakness := strength.weakness(value, names=(name, address.partition("@")[0])):
        raise InvalidInput(f"password {weakness}")
    return value


def display_name(value: str) -> str:
    kept = texts.kept("display_name", value, limit=MAX_DISPLAY_NAME)
    if texts.is_blank(kept):
        raise InvalidInput(f"display_name is blank; it must have 1 to {MAX_DISPLAY_NAME} characters")
    return kept


def bio(value: str) -> str:
    return texts.kept("bio", value.replace("\r\n", "\n"), limit=MAX_BIO, allowed="\n")


def location(value: str) -> str:
    return texts.kept("location", value, limit=MAX_LOCATION)


def website(value: str) -> str:
    """Empty removes it."""
    kept = value.strip()
    if kept and (len(kept) > MAX_WEBSITE or not _is_web_address(kept)):
        raise InvalidInput(
            f"website {texts.shown(kept)} has {len(kept)} characters;"
            f" it must be an http or https URL of at most {MAX_WEBSITE} characters"
        )
    return kept


def birth_date(value: str, *, today: date) -> str:
    """Empty removes it."""
    if not value:
        return ""
    try:
        born = date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        born = None
    if born is None or not date(_FIRST_BIRTH_YEAR, 1, 1) <= born < today:
        raise InvalidInput(
            f"birth_date is {texts.shown(value)}; it must be a past day as YYYY-MM-DD, {_FIRST_BIRTH_YEAR} or later"
        )
    return value


def timezone(value: str) -> str:
    if value not in _timezones():
        raise InvalidInput(f"timezone is {texts.shown(value)}; it must be an IANA name such as Europe/Paris")
    return value


def client(value: str) -> str:
    """What a client calls itself; it may stay silent."""
    if len(value) > MAX_CLIENT or not value.isprintable():
        raise InvalidInput(
            f"{CLIENT_HEADER} is {texts.shown(value)}; it must be at most {MAX_CLIENT} printable characters"
        )
    return value.strip()


def profile(changes: ProfileChanges, faults: Faults, *, today: date) -> ProfileChanges:
    """Return the changes as they are kept; what is wrong goes to `faults`."""
    kept_by: dict[str, Callable[[str], str]] = {
        "display_name": display_name,
        "bio": bio,
        "location": location,
        "website": website,
        "birth_date": functools.partial(birth_date, today=today),
        "language": language_tags.canonical,
        "timezone": timezone,
    }
    sent = {name: value for name, value in asdict(changes).items() if value is not None}
    return ProfileChanges(
        **{name: faults.take(name, functools.partial(kept_by[name], value), "") for name, value in sent.items()}
    )


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        # Reading the port is what checks it.
        _ = parts.port
    except ValueError:
        return False
    # A user name before the host is there to make people take it for the host.
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    return is_web and value.isprintable() and not _NOT_IN_URL & set(value)


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES
