"""The hot structures of Aviary: ids, tweet text, warm timelines, trends. Sources and costs: native/DESIGN.md.

Ids are packed as little-endian 64-bit words. A timeline row has 32 bytes, four such words: tweet, author, referenced
tweet and its author (0 without one). Bit 63 of the author's word says "has media", of the referenced tweet's "is a
retweet" (else a non-zero reference makes a reply), and of the referenced author's "the retweeted original is a reply".
Times are milliseconds since 1970 unless a name says otherwise. Objects may be shared by any number of threads.
"""

from collections.abc import Sequence
from typing import Any, Final, final

__all__ = [
    "EPOCH_MS",
    "MAX_ID",
    "SOURCE_DIGEST",
    "Clock",
    "ClockBehind",
    "DenyList",
    "Front",
    "FrontServer",
    "JsonPrinter",
    "LeaseExpired",
    "Miss",
    "ParsedText",
    "RateLimits",
    "Snowflake",
    "Sources",
    "TimelineStore",
    "TrendSketch",
    "boottime_ns",
    "first_id_at",
    "id_time_ms",
    "is_open",
    "is_visible",
    "merge_rows",
    "parse_texts",
    "reply_screen_names",
    "text_check",
]

SOURCE_DIGEST: Final[str]
"""CRC-32 of the sources that this extension was built from, as eight hexadecimal digits."""
EPOCH_MS: Final[int]
"""2024-01-01T00:00:00Z, the instant at which ids begin."""
MAX_ID: Final[int]
"""2**63 - 1: above every id, so as an upper bound "no bound"; as a list's `upper`, the live list."""

@final
class Clock:
    """Business time: the wall clock plus an offset that only grows. It never steps back."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970, never less than before."""
    def advance(self, ms: int) -> None:
        """Move it forward by `ms`."""

class ClockBehind(RuntimeError):
    """The ids already minted are more than 1,000 ms ahead of the clock."""

class LeaseExpired(RuntimeError):
    """The lease on the worker number has ended."""

@final
class DenyList:
    """Sessions and users that are refused though their tokens are still valid. By the wall clock."""

    def refuse(self, subject: int, *, for_s: float) -> None:
        """Refuse the session or user `subject` until every token of it has expired."""
    def __contains__(self, key: int, /) -> bool: ...

@final
class Miss:
    """What must be put into a front before a page can be had from it; ids are packed."""

    @property
    def home(self) -> bool:
        """Whose tweets belong to the viewer's home, or the list of them."""
    @property
    def choices(self) -> bool:
        """What the viewer chose not to be shown."""
    @property
    def authors(self) -> bytes:
        """Those whose own lists are missing."""
    @property
    def tweets(self) -> bytes:
        """Tweets, or something of theirs: authors, counters, how the viewer stands to them."""
    @property
    def originals(self) -> bytes:
        """Originals of which the earliest retweet by the viewer's sources is missing."""
    @property
    def is_declined(self) -> bool:
        """Nothing that could be put would do: the page is one for the handlers."""

