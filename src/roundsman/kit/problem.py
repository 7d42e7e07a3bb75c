"""Errors that a caller can act on: a status, a sentence, and where it helps the parameter, its choices and a code."""

from collections.abc import Mapping, Sequence


class Problem(Exception):
    """An answer that is not what was asked for. `detail` says what is wrong and what to do, in one sentence.

    `code` is a word for programs, e.g. ROBOT_NOT_FOUND, where the status does not say it all.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        parameter: str | None = None,
        choices: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        code: str = "",
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.parameter = parameter
        self.choices = tuple(choices)
        self.headers = dict(headers or {})
        self.code = code


class BadRequest(Problem):
    """400: a parameter or a body that cannot be used."""

    def __init__(self, parameter: str | None, detail: str, choices: Sequence[str] = ()) -> None:
        super().__init__(400, "Bad request", detail, parameter=parameter, choices=choices)


class Unauthorized(Problem):
    """401: who is asking is not known."""

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(401, "Unauthorized", detail, headers=headers)


class Forbidden(Problem):
    """403: who is asking may not."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(403, "Forbidden", detail)


class NotFound(Problem):
    """404: there is no such thing."""

    def __init__(self, detail: str, code: str = "") -> None:
        super().__init__(404, "Not found", detail, code=code)


class Conflict(Problem):
    """409: it contradicts what is there."""

    def __init__(self, detail: str, *, parameter: str | None = None) -> None:
        super().__init__(409, "Conflict", detail, parameter=parameter)


class TooManyRequests(Problem):
    """429: asked too often; `retry_after_s` says when to come back."""

    def __init__(self, retry_after_s: float, detail: str) -> None:
        super().__init__(429, "Too Many Requests", detail, headers={"Retry-After": str(max(1, round(retry_after_s)))})


class DatabaseUnreachable(Problem):
    """503: the database does not let us in; the text says which and why, without a password."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Database unreachable", detail)


class DatabaseDamaged(Problem):
    """503: the database's file cannot be read as one. Nothing here mends it; a backup does."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Database damaged", detail)


class DiskFull(OSError):
    """There is no room left. Nothing of what was being written is kept; it can be tried again when there is."""
