"""What every adapter of Vault promises."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.backends.s3 import ACCESS_KEY, S3, SECRET_KEY
from tests.backends.server import free_port

from aviary.errors import InvalidInput, NotFound, Unavailable
from aviary.settings import Settings, load
from aviary.storage.objects.vault import FolderVault, vault_of
from aviary.users.exports.store import Vault

ADA, EXPORT = 7, 70
FRAME = 65_536
SALT, TAG = 16, 16
SECRET = b"s" * 32


class Kept(Protocol):
    """A vault, and what lies where it keeps its files."""

    vault: Vault

    def under(self, secret: bytes) -> Vault:
        """A vault of the same place with another secret."""

    def files(self) -> Sequence[str]:
        """The names of everything there."""

    def sealed(self) -> bytes:
        """The only file, as it lies there."""

    def replace(self, sealed: bytes) -> None:
        """Let something else lie there."""


class InFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault: Vault = self.under(SECRET)

    def under(self, secret: bytes) -> Vault:
        return FolderVault(self.folder, secret)

    def files(self) -> Sequence[str]:
        return [path.name for path in self.folder.iterdir()]

    def sealed(self) -> bytes:
        return self._only().read_bytes()

    def replace(self, sealed: bytes) -> None:
        self._only().write_bytes(sealed)

    def _only(self) -> Path:
        (path,) = self.folder.iterdir()
        return path


class InBucket:
    def __init__(self, settings: Settings) -> None:
        from aviary.storage.objects.s3 import bucket_of  # noqa: PLC0415 - an extra

        self._settings = settings
        self._store = bucket_of(settings).requests
        self.vault: Vault = self.under(SECRET)

    def under(self, secret: bytes) -> Vault:
        return vault_of(self._settings, secret)

    def files(self) -> Sequence[str]:
        return [each["path"] for page in self._store.list() for each in page]

    def sealed(self) -> bytes:
        (name,) = self.files()
        return bytes(self._store.get(name).bytes())

    def replace(self, sealed: bytes) -> None:
        (name,) = self.files()
        self._store.put(name, sealed)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.cluster)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    if request.param == "folder":
        return InFolder(tmp_path / "vault")
    return InBucket(in_bucket(request.getfixturevalue("s3"), f"test-{time.time_ns()}"))


@pytest.fixture
def vault(kept: Kept) -> Vault:
    return kept.vault


def in_bucket(s3: Mapping[str, str], prefix: str) -> Settings:
    """The settings of a part of the bucket."""
    return said({**s3, "objects": s3["objects"].replace("?", f"/{prefix}?")})


def said(values: Mapping[str, str]) -> Settings:
    """Settings as an environment states them."""
    return load({f"AVIARY_{name.upper()}": value for name, value in values.items()})


def stored(vault: Vault, content: bytes, *, export_id: int = EXPORT) -> None:
    file = vault.create(ADA, export_id)
    try:
        for start in range(0, len(content), 10_000):
            file.stream.write(content[start : start + 10_000])
        assert file.keep() == len(content)
    finally:
        file.discard()


async def read(vault: Vault, export_id: int = EXPORT) -> bytes:
    return b"".join([piece async for piece in await vault.read(ADA, export_id)])


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 3 * FRAME + 5])
async def test_content_comes_back_whatever_its_size(vault: Vault, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    stored(vault, content)

    assert await read(vault) == content


async def test_content_of_many_parts_comes_back(vault: Vault) -> None:
    content = bytes(range(256)) * 80_000
    stored(vault, content)

    assert await read(vault) == content


async def test_nothing_of_the_content_is_where_it_lies(kept: Kept) -> None:
    stored(kept.vault, b"a secret that repeats " * 10_000)

    assert b"secret" not in kept.sealed()


async def test_a_folders_files_are_its_owners_alone(tmp_path: Path) -> None:
    stored(FolderVault(tmp_path / "vault", SECRET), b"content")

    (path,) = (tmp_path / "vault").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_the_same_content_never_looks_the_same(kept: Kept) -> None:
    stored(kept.vault, b"x" * 100)
    first = kept.sealed()
    stored(kept.vault, b"x" * 100)

    assert kept.sealed()[SALT:] != first[SALT:]


async def test_it_is_read_under_its_own_name_and_secret_alone(kept: Kept) -> None:
    stored(kept.vault, b"content")

    with pytest.raises(NotFound):
        await kept.vault.read(ADA, EXPORT + 1)
    with pytest.raises(NotFound):
        await kept.vault.read(ADA + 1, EXPORT)
    with pytest.raises(NotFound):
        await kept.under(b"t" * 32).read(ADA, EXPORT)


@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0, max_value=SALT + 2 * FRAME + 3 * TAG + 9), bit=st.integers(0, 7))
async def test_a_changed_bit_is_noticed_wherever_it_is(kept: Kept, place: int, bit: int) -> None:
    stored(kept.vault, b"c" * (2 * FRAME + 10))
    damaged = bytearray(kept.sealed())
    damaged[place] ^= 1 << bit
    kept.replace(bytes(damaged))

    with pytest.raises((NotFound, Unavailable)):
        await read(kept.vault)


@pytest.mark.parametrize("frames", [0, 1, 2])
async def test_a_file_cut_at_a_frame_is_noticed(kept: Kept, frames: int) -> None:
    stored(kept.vault, b"c" * (3 * FRAME))
    kept.replace(kept.sealed()[: SALT + frames * (FRAME + TAG)])

    with pytest.raises((NotFound, Unavailable)):
        await read(kept.vault)


async def test_swapped_frames_are_noticed(kept: Kept) -> None:
    stored(kept.vault, b"c" * (3 * FRAME))
    whole = kept.sealed()
    step = FRAME + TAG
    head, first, second, rest = (
        whole[:SALT],
        whole[SALT : SALT + step],
        whole[SALT + step : SALT + 2 * step],
        whole[SALT + 2 * step :],
    )
    kept.replace(head + second + first + rest)

    with pytest.raises((NotFound, Unavailable)):
        await read(kept.vault)


async def test_until_it_is_kept_the_one_before_stays(vault: Vault) -> None:
    stored(vault, b"old")
    file = vault.create(ADA, EXPORT + 1)
    file.stream.write(b"new")

    assert await read(vault) == b"old"
    file.discard()
    assert await read(vault) == b"old"
    stored(vault, b"new", export_id=EXPORT + 1)
    assert await read(vault, EXPORT + 1) == b"new"


async def test_removing_leaves_nothing_and_may_be_repeated(kept: Kept) -> None:
    stored(kept.vault, b"kept")
    begun = kept.vault.create(ADA, EXPORT)
    begun.stream.write(b"begun")

    await kept.vault.remove(ADA)
    await kept.vault.remove(ADA)
    begun.discard()

    assert list(kept.files()) == []


async def test_what_is_being_read_can_be_replaced_and_removed(vault: Vault) -> None:
    content = b"o" * (3 * FRAME)
    stored(vault, content)
    pieces = await vault.read(ADA, EXPORT)
    got = [await anext(pieces)]

    await vault.remove(ADA)
    got += [piece async for piece in pieces]

    assert b"".join(got) == content


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("name", "right", "wrong", "sentence"),
    [
        ("objects_secret", "secret", "another", "refuses this user; check AVIARY_OBJECTS_KEY_ID"),
        ("objects_key_id", "access", "another", "refuses this user; check AVIARY_OBJECTS_KEY_ID"),
        ("objects", "s3://aviary", "s3://nowhere", "has no bucket nowhere at http"),
    ],
)
async def test_a_bucket_that_is_not_ours_is_said_in_one_sentence(
    s3: Mapping[str, str], name: str, right: str, wrong: str, sentence: str
) -> None:
    assert right in s3[name]
    vault = vault_of(said({**s3, name: s3[name].replace(right, wrong)}), SECRET)

    with pytest.raises(Unavailable, match=sentence):
        await vault.read(ADA, EXPORT)
    with pytest.raises(Unavailable, match=sentence):
        stored(vault, b"content")
    with pytest.raises(Unavailable, match=sentence):
        await vault.remove(ADA)
    with pytest.raises(Unavailable, match=sentence):
        await vault.look()  # type: ignore[attr-defined]  # what a doctor asks of this adapter


@pytest.mark.cluster
async def test_a_store_that_is_not_there_is_said_in_one_sentence() -> None:
    place = f"s3://aviary?endpoint=http://127.0.0.1:{free_port()}"
    vault = vault_of(said({"objects": place, "objects_key_id": "key", "objects_secret": "secret"}), SECRET)

    with pytest.raises(Unavailable, match="the object store aviary at http"):
        await vault.remove(ADA)


@pytest.mark.cluster
async def test_a_store_that_dies_under_a_reader_is_said_to_the_reader(tmp_path: Path) -> None:
    with S3(tmp_path / "s3") as server:
        place = {"objects": server.url, "objects_key_id": ACCESS_KEY, "objects_secret": SECRET_KEY}
        vault = vault_of(said(place), SECRET)
        # More than sockets hold.
        stored(vault, bytes(60_000_000))
        pieces = await vault.read(ADA, EXPORT)
        await anext(pieces)

        server.kill()
        with pytest.raises(Unavailable, match="the object store aviary at http"):
            async for _ in pieces:
                pass


@pytest.mark.cluster
@pytest.mark.parametrize("objects", ["https://bucket", "s3://", "s3://bucket?endpiont=http://x", "bucket"])
def test_settings_that_name_no_bucket_are_refused(objects: str) -> None:
    with pytest.raises(InvalidInput, match="it must be s3://bucket"):
        vault_of(Settings(objects=objects), SECRET)