@final
class Front:
    """What hot reads are spliced from: fragments of tweets, people's cards, viewers, and lists of ids.

    A fill notes `now()` before it reads a store and gives it as `then`: what changed since is not kept. Every write
    tells of its events, by `apply`, before it is acknowledged. Bounded in bytes; what was read longest ago goes first.
    """

    def __new__(
        cls,
        lists: TimelineStore,
        *,
        clock: Clock,
        descriptors: bytes,
        cursor_key: bytes,
        is_shared: bool = False,
        max_bytes: int = ...,
        author_rows: int = ...,
    ) -> Front:
        """Make an empty one over home lists. Raises ValueError for descriptors without tweets or users.

        Half of its bytes are for tweets, a quarter for viewers, an eighth each for people and for authors' lists. One
        that `is_shared` hears of what other processes write, by `hear`, and its home lists are copies.
        """
    def now(self) -> int:
        """Return the clock of invalidations."""
    def know_newest(self, id: int) -> None:
        """Say that there are ids up to this one: a clock that was set back may be behind them."""
    def put(self, viewer: int, asked: bytes, fragments: bytes, then: int) -> None:
        """Put an encoded aviary.api.tweets.v1.Fragments as read for a viewer, who asked for these tweets."""
    def put_home(
        self, viewer: int, sources: bytes, *, follow_version: int, pulled: bytes, valid_until_ms: int, then: int
    ) -> None:
        """Put whose tweets belong to a home, as packed ids, and those of them whom the read itself asks."""
    def put_earliest(self, viewer: int, originals: bytes, retweets: bytes, then: int) -> None:
        """Put for originals the earliest retweet, 0 for none, by the viewer's sources; packed ids, side by side."""
    def begin_author(self, author: int, now_ms: int) -> int:
        """Begin a list of an author's own tweets, in which commits land from here on; return its token."""
    def finish_author(self, author: int, token: int, rows: bytes, *, floor: int, now_ms: int) -> bool:
        """Open the list, complete from `floor` up; False when another build took over."""
    def abort_author(self, author: int, token: int) -> None:
        """Give the list up."""
    def apply(self, events: Sequence[tuple[bytes, bytes]], now_ms: int) -> None:
        """Take in encoded aviary.events.v1.Event in order; a few microseconds each, without the GIL.

        Beside each is the tweet that it made, an encoded aviary.api.tweets.v1.TweetFragment, or nothing.
        """
    def hear(self, pieces: Sequence[bytes], now_ms: int) -> None:
        """Take in what processes tell each other; late, out of order and twice do no harm. ValueError for other bytes.

        A piece is `e` and an encoded aviary.events.v1.Event, `c` and packed ids of tweets whose counts changed, or `t`
        when authors changed their tiers.
        """
    def follow_version(self, viewer: int) -> int | None:
        """Return the version of the follows that a viewer's home is held by, if it is."""
    def copy_list(self, viewer: int, version: int, rows: bytes, *, floor: int, now_ms: int) -> None:
        """Hold a copy of a home list, complete from `floor` up."""
    def add_to_copy(self, viewer: int, rows: bytes, *, now_ms: int) -> None:
        """Add rows to a copy, if it is held; those that it has change nothing."""
    def drop_copy(self, viewer: int) -> None:
        """Drop a copy."""
    def tiers_changed(self) -> None:
        """Say that authors changed their tiers: whom a home asks is read anew."""
    def clear(self) -> None:
        """Forget everything but the home lists, also what is on its way here."""
    def stats(self) -> dict[str, int]:
        """Count `tweets`, `people` and `viewers`, and the `bytes` of them all with the authors' lists."""
    def home(
        self, viewer: int, *, now_ms: int, limit: int = 20, below: int = ..., above: int = 0, json: bool = False
    ) -> bytes | Miss:
        """Return a home's first page within bounds as a TweetList or its JSON; some 4 us for twenty tweets."""
    def user(
        self,
        viewer: int,
        author: int,
        *,
        now_ms: int,
        limit: int = 20,
        below: int = ...,
        above: int = 0,
        json: bool = False,
    ) -> bytes | Miss:
        """Return an author's newest tweets within bounds."""
    def tweet(self, viewer: int, tweet: int, *, now_ms: int, json: bool = False) -> bytes | Miss:
        """Return one tweet that the viewer asks for."""

