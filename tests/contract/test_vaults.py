"""What every adapter of Vault promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aviary.errors import NotFound, Unavailable
from aviary.storage.objects.vault import FolderVault
from aviary.users.exports.store import Vault

ADA, EXPORT = 7, 70
FRAME = 65_536
SALT, TAG = 16, 16


@pytest.fixture(params=["folder"])
def vault(tmp_path: Path) -> Vault:
    return FolderVault(tmp_path / "vault", b"s" * 32)


def stored(vault: Vault, content: bytes, *, export_id: int = EXPORT) -> None:
    file = vault.create(ADA, export_id)
    for start in range(0, len(content), 10_000):
        file.stream.write(content[start : start + 10_000])
    assert file.keep() == len(content)
    file.discard()


async def read(vault: Vault, export_id: int = EXPORT) -> bytes:
    return b"".join([piece async for piece in await vault.read(ADA, export_id)])


def sealed(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "vault").iterdir()
    return path


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 3 * FRAME + 5])
async def test_content_comes_back_whatever_its_size(vault: Vault, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    stored(vault, content)

    assert await read(vault) == content


async def test_nothing_of_the_content_is_on_the_disk(vault: Vault, tmp_path: Path) -> None:
    stored(vault, b"a secret that repeats " * 10_000)

    assert b"secret" not in sealed(tmp_path).read_bytes()
    assert sealed(tmp_path).stat().st_mode & 0o077 == 0
    assert sealed(tmp_path).parent.stat().st_mode & 0o077 == 0


async def test_the_same_content_never_looks_the_same(vault: Vault, tmp_path: Path) -> None:
    stored(vault, b"x" * 100)
    first = sealed(tmp_path).read_bytes()
    stored(vault, b"x" * 100)

    assert sealed(tmp_path).read_bytes()[SALT:] != first[SALT:]


async def test_it_is_read_under_its_own_name_and_secret_alone(vault: Vault, tmp_path: Path) -> None:
    stored(vault, b"content")

    with pytest.raises(NotFound):
        await vault.read(ADA, EXPORT + 1)
    with pytest.raises(NotFound):
        await vault.read(ADA + 1, EXPORT)
    with pytest.raises(NotFound):
        await FolderVault(tmp_path / "vault", b"t" * 32).read(ADA, EXPORT)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0, max_value=SALT + 2 * FRAME + 3 * TAG + 9), bit=st.integers(0, 7))
async def test_a_changed_bit_is_noticed_wherever_it_is(tmp_path: Path, place: int, bit: int) -> None:
    vault = FolderVault(tmp_path / "vault", b"s" * 32)
    stored(vault, b"c" * (2 * FRAME + 10))
    damaged = bytearray(sealed(tmp_path).read_bytes())
    damaged[place] ^= 1 << bit
    sealed(tmp_path).write_bytes(damaged)

    with pytest.raises((NotFound, Unavailable)):
        await read(vault)


@pytest.mark.parametrize("frames", [0, 1, 2])
async def test_a_file_cut_at_a_frame_is_noticed(vault: Vault, tmp_path: Path, frames: int) -> None:
    stored(vault, b"c" * (3 * FRAME))
    whole = sealed(tmp_path).read_bytes()
    sealed(tmp_path).write_bytes(whole[: SALT + frames * (FRAME + TAG)])

    with pytest.raises((NotFound, Unavailable)):
        await read(vault)


async def test_swapped_frames_are_noticed(vault: Vault, tmp_path: Path) -> None:
    stored(vault, b"c" * (3 * FRAME))
    whole = sealed(tmp_path).read_bytes()
    step = FRAME + TAG
    head, first, second, rest = (
        whole[:SALT],
        whole[SALT : SALT + step],
        whole[SALT + step : SALT + 2 * step],
        whole[SALT + 2 * step :],
    )
    sealed(tmp_path).write_bytes(head + second + first + rest)

    with pytest.raises((NotFound, Unavailable)):
        await read(vault)


async def test_until_it_is_kept_the_one_before_stays(vault: Vault) -> None:
    stored(vault, b"old")
    file = vault.create(ADA, EXPORT + 1)
    file.stream.write(b"new")

    assert await read(vault) == b"old"
    file.discard()
    assert await read(vault) == b"old"
    stored(vault, b"new", export_id=EXPORT + 1)
    assert await read(vault, EXPORT + 1) == b"new"


async def test_removing_leaves_nothing_and_may_be_repeated(vault: Vault, tmp_path: Path) -> None:
    stored(vault, b"kept")
    begun = vault.create(ADA, EXPORT)
    begun.stream.write(b"begun")

    await vault.remove(ADA)
    await vault.remove(ADA)
    begun.discard()

    assert list((tmp_path / "vault").iterdir()) == []


async def test_what_is_being_read_can_be_replaced_and_removed(vault: Vault) -> None:
    content = b"o" * (3 * FRAME)
    stored(vault, content)
    pieces = await vault.read(ADA, EXPORT)
    got = [await anext(pieces)]

    await vault.remove(ADA)
    got += [piece async for piece in pieces]

    assert b"".join(got) == content
