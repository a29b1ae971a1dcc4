"""What a tweet may be: each field's rule, and all that is wrong said at once."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aviary import language_tags, texts
from aviary.errors import AviaryError, InvalidInput
from aviary.faults import Faults
from aviary.rpc.call import CLIENT_HEADER
from aviary.tweets import languages, text
from aviary.tweets.store import Audience, Draft, Entities, Geo, Kind, PollDraft, Revision
from aviary.tweets.submission import PollChoice, Submission

DEFAULT_CLIENT = "web"
MAX_CLIENT = 50
MAX_WARNING = 100
MIN_OPTIONS, MAX_OPTIONS, MAX_OPTION = 2, 4, 25
MIN_MINUTES, MAX_MINUTES = 5, 10_080
MIN_THREAD, MAX_THREAD = 2, 25

_AUDIENCES = {each.name.lower(): each for each in Audience}
_MINUTE_MS = 60_000


def draft(author_id: int, sent: Submission, *, client: str | None) -> Draft:
    """Return the tweet as it would be kept, apart from the people and tweets that it names. Raises InvalidInput."""
    faults = Faults()
    kept, entities = faults.take("content", lambda: text.read(sent.content), ("", Entities()))
    if sent.media_ids:
        faults.refuse("media_ids", "media_ids cannot be set yet; leave them out")
    language = faults.take("language", lambda: language_tags.canonical(sent.language), "") if sent.language else ""
    found = Draft(
        author_id=author_id,
        kind=Kind.ORIGINAL,
        text=kept,
        entities=entities,
        language=language or languages.detect(kept, entities),
        source=faults.take(CLIENT_HEADER, lambda: source(client), ""),
        is_sensitive=sent.is_sensitive,
        content_warning=faults.take("content_warning", lambda: content_warning(sent.content_warning), ""),
        audience=faults.take("reply_audience", lambda: audience(sent.reply_audience), Audience.EVERYONE),
        geo=faults.take("geo", lambda: geo(sent.geo), None),
        poll=_poll(sent.poll, faults) if sent.poll else None,
    )
    faults.settle()
    return found


def thread(author_id: int, sent: Sequence[Submission], *, client: str | None) -> Sequence[Draft]:
    """Return the tweets of a thread as `draft` does; what is wrong is named by its place. Raises InvalidInput."""
    if not MIN_THREAD <= len(sent) <= MAX_THREAD:
        message = f"the thread has {len(sent)} tweets; it must have {MIN_THREAD} to {MAX_THREAD}"
        raise InvalidInput(message, fields={"tweets": message})
    drafts: list[Draft] = []
    faults = Faults()
    name = faults.take(CLIENT_HEADER, lambda: source(client), DEFAULT_CLIENT)
    for number, each in enumerate(sent):
        place = f"tweets[{number}]"
        try:
            drafts.append(draft(author_id, each, client=name))
        except InvalidInput as error:
            faults.add(place, error)
        if number and each.reply_to_id is not None:
            faults.refuse(f"{place}.reply_to_id", f"{place}: only the first tweet of a thread may reply to another")
    faults.settle()
    return drafts


def one_audience(reply: Draft, sent: Sequence[Submission]) -> None:
    """Hold what was sent against the audience of the conversation. Raises InvalidInput."""
    faults = Faults()
    for number, each in enumerate(sent):
        place = f"tweets[{number}]." if len(sent) > 1 else ""
        if each.reply_audience and audience(each.reply_audience) is not reply.audience:
            faults.refuse(
                f"{place}reply_audience",
                f"{place}reply_audience is {each.reply_audience}; a reply has its conversation's,"
                f" {reply.audience.name.lower()}",
            )
    faults.settle()


@contextmanager
def at(place: str) -> Iterator[None]:
    """Name the place in whatever goes wrong with one of several."""
    try:
        yield
    except InvalidInput as error:
        faults = Faults()
        faults.add(place, error)
        faults.settle()
    except AviaryError as error:
        error.message = f"{place}: {error.message}"
        raise


def revision(content: str) -> Revision:
    """Return the text that shall stand in a tweet's place. Raises InvalidInput."""
    faults = Faults()
    kept, entities = faults.take("content", lambda: text.read(content), ("", Entities()))
    faults.settle()
    return Revision(text=kept, entities=entities, language=languages.detect(kept, entities))


def source(client: str | None) -> str:
    """The name that a client gave itself; None when it gave none."""
    if client is None:
        return DEFAULT_CLIENT
    kept = client.strip()
    if not 1 <= len(kept) <= MAX_CLIENT or not kept.isprintable():
        message = (
            f"{CLIENT_HEADER} has {len(kept)} characters; it must be 1 to {MAX_CLIENT} printable ones, or left out"
        )
        raise InvalidInput(message, fields={CLIENT_HEADER: message})
    return kept


def content_warning(value: str) -> str:
    return _line("content_warning", value, limit=MAX_WARNING)


def audience(value: str) -> Audience:
    """The audience of that name; "" is everyone."""
    found = _AUDIENCES.get(value or "everyone")
    if found is None:
        raise InvalidInput(f"reply_audience is {texts.shown(value)}; it must be one of {', '.join(_AUDIENCES)}")
    return found


def geo(point: Geo | None) -> Geo | None:
    if point is None:
        return None
    faults = Faults()
    for name, value, most in (("latitude", point.latitude, 90), ("longitude", point.longitude, 180)):
        # Not `abs(value) > most`: nan isn't.
        if not abs(value) <= most or math.isnan(value):
            faults.refuse(f"geo.{name}", f"{name} is {value}; it must be from -{most} to {most}")
    faults.settle()
    return point


def _poll(choice: PollChoice, faults: Faults) -> PollDraft:
    minutes = choice.duration_minutes
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        faults.refuse(
            "poll.duration_minutes",
            f"the poll lasts {minutes} minutes; it must be from {MIN_MINUTES} to {MAX_MINUTES}",
        )
    nothing: Sequence[str] = ()
    options = faults.take("poll.options", lambda: _options(choice.options), nothing)
    return PollDraft(options=options, duration_ms=minutes * _MINUTE_MS)


def _options(sent: Sequence[str]) -> Sequence[str]:
    if not MIN_OPTIONS <= len(sent) <= MAX_OPTIONS:
        raise InvalidInput(f"the poll has {len(sent)} options; it must have {MIN_OPTIONS} to {MAX_OPTIONS}")
    options = [_line("a poll's option", each, limit=MAX_OPTION) for each in sent]
    if not all(options):
        raise InvalidInput(f"a poll's option is empty; it must have 1 to {MAX_OPTION} characters")
    if len(set(options)) < len(options):
        raise InvalidInput("two of the poll's options are the same; each must differ")
    return options


def _line(name: str, value: str, *, limit: int) -> str:
    # Normalised before it is counted: "é" is one character however it was typed.
    kept = unicodedata.normalize("NFC", value).strip()
    if len(kept) > limit:
        raise InvalidInput(f"{name} has {len(kept)} characters; the limit is {limit}")
    text.refuse_controls(name, kept, allowed="")
    return kept