@final
class FrontServer:
    """A gRPC server on threads of its own that answers hot reads from a front and passes on every other call.

    It never takes the GIL. What a page misses, `take_misses` gives once `bell` is readable, and `take_calls` the calls
    that the handlers of this process serve.
    """

    def __new__(
        cls,
        front: Front,
        *,
        denied: DenyList,
        limits: RateLimits | None,
        limit: tuple[str, int, float] | None,
        clock: Clock,
        deadline_ms: int,
        is_shared: bool,
        traces: bool,
        max_streams: int,
        internal: bytes,
        threads: int,
        secret: str,
        readers: set[str],
        handshake_ms: int,
        upkeep_ms: tuple[int, int] | None,
    ) -> FrontServer:
        """Make one that does not listen yet.

        `limit` is the name, count and window in seconds of the limit on calls, counted in `limits` where those are
        given; where a front `is_shared`, each call waits for `freshened`. With `traces` recorded calls are passed on;
        `internal` is the google.rpc.Status that a caller is told of a bug; `secret` goes with what is passed on.
        `readers` are the URIs in the certificates of those who may make hot reads. `upkeep_ms` is the age from which
        a connection takes no more calls, and how often a silent one is asked for a sign of life.
        """
    def trust(self, pairs: Sequence[tuple[bytes, bytes]], authorities: bytes) -> None:
        """Speak TLS, showing these keys and chains, to whom these authorities signed for; to nobody without any.

        All in PEM. The first time is before `start`; later ones are for handshakes to come. Raises ValueError with a
        sentence about what cannot be used, and changes nothing then.
        """
    def refused(self) -> int:
        """Return how many connections ended before it was known whose they are."""
    def start(self, host: str, port: int, upstream_port: int) -> int:
        """Listen and pass on to a port of this machine; return the port. Raises OSError when it cannot be had."""
    def stop(self, grace_s: float) -> None:
        """Take no more connections, let calls under way finish, end the threads. Blocks, without the GIL."""
    def bell(self) -> int:
        """Return the file descriptor that becomes readable when there is something to take."""
    def take_misses(self) -> list[tuple[int, int, Miss]]:
        """Take all that is missing: a ticket, the viewer, and what."""
    def filled(self, ticket: int, is_put: bool) -> None:
        """Say that what a ticket stands for was put, or could not be; then the handlers are asked."""
    def take_stale(self) -> list[tuple[int, int, bool]]:
        """Take the calls that wait until what others wrote was heard: a ticket, the viewer, whether a home is read."""
    def freshened(self, ticket: int, usage: tuple[int, float, int] | None, *, is_fresh: bool) -> None:
        """Let a call be answered, or leave it to the handlers; of its limit what remains, until when, and a token."""
    def take_refunds(self) -> list[tuple[int, int]]:
        """Take units that are to be given back: the viewer, and the token that took one."""
    def open_desk(self, paths: Sequence[str]) -> None:
        """Say which calls `take_calls` may give, by their gRPC paths; once, before the first. Others are passed on."""
    def take_calls(self) -> tuple[list[tuple[int, int, dict[str, str], float | None, bytes]], list[int]]:
        """Take the calls that wait, and the tickets of those whose callers left since they were taken.

        A call is its ticket, the place of its path among those that `open_desk` named, the metadata as text (the last
        of several values), the seconds that its caller waits, None when they don't say, and the message.
        """
    def answer(self, ticket: int, headers: Sequence[tuple[str, str]], message: bytes) -> None:
        """Answer a call; nothing happens when nobody waits for it."""
    def refuse(self, ticket: int, headers: Sequence[tuple[str, str]], code: int, message: str, details: bytes) -> None:
        """End a call with a status of gRPC; `details` is the google.rpc.Status. Else as `answer`."""
    def know_token(self, token: str, user: int, session: int, expires_s: float) -> None:
        """Say that the services verified this token, whose it is, and until when, in seconds since 1970."""
    def stats(self) -> dict[str, Any]:
        """Return for each method `held`, `filled`, `passed_on`, `panicked`, `buckets`, `bounds_us` and `total_us`."""

@final
class JsonPrinter:
    """Prints one type of Protobuf message as the gateway's transcoder does, byte for byte.

    Proto names, every primitive field with its default, 64-bit integers as strings; messages and `optional` fields
    only when they are set.
    """

    def __new__(cls, descriptors: bytes, message: str) -> JsonPrinter:
        """Read the shape of `message` from a FileDescriptorSet; milliseconds. Raises ValueError without such a type."""
    def print(self, message: bytes) -> bytes:
        """Return `message` as JSON, without the GIL; some 30 us for twenty tweets. ValueError for other bytes."""

