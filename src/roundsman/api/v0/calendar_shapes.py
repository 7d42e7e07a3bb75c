"""What bodies and answers of the calendar look like, for the documentation; calendar/ checks what comes in.

Source: scout-api.md §2.7, §2.8.
"""

from collections.abc import Callable

from litestar.openapi.spec import Link, Reference, Schema
from litestar.openapi.spec.enums import OpenAPIType

from roundsman.api.bodies import a_flag, a_list, a_long, a_name, a_number, a_text, an_object, or_null

Number = Callable[[str], Schema]


def _window(number: Number) -> Schema:
    return an_object(
        "A weekly window in which nothing is started, in milliseconds since Sunday 00:00 UTC.",
        ("startMs", "endMs"),
        startMs=number("where it begins, from 0"),
        endMs=number("where it ends, that moment not included; behind startMs, at most 604800000"),
    )


def _event(number: Number, null: Callable[[Schema], Schema], *, served: bool) -> Schema:
    """An event as it comes (`null` allows null) or as it is `served`."""

    def needed(*names: str) -> tuple[str, ...]:
        return names if served else ()

    return an_object(
        "An event of the calendar. Members that are not named here are kept and given back.",
        ("agent", "task", "schedule", *needed("eventMetadata")),
        eventMetadata=an_object(
            "Which event it is, and who changed it last.",
            needed("eventId", "name", "modificationTimeMs", "modificationUser"),
            eventId=null(a_text("null, or not there: a new event")),
            name=null(a_text("for people")),
            modificationTimeMs=null(number("set by the server")),
            modificationUser=null(a_text("set by the server")),
        ),
        agent=an_object("The robot.", ("nickname",), nickname=a_name("of a robot that is there")),
        task=an_object(
            "What it is to do.",
            ("missionId", *needed("forceAcquireEstop", "requireDocked")),
            missionId=a_name("the uuid of a site walk"),
            forceAcquireEstop=null(a_flag("take the E-Stop from whoever holds it")),
            requireDocked=null(a_flag("start only from a dock")),
        ),
        schedule=an_object(
            "When.",
            ("timeMs", *needed("repeatMs")),
            timeMs=number("the first ideal start, milliseconds since 1970 UTC"),
            repeatMs=null(number("from one ideal start to the next; 0, negative or null: once")),
            blackouts=null(a_list(_window(number), "not there: none")),
            disableReason=null(a_text("why it is disabled; not there: it is enabled")),
        ),
    )


def links_of(place: str = "") -> dict[str, Link | Reference]:
    """What can be done with the event at this place of an answer."""
    event_id = f"$response.body#{place}/eventMetadata/eventId"
    change = {"disableReason": "an example", "eventId": event_id}
    return {
        "delete": Link(operation_id="ApiV0CalendarScheduleEventIdDeleteEvent", parameters={"event_id": event_id}),
        "disable": Link(operation_id="ApiV0CalendarDisableEnableDisableEvents", request_body=change),
    }


EVENT_IN = _event(a_long, or_null, served=False)
EVENT_OUT = _event(a_number, lambda schema: schema, served=True)
EVENTS_OUT = Schema(type=OpenAPIType.OBJECT, properties={"activeEvents": a_list(EVENT_OUT)}, required=["activeEvents"])
DELETE_IN = an_object(
    "Which event, in either form.",
    eventId=a_text("its id"),
    eventMetadata=an_object("The other form.", eventId=a_text("its id")),
)
DISABLE_IN = an_object(
    "Disables or enables.",
    ("disableReason",),
    disableReason=a_text("why; empty: enable"),
    eventId=or_null(a_text("the event; not there or null: all of them")),
)
DISPATCH_IN = an_object(
    "What the robot is to do now.",
    ("task",),
    agent=an_object("The robot, as in the path.", nickname=a_text("its nickname")),
    task=an_object(
        "One of dispatchTarget and missionId is needed.",
        dispatchTarget=an_object(
            "Since 5.0.1: one of the two.",
            missionId=a_text("the uuid of a site walk"),
            walk=an_object("a walk that is not stored"),
        ),
        missionId=a_text("before 5.0.1: the uuid of a site walk"),
        deleteMission=a_flag("before 5.0.1: delete it afterwards"),
        forceAcquireEstop=a_flag("take the E-Stop from whoever holds it"),
        forceAcquireLease=a_flag("take the lease from whoever holds it"),
        requireDocked=a_flag("start only from a dock"),
        skipInitialization=a_flag("do not localise again first"),
    ),
    schedule=an_object("Now.", timeMs=a_long("1: now"), repeatMs=a_long("0")),
    eventMetadata=an_object("For people.", name=a_text("what it is called")),
)
SEND_IN = an_object(
    "Which robot goes where.",
    ("nickname", "siteDockUuid"),
    nickname=a_name("the robot's nickname"),
    siteDockUuid=a_name("the uuid of the site dock"),
)
