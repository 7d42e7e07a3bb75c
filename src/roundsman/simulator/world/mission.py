"""The mission service of one robot: plays a walk element by element, asks when in trouble, and keeps the score.

Source: robot-link.md §3.1 (`robot-mission`), §5.1 (walks).
"""

from collections import deque
from collections.abc import Callable, Generator
from itertools import count
from typing import Protocol

from roundsman.simulator.model import MissionStatus, Pose, Severity
from roundsman.simulator.world import behaviours
from roundsman.simulator.world.behaviours import Behaviour, Walker
from roundsman.simulator.world.leases import LeaseBook
from roundsman.simulator.world.states import (
    Acquisition,
    FailedElement,
    LoadedMission,
    MissionState,
    NodeState,
    Question,
    RefusedError,
)
from roundsman.simulator.world.walk_protos import OnFailure, Step, WalkSteps

AIMING_S, UNKNOWN_ACTION_S = 3.0, 4.0
RETRY, SKIP, RETURN, POWER_OFF = 1, 2, 3, 4
_OPTIONS = ((RETRY, "Try again"), (SKIP, "Skip"), (RETURN, "Return and end the mission"), (POWER_OFF, "Power off here"))
_DEFAULT_ANSWER = {"proceed_if_able": SKIP, "return_and_terminate": RETURN, "safe_power_off": POWER_OFF}
_FATAL = frozenset({"estopped", "battery"})
_WORDS = {
    "stuck": "The robot is stuck",
    "estopped": "The motors are cut by an e-stop",
    "battery": "The battery is empty",
    "dock_taken": "Another robot is on the dock",
    "no_dock": "The dock is not on the map",
    "not_localized": "The robot is not localized",
    "no_route": "There is no way on the map",
    "unknown_waypoint": "The waypoint is not on the map",
    "not_powered": "The motors are off",
}
_ENDED = (MissionStatus.SUCCESS, MissionStatus.FAILURE, MissionStatus.ERROR, MissionStatus.STOPPED)

Playing = Generator[None, None, MissionStatus]
Part = Generator[None, None, None]


class Robot(Walker, Protocol):
    """What the mission service needs of its robot."""

    leases: LeaseBook

    def now_us(self) -> int:
        """The robot's clock."""
        ...

    def localize(self, waypoint_id: str | None = None) -> None:
        """Finds itself on the map. Raises: RefusedError."""
        ...

    def capture(self, walk: WalkSteps, step: Step, group_name: str) -> Acquisition:
        """Begins the data acquisition of an element."""
        ...


class EndedError(Exception):
    """Ends the mission from deep inside with this status."""

    def __init__(self, status: MissionStatus, error: str = "") -> None:
        super().__init__(error)
        self.status, self.error = status, error