@final
class RateLimits:
    """Rate limits in this process: an exact sliding window for each subject."""

    def __new__(cls, *, most_subjects: int = ...) -> RateLimits:
        """Keep at most so many windows; those unused longest are forgotten."""
    def spend(
        self, name: str, count: int, window_s: float, subject: str, units: int, now_s: float
    ) -> tuple[bool, int, float, int]:
        """Take units, or none: whether they were taken, how many are left, until when in seconds, and a token."""
    def refund(self, name: str, subject: str, token: int) -> None:
        """Give back every unit that the token took; unknown tokens are ignored."""

@final
class Snowflake:
    """Mints ids of 41 bits of milliseconds since EPOCH_MS, 10 bits of worker and 12 bits of sequence.

    Ids are positive and rise strictly for one object, whatever the clock does. A clock that steps back keeps the last
    time; 4,096 ids in a millisecond run into the next. Ids are never more than 1,000 ms ahead of the clock: a mint that
    would be waits, without the GIL and for 2 s at most, then raises ClockBehind. With `now_ms` given it never waits.
    A refused mint consumes nothing. Source: Twitter's Snowflake (2010).
    """

    def __new__(cls, worker: int) -> Snowflake:
        """Make a generator for `worker`, 0 to 1023, which nobody else may be using. Raises ValueError beyond."""
    def lease_until(self, deadline_boottime_ns: int) -> None:
        """Let every mint after this instant of `boottime_ns` raise LeaseExpired. A later call extends it."""
    def next(self, now_ms: int | None = None) -> int:
        """Mint one id. Raises LeaseExpired, ClockBehind, and ValueError when the time needs over 41 bits."""
    def next_many(self, n: int, now_ms: int | None = None) -> list[int]:
        """Mint `n` ids, 0 to 1,048,576, all or none; errors as for `next`. The cost is that of making n ints."""
    def next_packed(self, n: int, now_ms: int | None = None) -> bytes:
        """Mint `n` ids as packed words; otherwise as `next_many`, some thirty times faster."""

def boottime_ns() -> int:
    """Nanoseconds since the machine booted, suspension included."""

def id_time_ms(id: int) -> int:
    """The time at which an id was minted."""

def first_id_at(ms: int) -> int:
    """The smallest id that can be minted at `ms`; 0 before the epoch. Raises ValueError when it needs over 41 bits."""

@final
class ParsedText:
    """What a text weighs and names. Positions are code points, ends excluded, signs included; names have no sign.

    Entities come in the order of the text and no two of any kind overlap: of two the one that starts first stays.
    """

    @property
    def weighted_length(self) -> int:
        """Characters as counted: URL 23, emoji 2, most scripts beyond Latin and its neighbours 2 each, others 1."""
    @property
    def valid(self) -> bool:
        """Whether it may be posted: not empty, not over the limit, without U+FEFF, U+FFFE and U+FFFF."""
    @property
    def permillage(self) -> int:
        """Thousandths of the limit, rounded down."""
    @property
    def valid_range(self) -> tuple[int, int]:
        """The longest prefix that is within the limit and free of invalid characters."""
    @property
    def hashtags(self) -> list[tuple[str, int, int]]:
        """(tag, start, end)."""
    @property
    def mentions(self) -> list[tuple[str, int, int]]:
        """(screen name, start, end)."""
    @property
    def lists(self) -> list[tuple[str, str, int, int]]:
        """(screen name, slug with its slash, start, end)."""
    @property
    def cashtags(self) -> list[tuple[str, int, int]]:
        """(symbol, start, end)."""
    @property
    def urls(self) -> list[tuple[str, int, int]]:
        """(address as it stands in the text, start, end)."""

def parse_texts(texts: Sequence[str], *, rules: int = 3) -> list[ParsedText]:
    """Parse texts by the published twitter-text rules, each in time linear in its length.

    `rules` is the version of the published configuration: 3 is in force; 2 does not know emoji sequences, 1 allows 140
    characters. Weights are those of the text normalised to NFC; entities are found in the text as given.
    Raises ValueError for another version and UnicodeEncodeError for a text with lone surrogates.
    """

