"""Templates, the page's headers, and small words for times and lengths."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

from roundsman.kit.problem import Problem

_environment = Environment(
    loader=PackageLoader("roundsman.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Only our own files; no script or style within a page.
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


_DAY_US = 86_400_000_000


class Moment(NamedTuple):
    """A time, short for the eye and whole for the pointer."""

    iso: str
    full: str
    short: str


def page(
    template: str,
    *,
    status: int = 200,
    failure: Problem | None = None,
    cookies: Any = None,
    headers: Any = None,
    **values: Any,
) -> Response[str]:
    """A template as a response; a `failure` gives it its status and its message."""
    shown = {"identity": None, "csrf": "", "message": _sentence(failure)} | values
    return Response(
        _environment.get_template(template).render(shown),
        status_code=failure.status if failure else status,
        media_type="text/html",
        cookies=cookies,
        headers={"content-security-policy": _POLICY} | (headers or {}),
    )


def moment(us: int, now_us: int) -> Moment:
    """When `us` was, seen from `now_us`."""
    at = datetime.fromtimestamp(us / 1e6, UTC)
    return Moment(at.isoformat(timespec="milliseconds"), at.strftime("%Y-%m-%d %H:%M:%S UTC"), _ago(us, now_us, at))


def _ago(us: int, now_us: int, at: datetime) -> str:
    seconds = (now_us - us) // 1_000_000
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    today = us // _DAY_US == now_us // _DAY_US
    return at.strftime("%H:%M UTC" if today else "%Y-%m-%d %H:%M UTC")


def _sentence(failure: Problem | None) -> str:
    text = str(failure) if failure else ""
    return text[:1].upper() + text[1:] + "." if text else ""


def duration(seconds: float) -> str:
    """A length of time: `42 s`, `12 min`, `3 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def size(count_bytes: int) -> str:
    """An amount of bytes: `712 B`, `3.4 MB`."""
    amount = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
