"""Accounts between Protobuf and records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.struct_pb2 import Value

from aviary.api.users.v1 import accounts_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.errors import InvalidInput
from aviary.paging import Cursors
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.users.accounts.service import AccountService
from aviary.users.accounts.store import AccountSettings, OpenSession, SettingsChanges
from aviary.users.exports.service import ExportService
from aviary.users.exports.store import Export, ExportState
from aviary.users.hydrate import Profiles
from aviary.users.rpc import tell_on

_DOWNLOAD = "/api/v1/users/me/export/download"


class AccountRpc:
    """Serves aviary.api.users.v1.AccountService."""

    def __init__(self, service: AccountService, exports: ExportService, profiles: Profiles, cursors: Cursors) -> None:
        self._service = service
        self._exports = exports
        self._profiles = profiles
        self._cursors = cursors

    async def GetSettings(self, _request: pb.GetSettingsRequest, call: Call) -> pb.AccountSettings:
        return _settings(await self._service.settings(call.user_id))

    async def UpdateSettings(self, request: pb.UpdateSettingsRequest, call: Call) -> pb.AccountSettings:
        changes = SettingsChanges(
            protected=request.protected if request.HasField("protected") else None,
            hide_sensitive=request.hide_sensitive if request.HasField("hide_sensitive") else None,
            dm_from=request.dm_from if request.HasField("dm_from") else None,
            muted_words=_words(request.muted_words) if request.HasField("muted_words") else None,
        )
        return _settings(await self._service.change_settings(call.user_id, changes))

    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.SessionList:
        read = partial(self._service.sessions, call.user_id)
        found, ending = await pages.read(self._cursors, f"sessions:{call.user_id}", request, read)
        sessions = [_session(each, current=each.id == call.session_id) for each in found]
        return pb.SessionList(sessions=sessions, pagination=ending)

    async def RevokeSession(self, request: pb.RevokeSessionRequest, call: Call) -> pb.RevokeSessionResponse:
        await self._service.revoke_session(call.user_id, request.id)
        return pb.RevokeSessionResponse()

    async def ChangeUsername(self, request: pb.ChangeUsernameRequest, call: Call) -> users_pb2.User:
        return await self._profiles.own(await self._service.change_username(call.user_id, request.username))

    async def ChangeEmail(self, request: pb.ChangeEmailRequest, call: Call) -> users_pb2.User:
        user = await self._service.change_email(
            call.user_id, request.email, request.password, address=call.address, tell=tell_on(call)
        )
        return await self._profiles.own(user)

    async def ChangePassword(self, request: pb.ChangePasswordRequest, call: Call) -> pb.ChangePasswordResponse:
        await self._service.change_password(
            call.user_id,
            request.current_password,
            request.new_password,
            session_id=call.session_id,
            address=call.address,
            tell=tell_on(call),
        )
        return pb.ChangePasswordResponse()

    async def Deactivate(self, _request: pb.DeactivateRequest, call: Call) -> pb.DeactivateResponse:
        await self._service.deactivate(call.user_id, claim=call.claim)
        return pb.DeactivateResponse()

    async def DeleteAccount(self, request: pb.DeleteAccountRequest, call: Call) -> pb.DeleteAccountResponse:
        await self._service.delete(call.user_id, request.password, address=call.address, tell=tell_on(call))
        return pb.DeleteAccountResponse()

    async def GetExport(self, _request: pb.GetExportRequest, call: Call) -> pb.Export:
        return _export(await self._exports.current(call.user_id))

    async def DownloadExport(self, _request: pb.DownloadExportRequest, call: Call) -> AsyncIterator[HttpBody]:
        chunks = await self._exports.download(call.user_id)
        call.headers["content-disposition"] = 'attachment; filename="aviary-export.zip"'
        async with aclosing(chunks):
            async for chunk in chunks:
                yield HttpBody(content_type="application/zip", data=chunk)


def _words(sent: Value) -> Sequence[str] | None:
    # JSON's null is what was not sent.
    if sent.WhichOneof("kind") == "null_value":
        return None
    if sent.WhichOneof("kind") != "list_value":
        raise InvalidInput("muted_words is no array of strings", fields={"muted_words": "an array of strings"})
    values = sent.list_value.values
    wrong = {
        f"muted_words[{place}]": "a string"
        for place, value in enumerate(values)
        if value.WhichOneof("kind") != "string_value"
    }
    if wrong:
        raise InvalidInput(f"{next(iter(wrong))} is no string; muted_words is an array of strings", fields=wrong)
    return [value.string_value for value in values]


def _settings(settings: AccountSettings) -> pb.AccountSettings:
    return pb.AccountSettings(
        protected=settings.protected,
        hide_sensitive=settings.hide_sensitive,
        dm_from=settings.dm_from,
        muted_words=settings.muted_words,
    )


def _session(session: OpenSession, *, current: bool) -> pb.Session:
    rendered = pb.Session(id=session.id, current=current, client=session.client)
    rendered.created_at.FromSeconds(session.created_s)
    rendered.refreshed_at.FromSeconds(session.refreshed_s)
    rendered.expires_at.FromSeconds(session.expires_s)
    return rendered


def _export(export: Export) -> pb.Export:
    rendered = pb.Export(state=export.state.name.lower(), progress_percent=export.progress_percent)
    rendered.requested_at.FromMilliseconds(export.requested_ms)
    if export.state is ExportState.READY:
        rendered.ready_at.FromMilliseconds(export.ready_ms)
        rendered.size_bytes, rendered.download_url = export.size_bytes, _DOWNLOAD
    return rendered
