"""Glance's error envelope, as WebOb writes it: JSON for clients that ask for it, otherwise a page or text.

python-glanceclient does not ask, and cannot read the JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from pileus.core.errors import CloudError
from pileus.core.http import Request

PAGE = "<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n  {message}<br /><br />\n\n\n\n </body>\n</html>"


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    phrase, accepted = HTTPStatus(error.status).phrase, req.header("accept")
    title = f"{error.status} {phrase}"
    if accepted is None or "json" in accepted:
        return {}, {"message": str(error), "code": title, "title": phrase}
    if "html" in accepted or "*/*" in accepted or not accepted:
        return {"content-type": "text/html; charset=UTF-8"}, PAGE.format(title=title, message=escape(str(error), quote=False))
    return {"content-type": "text/plain; charset=UTF-8"}, f"{title}\n\n{error}\n\n"
