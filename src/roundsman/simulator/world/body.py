"""The body of a simulated Spot: where it is, whether its motors run, what its battery holds. No will of its own."""

import math
import random

from roundsman.simulator.model import Faults, Pose
from roundsman.simulator.world.navgraph import distance_m, inverse, towards, turned, wrapped
from roundsman.simulator.world.states import DockState, MotorPower

WALKING_M_S = 1.0
TURNING_RAD_S = 1.5
# 75 minutes of walking, two hours of standing, a charge in 55 minutes.
DRAIN_WALKING_PCT_S, DRAIN_STANDING_PCT_S, DRAIN_OFF_PCT_S, CHARGE_PCT_S = 0.022, 0.014, 0.003, 0.03


class Body:
    """Pose, motors, battery and counters of one robot. Times here are simulated seconds."""

    def __init__(self, pose: Pose, faults: Faults, dice: random.Random) -> None:
        self.pose = pose
        self.faults = faults
        self.software_estopped = False
        self.motor_power: MotorPower = "off"
        self.standing = False
        self.dock_state: DockState = "undocked"
        self.dock_id: int | None = None
        self.battery_pct = dice.uniform(70.0, 98.0)
        self.velocity_x_m_s = self.velocity_y_m_s = self.velocity_rot_rad_s = 0.0
        self.distance_m = dice.uniform(20_000, 180_000)
        self.motors_on_s = self.distance_m * 1.6
        self.moving_s = self.distance_m * 1.05
        self.between: tuple[str, ...] = ()
        """The waypoints at the ends of the edge it is on; one when it stands on a waypoint."""
        self.dt_s = 0.0
        # Odometry starts wherever the robot was booted.
        self._odom_tform_seed = Pose(dice.uniform(-5, 5), dice.uniform(-5, 5), dice.uniform(-math.pi, math.pi))
        self._moved_s = 0.0

    @property
    def odom_pose(self) -> Pose:
        """The body in its odometry frame."""
        return turned(self._odom_tform_seed, self.pose)

    @property
    def seed_tform_odom(self) -> Pose:
        """The odometry frame in the seed frame."""
        return inverse(self._odom_tform_seed)

    @property
    def charging(self) -> bool:
        """Whether the dock charges it."""
        return self.dock_state == "docked" and self.battery_pct < 100.0

    @property
    def estopped(self) -> bool:
        """Whether the motors are cut."""
        return self.faults.estopped or self.software_estopped

    @property
    def able(self) -> bool:
        """Whether it can walk right now."""
        return self.motor_power == "on" and self.standing

    def begin_step(self, dt_s: float) -> None:
        """Before anybody moves it: the time step, cut motors, an empty battery."""
        self.dt_s = dt_s
        self._moved_s = 0.0
        if self.faults.battery_pct is not None:
            self.battery_pct, self.faults.battery_pct = self.faults.battery_pct, None
        if self.estopped or self.battery_pct <= 0.0:
            self.cut()

    def end_step(self) -> None:
        """After everybody moved it: battery and counters."""
        if self._moved_s == 0.0:
            self.velocity_x_m_s = self.velocity_y_m_s = self.velocity_rot_rad_s = 0.0
        self.battery_pct = min(100.0, max(0.0, self.battery_pct + self.dt_s * self._charge_pct_s()))
        if self.motor_power == "on":
            self.motors_on_s += self.dt_s
        self.moving_s += self._moved_s

    def cut(self) -> None:
        """Motors off at once, wherever it is."""
        self.motor_power, self.standing = "off", False

    def walk_to(self, goal: Pose, budget_s: float, speed_m_s: float = WALKING_M_S) -> float:
        """Walks straight towards a goal for at most `budget_s`; gives the seconds left over (0 when not there yet)."""
        if self.faults.stuck or not self.able:
            return 0.0
        away = distance_m(self.pose, goal)
        took_s = min(budget_s, away / speed_m_s)
        if away > 1e-6:
            self._advance(goal, away, took_s, speed_m_s)
        return budget_s - took_s if took_s * speed_m_s >= away - 1e-6 else 0.0

    def drive(self, v_x: float, v_y: float, v_rot: float) -> None:
        """Moves by a velocity in its own frame for this step."""
        if not self.able or self.faults.stuck:
            return
        step = turned(self.pose, Pose(v_x * self.dt_s, v_y * self.dt_s, v_rot * self.dt_s))
        self.distance_m += distance_m(self.pose, step)
        self.pose, self.between = step, ()
        self.velocity_x_m_s, self.velocity_y_m_s, self.velocity_rot_rad_s = v_x, v_y, v_rot
        self._moved_s = self.dt_s

    def face(self, heading_rad: float) -> None:
        """Turns on the spot."""
        self.pose = Pose(self.pose.x_m, self.pose.y_m, wrapped(heading_rad))

    def _advance(self, goal: Pose, away: float, took_s: float, speed_m_s: float) -> None:
        part = min(1.0, took_s * speed_m_s / away)
        turn = wrapped(towards(self.pose, goal) - self.pose.heading_rad)
        limit = TURNING_RAD_S * max(took_s, 0.1)
        heading = self.pose.heading_rad + max(-limit, min(limit, turn))
        x = self.pose.x_m + part * (goal.x_m - self.pose.x_m)
        y = self.pose.y_m + part * (goal.y_m - self.pose.y_m)
        self.pose = Pose(x, y, wrapped(heading))
        self.distance_m += part * away
        self.velocity_x_m_s = speed_m_s
        self._moved_s += took_s

    def _charge_pct_s(self) -> float:
        if self.dock_state == "docked":
            return CHARGE_PCT_S
        if self.motor_power == "off":
            return -DRAIN_OFF_PCT_S
        return -(DRAIN_WALKING_PCT_S if self._moved_s else DRAIN_STANDING_PCT_S)
