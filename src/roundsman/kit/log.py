"""The log: one line an event, text for people or JSON for machines, on standard error."""

import logging
import sys

import structlog

Logger = structlog.typing.FilteringBoundLogger

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def get_logger(name: str) -> Logger:
    """A logger whose lines bear `part=name`."""
    return structlog.get_logger(part=name)


def configure(level: str = "info", *, json: bool = False) -> None:
    """Sets up the log of this process: `level` is debug, info, warning or error.

    What libraries log through the standard library goes the same way, from warnings up.
    """
    renderer = _json() if json else _text()
    structlog.configure(
        processors=[*_SHARED, structlog.processors.StackInfoRenderer(), *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)


# Neither shows the local variables of a traceback: there are passwords among them.
def _json() -> tuple[structlog.typing.Processor, ...]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return (
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    )


def _text() -> tuple[structlog.typing.Processor, ...]:
    tracebacks = structlog.dev.plain_traceback
    return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=tracebacks),)
