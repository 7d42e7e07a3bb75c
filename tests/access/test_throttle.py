"""Guessing passwords becomes slow, then stops; the right password is never slowed by others."""

import asyncio

import pytest

from roundsman.access.throttle import LoginThrottle, network_of
from roundsman.kit.problem import TooManyRequests, Unauthorized
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio


class Clock:
    """A clock whose sleeps pass at once and are written down."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000
        self.slept: list[float] = []

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.us += int(seconds * 1e6)
        await asyncio.sleep(0)


async def fail(throttle: LoginThrottle, username: str = "ada", address: str = "10.0.0.1") -> None:
    with pytest.raises(Unauthorized):
        async with throttle.attempt(username, address):
            raise Unauthorized("wrong")


async def succeed(throttle: LoginThrottle, username: str = "ada", address: str = "10.0.0.1") -> None:
    async with throttle.attempt(username, address):
        pass


async def test_each_failure_waits_twice_as_long_as_the_one_before() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock, Settings(login_delay_s=0.25))
    for _ in range(4):
        await fail(throttle)
    assert clock.slept == [0.25, 0.5, 1.0, 2.0]


async def test_after_too_many_failures_nothing_is_tried_until_the_lockout_is_over() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock, Settings(login_delay_s=0, login_attempts_max=3, login_lockout_s=60))
    for _ in range(3):
        await fail(throttle)
    with pytest.raises(TooManyRequests) as refused:
        await succeed(throttle)
    assert refused.value.headers["Retry-After"] == "60"
    clock.us += 60_000_000
    await succeed(throttle)


async def test_success_forgives() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock, Settings(login_delay_s=1, login_attempts_max=3))
    for _ in range(2):
        await fail(throttle)
    await succeed(throttle)
    await fail(throttle)
    assert clock.slept == [1, 2, 1]


async def test_others_are_not_locked_out() -> None:
    throttle = LoginThrottle(Clock(), Settings(login_delay_s=0, login_attempts_max=3))
    for _ in range(3):
        await fail(throttle)
    await succeed(throttle, address="10.0.0.2")
    await succeed(throttle, username="bob")


async def test_one_address_that_tries_many_names_is_stopped() -> None:
    throttle = LoginThrottle(Clock(), Settings(login_delay_s=0, login_attempts_max=3))
    for number in range(30):
        await fail(throttle, username=f"user{number}")
    with pytest.raises(TooManyRequests):
        await succeed(throttle, username="somebody")


async def test_guesses_sent_at_once_are_tried_one_after_the_other() -> None:
    throttle = LoginThrottle(Clock(), Settings(login_delay_s=0, login_attempts_max=3))
    outcomes = await asyncio.gather(*(fail(throttle) for _ in range(10)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(TooManyRequests) == 7


async def test_many_right_logins_at_once_all_succeed() -> None:
    throttle = LoginThrottle(Clock(), Settings(login_delay_s=0, login_attempts_max=3))
    await asyncio.gather(*(succeed(throttle) for _ in range(20)))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_failures_are_told_once_a_minute_with_their_number() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock, Settings(login_delay_s=0))
    told: list[int] = []
    for _ in range(3):
        await fail(throttle)
        told.append(throttle.to_tell("ada", "10.0.0.1"))
    clock.us += 60_000_000
    await fail(throttle)
    told.append(throttle.to_tell("ada", "10.0.0.1"))
    assert told == [1, 0, 0, 3]