class MissionPlayer:
    """One loaded walk and how far it is played."""

    def __init__(self, robot: Robot, loaded: LoadedMission, walk: WalkSteps, group_name: Callable[[str], str]) -> None:
        self.robot, self.loaded, self.walk = robot, loaded, walk
        self.status = MissionStatus.NONE
        self.error = ""
        self.text, self.text_severity = "", Severity.INFO
        self.tick = 0
        self.group_name = ""
        self.start_dock_id: int | None = None
        self.questions: list[Question] = []
        self.answered: deque[Question] = deque(maxlen=20)
        self.history: deque[NodeState] = deque(maxlen=100)
        self.pause_time_us: int | None = None
        self._new_group_name = group_name
        self._playing: Playing | None = None
        self._question_ids = count(1)
        self._at = (0, 0)
        self._lease_root: int | None = None
        self._paused_at: tuple[Pose, str] | None = None

    # -- what operators do

    def play(self, lease_root: int | None, pause_time_us: int | None) -> None:
        """Begins, goes on, or prolongs. A mission that has ended stays ended."""
        if self.status in _ENDED:
            return
        self._lease_root, self.pause_time_us = lease_root, pause_time_us
        if self.status == MissionStatus.NONE:
            self._begin()
        elif self.status == MissionStatus.PAUSED and self._paused_at != self._place():
            # Somebody moved the robot meanwhile: the element begins anew from where it is now.
            self._playing = self._play(*self._at)
        self.status = MissionStatus.RUNNING

    def restart(self, lease_root: int | None, pause_time_us: int | None) -> None:
        """Plays from the beginning, as a new run."""
        self.stop("")
        self.status, self.error = MissionStatus.NONE, ""
        self.play(lease_root, pause_time_us)

    def pause(self, why: str = "Paused") -> None:
        """Stands where it is until it is played again."""
        self.status, self.text = MissionStatus.PAUSED, why
        self._paused_at = self._place()

    def stop(self, why: str = "Stopped") -> None:
        """Ends for good."""
        self._end(MissionStatus.STOPPED)
        self.text = why

    def answer(self, question_id: int, code: int) -> None:
        """Answers a question. Raises: KeyError, ValueError, RefusedError('answered')."""
        if any(question.id == question_id for question in self.answered):
            raise RefusedError("answered")
        question = next((q for q in self.questions if q.id == question_id), None)
        if question is None:
            raise KeyError(question_id)
        if code not in {option for option, _ in question.options}:
            raise ValueError(code)
        question.answer = code

    @property
    def under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self.status in (MissionStatus.RUNNING, MissionStatus.PAUSED)

    def state(self) -> MissionState:
        """What the mission service shows."""
        texts = ((self.text, self.text_severity),) if self.text and self.under_way else ()
        open_questions = tuple(question for question in self.questions if question.answer is None)
        return MissionState(
            self.status,
            self.loaded.mission_id,
            self.tick,
            texts,
            open_questions,
            tuple(self.answered),
            tuple(self.history),
            self.error,
        )

    # -- what happens at each step

    def step(self) -> None:
        """Moves the mission on by the body's time step."""
        if self.status != MissionStatus.RUNNING or self._playing is None or self._interrupted():
            return
        self.tick += 1
        self.robot.leases.keep()
        try:
            next(self._playing)
        except StopIteration as finished:
            self._end(finished.value)
        except EndedError as ended:
            self.error = ended.error
            self._end(ended.status)

    def _interrupted(self) -> bool:
        leases = self.robot.leases
        if reason := behaviours.unfit(self.robot.body):
            self.error = _WORDS[reason]
            self._end(MissionStatus.ERROR)
        elif self._lease_root is not None and (leases.owner is None or leases.root != self._lease_root):
            self.pause(f"Lease lost to {leases.owner or 'nobody'}")
        elif self.pause_time_us is not None and self.robot.now_us() > self.pause_time_us:
            self.pause("Paused: nobody plays the mission any more")
        return self.status != MissionStatus.RUNNING

    def _begin(self) -> None:
        self.tick, self.error = 0, ""
        self.questions.clear()
        self.answered.clear()
        self.history.clear()
        self.group_name = self._new_group_name(self.walk.group_name)
        self.start_dock_id = self.robot.body.dock_id
        self._at = (0, 0)
        self._say("Starting")
        self._record(0, self.walk.name, 2)
        self._playing = self._play(0, 0)

    def _end(self, status: MissionStatus) -> None:
        if self._playing is not None:
            self._playing.close()
        self._playing = None
        self.questions.clear()
        if self.under_way or self.status == MissionStatus.NONE:
            self._record(0, self.walk.name, 3 if status == MissionStatus.SUCCESS else 1, self.error)
        self.status = status

    def _place(self) -> tuple[Pose, str]:
        return self.robot.body.pose, self.robot.body.motor_power

    def _say(self, text: str, severity: Severity = Severity.INFO) -> None:
        self.text, self.text_severity = text, severity

    def _record(self, node: int, name: str, result: int, error: str = "") -> None:
        self.history.append(NodeState(self.tick, self.robot.now_us(), node, name, result, error))

    # -- the mission itself

    def _play(self, first_round: int, first_step: int) -> Playing:
        yield from self._set_out()
        round_ = first_round
        while not self.walk.repetitions or round_ < self.walk.repetitions:
            if round_ > first_round:
                yield from self._between_rounds()
            for index in range(first_step if round_ == first_round else 0, len(self.walk.steps)):
                self._at = (round_, index)
                yield from self._element(index, self.walk.steps[index])
            round_ += 1
        self._at = (round_, 0)
        yield from self._come_home()
        return MissionStatus.SUCCESS

    def _set_out(self) -> Part:
        if not self.robot.localized:
            self._localize()
        threshold = max((step.battery_start_pct for step in self.walk.steps), default=0.0)
        yield from self._charge_to(threshold)
        self._say("Powering on and undocking" if self.robot.body.dock_id is not None else "Powering on")
        yield from self._surely("Start", lambda: behaviours.get_ready(self.robot), OnFailure(1, 60, "safe_power_off"))

    def _localize(self) -> None:
        try:
            self.robot.localize()
        except RefusedError as refused:
            raise EndedError(MissionStatus.FAILURE, _WORDS.get(refused.reason, refused.reason)) from None

    def _element(self, index: int, step: Step) -> Part:
        if step.skipped:
            return
        yield from self._mind_battery(step)
        self._record(index + 1, step.name, 2)
        reached = True
        if step.waypoint_id is not None:
            reached = yield from self._surely(step.name, lambda: self._approach(step), step.on_target_failure)
        done = reached
        if reached and step.kind and not self.walk.skip_actions:
            done = yield from self._surely(step.name, lambda: self._act(step), step.on_action_failure)
        self._record(index + 1, step.name, 3 if done else 1, "" if done else "skipped after a failure")

    def _approach(self, step: Step) -> Behaviour:
        waypoint = self.robot.map.graph.waypoints.get(step.waypoint_id or "")
        self._say(f"Walking to {waypoint.name if waypoint else step.waypoint_id}")
        if step.relocalize and step.waypoint_id:
            return (yield from self._relocalize(step.waypoint_id))
        if failure := (yield from behaviours.get_ready(self.robot)):
            return failure
        failure = yield from behaviours.travel(self.robot, step.waypoint_id or "", step.route)
        if not failure and waypoint is not None:
            self.robot.body.face(waypoint.pose.heading_rad)
        return failure

    def _relocalize(self, waypoint_id: str) -> Behaviour:
        yield from behaviours.wait(self.robot.body, 2.0)
        try:
            self.robot.localize(waypoint_id)
        except RefusedError as refused:
            return refused.reason
        return ""

    def _act(self, step: Step) -> Behaviour:
        body = self.robot.body
        self._say(f"Performing {step.name}")
        if step.kind == "sleep":
            return (yield from behaviours.wait(body, step.sleep_s))
        if step.kind != "data_acquisition":
            return (yield from behaviours.wait(body, UNKNOWN_ACTION_S))
        yield from behaviours.wait(body, AIMING_S)
        acquisition = self.robot.capture(self.walk, step, self.group_name)
        while acquisition.status in ("acquiring", "saving"):
            yield
        if acquisition.status == "complete":
            return ""
        return "; ".join(message for _, message in acquisition.errors) or acquisition.status

    def _mind_battery(self, step: Step) -> Part:
        if self.robot.body.battery_pct > step.battery_stop_pct or not self._dock_ids():
            return
        self._say("Battery low: returning to charge", Severity.WARN)
        yield from self._surely("Return to charge", self._dock, OnFailure(1, 60, "safe_power_off"))
        yield from self._charge_to(max(step.battery_start_pct, step.battery_stop_pct + 5.0))
        yield from self._surely("Start", lambda: behaviours.get_ready(self.robot), OnFailure(1, 60, "safe_power_off"))

    def _charge_to(self, percent: float) -> Part:
        while self.robot.body.charging and self.robot.body.battery_pct < min(percent, 99.0):
            self._say(f"Charging to {percent:.0f} %")
            yield

    def _between_rounds(self) -> Part:
        yield from self._come_home()
        self._say("Waiting for the next round")
        yield from behaviours.wait(self.robot.body, self.walk.interval_s)
        yield from self._set_out()

    def _come_home(self) -> Part:
        if self.walk.end_on_dock and self._dock_ids():
            self._say("Returning to the dock")
            docked = yield from self._surely("Docking", self._dock, OnFailure(2, 60, "safe_power_off"))
            if docked:
                return
        yield from behaviours.power_off(self.robot.body)

    def _dock_ids(self) -> list[int]:
        wanted = [stop.dock_id for stop in self.walk.docks]
        if self.start_dock_id in wanted:
            wanted.insert(0, self.start_dock_id)
        return wanted

    def _dock(self) -> Behaviour:
        ids, docks = self._dock_ids(), self.robot.docks
        free = [dock_id for dock_id in ids if not docks.taken_by_other(dock_id, self.robot.serial)]
        chosen = (free or ids)[0]
        at = next((stop.waypoint_id for stop in self.walk.docks if stop.dock_id == chosen), None)
        return behaviours.dock(self.robot, chosen, at)

    # -- trouble

    def _surely(self, source: str, attempt: Callable[[], Behaviour], policy: OnFailure) -> Generator[None, None, bool]:
        """Tries, retries, asks; True when it worked out, False when it was skipped. Raises: EndedError."""
        tries = 0
        while failure := (yield from attempt()):
            if failure in _FATAL:
                raise EndedError(MissionStatus.ERROR, _WORDS[failure])
            tries += 1
            text = f"{source}: {_WORDS.get(failure, failure)}"
            if tries <= policy.retries:
                self._say(f"{text}. Trying again", Severity.WARN)
                yield
                continue
            answer = yield from self._ask(source, text, policy)
            if answer == SKIP:
                return False
            if answer != RETRY:
                yield from self._give_up(answer, text)
        return True

    def _ask(self, source: str, text: str, policy: OnFailure) -> Generator[None, None, int]:
        if policy.prompt_s > 0:
            self._say(text, Severity.ERROR)
            question = Question(next(self._question_ids), source, f"{text}. What now?", _OPTIONS, Severity.ERROR)
            self.questions.append(question)
            left_s = policy.prompt_s
            while question.answer is None and left_s > 0:
                yield
                left_s -= self.robot.body.dt_s
            self.questions.remove(question)
            if question.answer is not None:
                self.answered.append(question)
                return question.answer
        if policy.default == "try_again_later":
            yield from self._try_again_later(policy, text)
            return RETRY
        return _DEFAULT_ANSWER[policy.default]

    def _try_again_later(self, policy: OnFailure, text: str) -> Part:
        self._say(f"{text}. Returning, to try again later", Severity.WARN)
        yield from self._go_home_or_fail(text)
        yield from behaviours.wait(self.robot.body, policy.try_again_s)
        yield from behaviours.get_ready(self.robot)

    def _give_up(self, answer: int, text: str) -> Part:
        if answer == RETURN:
            self._say(f"{text}. Returning", Severity.ERROR)
            yield from self._go_home_or_fail(text)
        else:
            self._say(f"{text}. Powering off", Severity.ERROR)
            yield from behaviours.power_off(self.robot.body)
        raise EndedError(MissionStatus.FAILURE, text)

    def _go_home_or_fail(self, text: str) -> Part:
        failure = (yield from self._dock()) if self._dock_ids() else "no_dock"
        if failure:
            yield from behaviours.power_off(self.robot.body)
            raise EndedError(MissionStatus.FAILURE, f"{text}; {_WORDS.get(failure, failure)}")


def check_walk(robot: Walker, walk: WalkSteps) -> tuple[FailedElement, ...]:
    """The elements that the robot's map does not know."""
    known = robot.map.graph.waypoints
    unknown = [
        (index, step) for index, step in enumerate(walk.steps) if step.waypoint_id and step.waypoint_id not in known
    ]
    return tuple(FailedElement(index, (f"waypoint {step.waypoint_id} is not on the map",)) for index, step in unknown)
