"""`robot-state`: battery, motors, faults, pose, e-stops, counters. As large as a real state, some 3.5 kB.

Source: robot-link.md §3.1 (`robot-state`: names of joints, frames and e-stops, historical faults).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import math
from typing import Any

from bosdyn.api import robot_state_pb2, robot_state_service_pb2

from roundsman.simulator.model import Pose
from roundsman.simulator.services.calls import Service, fill_duration, fill_time
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot

BODY_HEIGHT_M = 0.52
SITTING_HEIGHT_M = 0.15
FULL_RUNTIME_S = 75 * 60
JOINTS = tuple(f"{leg}.{joint}" for leg in ("fl", "fr", "hl", "hr") for joint in ("hx", "hy", "kn"))
FEET_M = ((0.33, 0.17), (0.33, -0.17), (-0.33, 0.17), (-0.33, -0.17))
HISTORICAL_FAULTS = 15
Power, Battery, EStop = robot_state_pb2.PowerState, robot_state_pb2.BatteryState, robot_state_pb2.EStopState
System, Behavior = robot_state_pb2.SystemFault, robot_state_pb2.BehaviorFault
MOTORS = {
    "off": Power.MOTOR_POWER_STATE_OFF,
    "powering_on": Power.MOTOR_POWER_STATE_POWERING_ON,
    "on": Power.MOTOR_POWER_STATE_ON,
    "powering_off": Power.MOTOR_POWER_STATE_POWERING_OFF,
}
CAUSES = {
    "fall": Behavior.CAUSE_FALL,
    "hardware": Behavior.CAUSE_HARDWARE,
    "lease_timeout": Behavior.CAUSE_LEASE_TIMEOUT,
    "command_failure": Behavior.CAUSE_COMMAND_FAILURE,
}


def fill_pose(message: Any, pose: Pose, height_m: float = 0.0) -> None:
    """Writes an SE3Pose."""
    message.position.x, message.position.y, message.position.z = pose.x_m, pose.y_m, height_m
    message.rotation.w, message.rotation.z = math.cos(pose.heading_rad / 2), math.sin(pose.heading_rad / 2)


def inverted(pose: Pose) -> Pose:
    """The planar inverse."""
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    return Pose(-cos * pose.x_m - sin * pose.y_m, sin * pose.x_m - cos * pose.y_m, -pose.heading_rad)


def fill_kinematics(message: Any, robot: SimulatedSpot) -> None:
    """Writes a KinematicState: frames, velocities, joints."""
    fill_time(message.acquisition_timestamp, robot.now_us())
    height_m = BODY_HEIGHT_M if robot.standing else SITTING_HEIGHT_M
    frames = message.transforms_snapshot.child_to_parent_edge_map
    frames["body"].parent_frame_name = ""
    for frame in ("odom", "vision"):
        frames[frame].parent_frame_name = "body"
        fill_pose(frames[frame].parent_tform_child, inverted(robot.odom_pose), -height_m)
    frames["flat_body"].parent_frame_name = "body"
    fill_pose(frames["flat_body"].parent_tform_child, Pose(0, 0))
    frames["gpe"].parent_frame_name = "odom"
    fill_pose(frames["gpe"].parent_tform_child, Pose(0, 0))
    heading = robot.odom_pose.heading_rad
    cos, sin = math.cos(heading), math.sin(heading)
    for velocity in (message.velocity_of_body_in_odom, message.velocity_of_body_in_vision):
        velocity.linear.x = cos * robot.velocity_x_m_s - sin * robot.velocity_y_m_s
        velocity.linear.y = sin * robot.velocity_x_m_s + cos * robot.velocity_y_m_s
        velocity.angular.z = robot.velocity_rot_rad_s
    _fill_joints(message, robot)


def _fill_joints(message: Any, robot: SimulatedSpot) -> None:
    swing = 0.3 * math.sin(robot.distance_m * 8) if robot.velocity_x_m_s else 0.0
    for index, name in enumerate(JOINTS):
        joint = message.joint_states.add(name=name)
        bent = (0.0, 0.75, -1.5)[index % 3] if robot.standing else (0.2, 1.6, -2.7)[index % 3]
        joint.position.value = bent + (swing if index % 3 and (index // 3) in (0, 3) else -swing if index % 3 else 0)
        joint.velocity.value = 0.0
        joint.acceleration.value = 0.0
        joint.load.value = 9.5 if robot.standing else 0.1


class RobotStateService(Service):
    """State, metrics and hardware of one robot."""

    name = "robot-state"
    descriptor = robot_state_service_pb2.DESCRIPTOR.services_by_name["RobotStateService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._history = self._historical_faults()

    def GetRobotState(self, request: Any, response: Any) -> None:
        """Everything at once."""
        state = response.robot_state
        self._fill_power(state.power_state)
        self._fill_battery(state.battery_states.add())
        comms = state.comms_states.add()
        fill_time(comms.timestamp, self.robot.now_us())
        comms.wifi_state.current_mode = robot_state_pb2.WiFiState.MODE_CLIENT
        comms.wifi_state.essid = "plant-robots"
        self._fill_estops(state)
        self._fill_faults(state)
        fill_kinematics(state.kinematic_state, self.robot)
        self._fill_body(state)

    def GetRobotMetrics(self, request: Any, response: Any) -> None:
        """What counts up over a robot's life."""
        metrics = response.robot_metrics
        fill_time(metrics.timestamp, self.robot.now_us())
        metrics.metrics.add(label="distance", units="m", float_value=self.robot.distance_m)
        metrics.metrics.add(label="gait cycles", units="cycles", int_value=round(self.robot.distance_m / 0.7))
        for label, seconds in (("time moving", self.robot.moving_s), ("electric power", self.robot.motors_on_s)):
            fill_duration(metrics.metrics.add(label=label, units="seconds").duration, seconds)

    def GetRobotHardwareConfiguration(self, request: Any, response: Any) -> None:
        """Legs, and what can be switched."""
        hardware = response.hardware_configuration
        hardware.can_power_command_request_off_robot = True
        hardware.can_power_command_request_cycle_robot = True
        hardware.has_audio_visual_system = True
        for name in (
            "body",
            *(f"{leg}.{part}" for leg in ("fl", "fr", "hl", "hr") for part in ("hip", "uleg", "lleg")),
        ):
            hardware.skeleton.links.add(name=name)
        hardware.skeleton.urdf = '<robot name="simulated_spot"/>'

    @property
    def _docked(self) -> bool:
        # A full battery on a dock is still on shore power.
        return self.robot.dock_state == "docked"

    def _fill_power(self, power: Any) -> None:
        robot = self.robot
        fill_time(power.timestamp, robot.now_us())
        power.motor_power_state = MOTORS[robot.motor_power]
        power.shore_power_state = Power.SHORE_POWER_STATE_ON if self._docked else Power.SHORE_POWER_STATE_OFF
        power.robot_power_state = Power.ROBOT_POWER_STATE_ON
        power.payload_ports_power_state = Power.PAYLOAD_PORTS_POWER_STATE_ON
        power.wifi_radio_power_state = Power.WIFI_RADIO_POWER_STATE_ON
        power.locomotion_charge_percentage.value = robot.battery_pct
        fill_duration(power.locomotion_estimated_runtime, FULL_RUNTIME_S * robot.battery_pct / 100)

    def _fill_battery(self, battery: Any) -> None:
        robot = self.robot
        fill_time(battery.timestamp, robot.now_us())
        battery.identifier = f"battery-{robot.serial[-4:]}"
        battery.charge_percentage.value = robot.battery_pct
        battery.current.value, battery.voltage.value = robot.battery_current_a, robot.battery_voltage_v
        battery.temperatures.extend(round(27 + 0.3 * cell + 6 * (robot.motor_power == "on"), 1) for cell in range(10))
        battery.status = Battery.STATUS_CHARGING if self._docked else Battery.STATUS_DISCHARGING
        if not self._docked:
            fill_duration(battery.estimated_runtime, FULL_RUNTIME_S * robot.battery_pct / 100)

    def _fill_estops(self, state: Any) -> None:
        cut = {"hardware_estop": self.robot.faults.estopped, "software_estop": self.robot.software_estopped}
        for name in ("hardware_estop", "payload_estop", "software_estop"):
            estop = state.estop_states.add(name=name)
            fill_time(estop.timestamp, self.robot.now_us())
            estop.type = EStop.TYPE_SOFTWARE if name == "software_estop" else EStop.TYPE_HARDWARE
            estop.state = EStop.STATE_ESTOPPED if cut.get(name) else EStop.STATE_NOT_ESTOPPED
            estop.state_description = "stopped" if cut.get(name) else "released"

    def _fill_faults(self, state: Any) -> None:
        now_us = self.robot.now_us()
        for number, name in enumerate(self.robot.system_faults):
            fault = state.system_fault_state.faults.add(name=name, error_message=name, code=number + 1)
            fault.severity = System.SEVERITY_WARN
            fill_time(fault.onset_timestamp, now_us)
            state.system_fault_state.aggregated[name] = System.SEVERITY_WARN
        state.system_fault_state.historical_faults.extend(self._history)
        for number, cause in enumerate(self.robot.behavior_faults):
            fault = state.behavior_fault_state.faults.add(behavior_fault_id=number + 1)
            fault.cause = CAUSES.get(cause, Behavior.CAUSE_UNKNOWN)
            fault.status = Behavior.STATUS_CLEARABLE
            fill_time(fault.onset_timestamp, now_us)
        for name, message in self.robot.service_faults.items():
            fault = state.service_fault_state.faults.add(error_message=message)
            fault.fault_id.fault_name = name
            fault.severity = System.SEVERITY_WARN
            fill_time(fault.onset_timestamp, now_us)

    def _fill_body(self, state: Any) -> None:
        down = -BODY_HEIGHT_M if self.robot.standing else -SITTING_HEIGHT_M
        for x_m, y_m in FEET_M:
            foot = state.foot_state.add(contact=robot_state_pb2.FootState.CONTACT_MADE)
            foot.foot_position_rt_body.x, foot.foot_position_rt_body.y, foot.foot_position_rt_body.z = x_m, y_m, down
        for name in JOINTS:
            state.system_state.motor_temperatures.add(name=name, temperature=35.0)
        states = robot_state_pb2.BehaviorState
        moving = bool(self.robot.velocity_x_m_s)
        standing = states.STATE_STEPPING if moving else states.STATE_STANDING
        state.behavior_state.state = standing if self.robot.standing else states.STATE_NOT_READY

    def _historical_faults(self) -> list[Any]:
        faults: list[Any] = []
        for number in range(HISTORICAL_FAULTS):
            fault = System(name=f"sensor-{number % 5}", error_message="The sensor did not answer for a moment.")
            fault.code, fault.severity, fault.uid = 100 + number, System.SEVERITY_INFO, number + 1
            fault.attributes.append("robot")
            fill_time(fault.onset_timestamp, self.robot.boot_us + number * 60_000_000)
            fill_duration(fault.duration, 1.5)
            faults.append(fault)
        return faults
