"""What the bodies of the site look like, for the documentation. Source: scout-api.md §2.4 – 2.6, §2.18, §3.3."""

from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType

from roundsman.api.bodies import a_flag, a_list, a_name, a_number, a_text, an_object

_THING = an_object("As the robot's protocol has it, in JSON.")
_CREATED, _MODIFIED = a_text("when it was first stored"), a_text("when it was stored last")
_NUMBER = Schema(type=OpenAPIType.NUMBER)
_DURATION = Schema(one_of=[_THING, a_text('such as "5s"')])

WALK = an_object(
    "A round: site elements in the order of the visit, and docks to choose from.",
    uuid=a_text("without it a new one is made"),
    name=a_text("the mission's name"),
    siteElementIds=a_list(a_text("a site element's uuid"), "in the order of the visit"),
    siteDockIds=Schema(one_of=[a_list(a_text("a site dock's uuid")), _THING]),
    globalParameters=_THING,
    siteElementMetadata=_THING,
    targetFailureBehavior=_THING,
    actionFailureBehavior=_THING,
    preferRecordedRoutes=a_flag(""),
    batteryMonitor=_THING,
    travelParams=_THING,
    entityParams=_THING,
    skipDockingAfterCompletion=a_flag(""),
    createdAt=_CREATED,
    modifiedAt=_MODIFIED,
)
ELEMENT = an_object(
    "An action at a place.",
    uuid=a_text("without it a new one is made"),
    name=a_text("the action's name"),
    waypointId=a_text("where it is done"),
    waypointMaxDistance=_NUMBER,
    waypointMaxYaw=_NUMBER,
    action=_THING,
    targetFailureBehavior=_THING,
    actionFailureBehavior=_THING,
    actionDuration=_DURATION,
    relocalize=_THING,
    actionWrapper=_THING,
    createdAt=_CREATED,
    modifiedAt=_MODIFIED,
)
DOCK = an_object(
    "A dock.",
    uuid=a_text("without it a new one is made"),
    name=a_text("the number of its fiducial, unless it is called otherwise"),
    dockId=a_number("the number of its fiducial; where it is left out the name must be one"),
    dockedWaypointId=a_text("where a docked robot stands"),
    targetPrepPose=_THING,
    createdAt=_CREATED,
    modifiedAt=_MODIFIED,
)
EXPORT_IN = an_object("Which walk.", ("siteWalkUuid",), siteWalkUuid=a_name("the site walk's uuid"))
WALK_JSON = an_object("bosdyn.api.autowalk.Walk in JSON.")
IMPORTED = Schema(one_of=[WALK, a_list(WALK)])
MISSION = an_object(
    "A site walk.",
    uuid=a_text(""),
    mission_id=a_text("the same"),
    name=a_text(""),
    saved_at=a_text("when it was stored last"),
)
