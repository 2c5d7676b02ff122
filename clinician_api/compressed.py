"""How do style sheets and scripts travel? Compressed once; a browser asks each time whether its copy still holds."""

import gzip
import mimetypes
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
SMALL = 500


@cache
def _file(name: str) -> tuple[bytes, bytes | None, str]:
    """The bytes, the compressed bytes if that is worth it, and a tag that changes with them; one of our own files."""
    plain = (FOLDER / name).read_bytes()
    packed = gzip.compress(plain, mtime=0) if len(plain) > SMALL else None
    return plain, packed, f'"{sha256(plain).hexdigest()[:20]}"'


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.iterdir() if path.is_file())


def answer(request: Request) -> Response:
    """One file of `static`; 304 if the browser has it as it is."""
    name = request.path_params["name"]
    if name not in _names():
        raise HTTPException(404)
    plain, packed, tag = _file(name)
    takes = "gzip" in request.headers.get("accept-encoding", "") and packed is not None
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if takes:
        headers["Content-Encoding"] = "gzip"
    media = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(packed if takes and packed else plain, media_type=media, headers=headers)
