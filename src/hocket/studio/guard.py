"""Access: checks before every request, and headers on every answer."""

import asyncio
import hmac
import ipaddress
import re
import secrets
import socket

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hocket.studio.answers import explain, is_exhausted
from hocket.studio.settings import Settings

# The one style sheet that wavesurfer puts beside its waveforms.
WAVEFORM_STYLE = "sha256-7Wn/5ghbhb9U5yM332FZpa4jDUilNGJdZ87eJ6XZFBA="


CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' '{WAVEFORM_STYLE}'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Sources that the page may load and run: its own files, and the style sheet that comes inside of another's script."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
LOOKING = ("GET", "HEAD")
MAX_PATH = 1024
MAX_HEADER_BYTES = 16 * 1024
ENDING = "The studio is stopping: start it again."
UNKNOWN = (
    "This studio needs its token: open the complete address that `hocket studio` printed when it started."
)


class Guard:
    """The outermost layer: a request that is refused here goes no further.

    Host is checked against DNS rebinding, Origin and Sec-Fetch-Site against pages of others that post here; a shared
    studio asks for its token once and knows its visitors by a cookie afterwards.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._headers = {"content-security-policy": CONTENT_POLICY, **HEADERS}
        self._session = secrets.token_urlsafe(32)
        # Cookies do not tell ports apart: two studios on one machine must not take each other's.
        self._cookie = f"hocket_studio_{secrets.token_hex(4)}"
        self._home = f"{settings.prefix}/"
        self._names = LOOPBACK_NAMES | {settings.host.lower()}
        if settings.public is not None:
            self._names |= {settings.public.name}
        if settings.share:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        has_begun = False
        scope = self._within(scope)

        async def guarded_send(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                caching = "no-store" if scope["path"].startswith("/api/") else "no-cache"
                headers.setdefault("cache-control", caching)
            await send(message)

        request = Request(scope, receive)
        answer = self._answer(request)
        if answer is not None:
            await answer(scope, receive, guarded_send)
            return
        try:
            await self._app(scope, receive, guarded_send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only a server that ends cancels requests: that is no fault, and the last thing that this task does.
            if not has_begun:
                await refusal(503, ENDING, is_api=True)(scope, receive, guarded_send)
        except Exception as error:  # the boundary of a request: the next one must not suffer
            sentence = explain(error, "%s %s failed", scope["method"], ascii(scope["path"]))
            if not has_begun:
                status = 503 if is_exhausted(error) else 500
                await refusal(status, sentence, is_api=True)(scope, receive, guarded_send)

    def _answer(self, request: Request) -> Response | None:
        """The answer to a request that goes no further; None lets it pass."""
        # From the scope, as an address is not put together with a Host that nobody has looked at.
        path: str = request.scope["path"]
        is_api = path.startswith("/api/")
        if len(path) > MAX_PATH:
            return refusal(404, "There is nothing at this address.", is_api=True)
        # The web server's own limit holds only while a head comes in pieces.
        if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADER_BYTES:
            return refusal(431, "The request's headers are too large.", is_api=is_api)
        if not self._knows_host(request.headers):
            return refusal(
                403,
                "This studio is not served at that address: open the one that it printed.",
                is_api=is_api,
            )
        if not self._is_from_our_page(request):
            return refusal(403, "This request did not come from the studio's own page.", is_api=is_api)
        if self._settings.public is not None and path == self._settings.prefix:
            # What the page asks for is relative to an address with a slash at its end.
            query = request.scope["query_string"].decode("latin-1")
            return RedirectResponse(f"{self._settings.public.home}?{query}")
        if self._settings.token is None or self._has_session(request):
            return None
        given = request.query_params.get("token") if path == "/" and request.method == "GET" else None
        if given is not None and hmac.compare_digest(given.encode(), self._settings.token.encode()):
            return self._welcome()
        return refusal(401, UNKNOWN, is_api=is_api)

    def _within(self, scope: Scope) -> Scope:
        """Takes the prefix off a request; some proxies take it away and others leave it."""
        path: str = scope["path"]
        if not path.startswith(self._home):
            return scope
        return {**scope, "path": path[len(self._home) - 1 :]}

    def _is_from_our_page(self, request: Request) -> bool:
        """True if a request came from the studio's own page, or from no page at all."""
        site = request.headers.get("sec-fetch-site")
        if request.method in LOOKING:
            # Typed addresses and links lead to the page; what the page asks for comes from the page.
            return not request.scope["path"].startswith("/api/") or site in (None, "same-origin", "none")
        host = request.headers["host"]
        ours = [None, f"http://{host}", f"https://{host}"]
        if self._settings.public is not None:
            ours.append(self._settings.public.origin)
        return site in (None, "same-origin") and request.headers.get("origin") in ours

    def _knows_host(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        match = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        if name in self._names:
            return True
        # Names can be made to point here by strangers, numbers cannot.
        return self._settings.share and _is_address(name)

    def _has_session(self, request: Request) -> bool:
        given = request.cookies.get(self._cookie, "")
        return hmac.compare_digest(given.encode(), self._session.encode())

    def _welcome(self) -> Response:
        """Sets the cookie and goes on from a page of ours: a strict cookie is not sent on a redirect from elsewhere."""
        page = HTMLResponse(
            # No icon, as browsers would look for it at the root, which may be another program's.
            '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
            f'<meta http-equiv="refresh" content="0;url={self._home}">'
            f'<title>Hocket studio</title><p><a href="{self._home}">Open the studio</a></p></html>'
        )
        is_secure = self._settings.public is not None and self._settings.public.is_secure
        page.set_cookie(
            self._cookie, self._session, httponly=True, samesite="strict", path=self._home, secure=is_secure
        )
        return page


def refusal(status: int, sentence: str, *, is_api: bool) -> Response:
    """A sentence as JSON, or for a person who opened a page, as text."""
    if is_api:
        return JSONResponse({"error": sentence}, status_code=status)
    return PlainTextResponse(f"{sentence}\n", status_code=status)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