def text_check(kind: str, texts: Sequence[str]) -> list[bool]:
    """Say of each text whether all of it is one `kind`.

    Kinds are username (`@name`), list (`@name/slug`), hashtag (`#tag`), url (http or https) and url_without_protocol.
    Raises ValueError for another kind. Linear time.
    """

def reply_screen_names(texts: Sequence[str]) -> list[str | None]:
    """Return for each text the name that it mentions before all else, None when it does not begin with one."""

@final
class Sources:
    """A fixed set of user ids: those whose tweets a reader takes. Eight bytes an id; membership in O(log n)."""

    def __new__(cls, ids: bytes) -> Sources:
        """Make a set of packed ids in any order, repeats allowed. O(n log n).

        Raises ValueError when the length is no multiple of 8.
        """
    def __len__(self) -> int: ...
    def __contains__(self, key: int, /) -> bool: ...
    def screen(self, rows: bytes) -> bytes:
        """Return the rows without replies to strangers, in the same order.

        What is left belongs to a home of these sources, or would if some of them left. O(n log sources).
        Raises ValueError when `rows` are none.
        """
    def ids(self) -> bytes:
        """Return the packed ids, ascending."""

@final
class TimelineStore:
    """Warm timelines of many owners, in memory and bounded.

    A list's key is (owner, upper). The one whose `upper` is MAX_ID is live: appends land in it. Another `upper` names a
    read-only segment of ids in [floor, upper). A list is complete for ids from its floor up, and knows nothing below.
    It is *absent* when there is none, when nobody read it for `idle_ttl_ms`, when it was built for another version, or
    when its rebuild takes over 10 s. An absent list is not an empty one: it must be rebuilt (begin, finish).

    An entry takes 16 bytes, or 32 with a reference. Above a quarter more than `capacity` a list keeps its newest
    `capacity` and raises its floor. Beyond `max_bytes` the lists read longest ago are forgotten. Owners are spread over
    up to 64 locks; readers share a lock. Malformed packed bytes raise ValueError, ids outside 0..2**64-1 OverflowError.
    """

    def __new__(cls, *, capacity: int = 800, idle_ttl_ms: int = 86_400_000, max_bytes: int = ...) -> TimelineStore: ...
    def append(self, owners: bytes, rows: bytes, *, now_ms: int, read_within_ms: int | None = None) -> int:
        """Add every row to the live list of every owner that is present and was read within `read_within_ms`.

        Rows below a list's floor and rows that it holds are left out, so a repeat is harmless. Lists that are being
        built take part. Returns the number of entries added. O(1) an entry whose id is the newest of its list.
        """
    def append_each(self, appends: Sequence[tuple[bytes, bytes]], *, now_ms: int) -> int:
        """Do `append` with each pair of owners and rows, whenever the lists were read; return the sum."""
    def begin(self, owner: int, *, version: int, now_ms: int, upper: int = ...) -> int:
        """Install an empty list that is being built, in the place of any older one; return the token to finish it."""
    def finish(self, owner: int, token: int, rows: bytes, *, floor: int, now_ms: int, upper: int = ...) -> bool:
        """Add `rows` (any order) to what was appended meanwhile, and open the list to readers from `floor` up.

        Floor 0 says complete to the very first tweet. Returns False and changes nothing when `token` is not the one
        that the list was begun with, or when the rebuild took over 10 s. O(n log n).
        """
    def abort(self, owner: int, token: int, upper: int = ...) -> None:
        """Give up the rebuild `token`: its list is absent at once. Nothing happens when it is not current."""
    def state(self, owner: int, *, version: int, now_ms: int, upper: int = ...) -> str:
        """Return "absent", "building" or "ready". Does not count as a read."""
    def page(
        self,
        owner: int,
        *,
        version: int,
        sources: Sources,
        below: int,
        above: int,
        limit: int,
        extra: bytes,
        now_ms: int,
        upper: int = ...,
    ) -> tuple[bytes, int] | None:
        """Merge a ready list with `extra` rows; return up to `limit` rows, newest first, each id once, and the reach.

        Ids lie between `above` and `below`, both excluded. A row is taken when its author is in `sources` and, for a
        reply, so is the person replied to; a retweet of an original that is no reply is left out when the original's
        author is in `sources`. `extra` may come in any order and repeat the list; below the floor it is left out.
        The reach is the id down to which, inclusive, the answer is complete: the last id examined, or when nothing is
        left the higher of the floor and `above` + 1. None when the list is not ready. Counts as a read.
        O(extra · log extra) and O(log sources) for each row examined.
        """
    def merge(self, owners: bytes, *, below: int, above: int, limit: int, now_ms: int) -> tuple[bytes, int]:
        """Merge the ready live lists of `owners`; return rows and reach as `page` does, with nothing filtered.

        Lists that are not ready are passed over; rows below the highest floor of the others are left out. Counts as a
        read of each. A heap of list heads is built and popped: O(owners + k · log owners) for k rows examined; to pass
        over rows from `below` up takes O(log n) in a list without references, else O(rows passed).
        """
    def forget(self, owners: bytes) -> int:
        """Forget every list of these owners; return how many there were."""
    def clear(self) -> None:
        """Forget every list."""
    def drop_range(self, owner: int, low: int, high: int) -> None:
        """Never serve ids in [low, high] to `owner` again, of which some may be missing.

        The live list's floor rises above `high`; segments that reach into the range are forgotten.
        """
    def forget_idle(self, now_ms: int) -> int:
        """Forget the lists that are absent to everybody (idle, or built too long); return how many. O(lists)."""
    def stats(self) -> dict[str, int]:
        """Count `lists`, `entries` and allocated `bytes`. O(lists)."""

