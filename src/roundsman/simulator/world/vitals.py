"""What a simulated robot can feel of itself: where it is, how its battery and motors fare, what it has done."""

from roundsman.simulator.model import Pose
from roundsman.simulator.world.body import Body
from roundsman.simulator.world.navgraph import distance_m
from roundsman.simulator.world.robotmap import RobotMap
from roundsman.simulator.world.states import DockState, MotorPower

AT_WAYPOINT_M = 0.6


class Vitals:
    """The readings of a body on a map, by the names that services show."""

    def __init__(self, body: Body, map_: RobotMap) -> None:
        self.body, self.map = body, map_
        self._localized_on = map_.changes

    @property
    def pose(self) -> Pose:
        """The body in the seed frame."""
        return self.body.pose

    @property
    def odom_pose(self) -> Pose:
        """The body in its odometry frame."""
        return self.body.odom_pose

    @property
    def velocity_x_m_s(self) -> float:
        """Forward speed of the body."""
        return self.body.velocity_x_m_s

    @property
    def velocity_y_m_s(self) -> float:
        """Sideward speed of the body."""
        return self.body.velocity_y_m_s

    @property
    def velocity_rot_rad_s(self) -> float:
        """Turning speed of the body."""
        return self.body.velocity_rot_rad_s

    @property
    def localized(self) -> bool:
        """Whether it knows where it is on the map."""
        return bool(self.map.graph.waypoints) and self._localized_on == self.map.changes

    @property
    def nearest_waypoint(self) -> str | None:
        """The waypoint next to it, None when it is not localized."""
        nearest = self.map.graph.nearest(self.pose) if self.localized else None
        return nearest.id if nearest else None

    @property
    def at_waypoint(self) -> str | None:
        """The waypoint it stands on, if it does."""
        nearest = self.nearest_waypoint
        near = nearest and distance_m(self.map.graph.waypoints[nearest].pose, self.pose) < AT_WAYPOINT_M
        return nearest if near else None

    @property
    def battery_pct(self) -> float:
        """Charge, 0 … 100."""
        return self.body.battery_pct

    @property
    def battery_voltage_v(self) -> float:
        """Voltage at this charge."""
        return round(44.0 + 0.13 * self.body.battery_pct, 2)

    @property
    def battery_current_a(self) -> float:
        """Current; positive while charging."""
        if self.charging:
            return 6.5
        return -9.0 if self.moving else -6.0 if self.motor_power == "on" else -1.2

    @property
    def charging(self) -> bool:
        """Whether the dock charges it."""
        return self.body.charging

    @property
    def moving(self) -> bool:
        """Whether it walks or turns."""
        return any((self.velocity_x_m_s, self.velocity_y_m_s, self.velocity_rot_rad_s))

    @property
    def motor_power(self) -> MotorPower:
        """The motors' power."""
        return self.body.motor_power

    @property
    def standing(self) -> bool:
        """Whether it is on its feet."""
        return self.body.standing

    @property
    def estopped(self) -> bool:
        """Whether the motors are cut, by the software e-stop or by a fault."""
        return self.body.estopped

    @property
    def software_estopped(self) -> bool:
        """The software e-stop; set by the e-stop service."""
        return self.body.software_estopped

    @software_estopped.setter
    def software_estopped(self, cut: bool) -> None:
        self.body.software_estopped = cut

    @property
    def dock_state(self) -> DockState:
        """Its relation to docks."""
        return self.body.dock_state

    @property
    def dock_id(self) -> int | None:
        """The dock it is on, or getting onto."""
        return self.body.dock_id

    @property
    def distance_m(self) -> float:
        """All it has ever walked."""
        return self.body.distance_m

    @property
    def motors_on_s(self) -> float:
        """All the time its motors were ever on."""
        return self.body.motors_on_s

    @property
    def moving_s(self) -> float:
        """All the time it was ever moving."""
        return self.body.moving_s
