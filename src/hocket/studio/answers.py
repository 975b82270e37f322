"""Answers whose texts may come from file names and logs that are not UTF-8: what is not is escaped, as JSON does."""

import json
from typing import Any

from starlette import responses


class JSONResponse(responses.JSONResponse):
    """JSON; lone surrogates become escapes, which are JSON as well."""

    def render(self, content: Any) -> bytes:
        """See `Response`."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", errors="backslashreplace")