def is_open(facts: int) -> bool:
    """Tell by facts of author and viewer whether the author's tweets are open to the viewer; bits as in rule.rs."""

def is_visible(facts: int, was_asked_for: bool) -> bool:
    """Tell whether the viewer may see a tweet, where they asked for it or where the platform shows it."""

def merge_rows(parts: Sequence[bytes], *, below: int, above: int, limit: int) -> bytes:
    """Merge packed rows in any order into at most `limit`, newest first, each id once, ids in (above, below).

    O(n log n) in the rows within the bounds. Raises ValueError for malformed rows.
    """

@final
class TrendSketch:
    """Counts keys over a ring of `buckets` spans of `bucket_s` seconds: count-min with conservative update, and top-K.

    Takes 4 * width * depth bytes for each bucket in use. Within a bucket that counted n, an estimate is never below the
    truth, and above it by more than e * n / width with a probability of at most e**-depth; a window's estimate is the
    sum of its buckets'. Sources: Cormode and Muthukrishnan (2005), Estan and Varghese (2002).
    """

    def __new__(
        cls, *, width: int = 65536, depth: int = 4, bucket_s: int = 300, buckets: int = 24, top: int = 200
    ) -> TrendSketch:
        """Make an empty sketch. Raises ValueError unless width is a power of two, depth 1 to 8, all else above 0."""
    def add_many(self, keys: Sequence[str], *, now_s: int, counts: Sequence[int] | None = None) -> bool:
        """Count each key, `counts[i]` times or once, in the bucket of `now_s` (seconds since 1970).

        Late keys go to the bucket of their time; False says that the ring has moved past it and nothing was counted.
        Raises ValueError when `counts` has another length, OverflowError for a count outside 0..2**32-1.
        O(keys * depth).
        """
    def estimate(self, keys: Sequence[str], *, now_s: int, window_s: int) -> list[int]:
        """Estimate each key's count in the buckets that overlap the last `window_s` seconds; O(buckets * depth)."""
    def top(self, k: int, *, now_s: int, window_s: int) -> list[tuple[str, int]]:
        """Return the `k` keys with the highest estimates, highest first, then by name.

        Chosen among the heaviest `top` keys of each bucket in the window.
        """
    def merge(self, other: TrendSketch) -> None:
        """Add another sketch's counts, as if this one had counted everything. Raises ValueError when shapes differ."""
