"""Raw thermal captures as pictures."""

import array
import io
import sys

import pytest
from PIL import Image
from tests.served import Served

from roundsman.captures import thermal
from roundsman.captures.record import CapturedFile, DataId, Origin, Recording
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio


def raw(coldest: int, hottest: int) -> bytes:
    """A plate that is warmer to the right."""
    row = [coldest + (hottest - coldest) * x // 639 for x in range(640)]
    numbers = array.array("H", row * 512)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


@pytest.mark.parametrize(("coldest", "hottest"), [(2931, 3531), (0, 65535), (2931, 2931), (2931, 2932)])
@pytest.mark.parametrize("header", [b"", b"P5\n640 512\n65535\n"])
def test_a_preview_is_a_picture_in_false_colours(coldest: int, hottest: int, header: bytes) -> None:
    picture = Image.open(io.BytesIO(thermal.preview_png(header + raw(coldest, hottest))))
    assert picture.size == (320, 256)
    brightness = [sum(picture.convert("RGB").getpixel((x, 100))) for x in (0, 160, 319)]  # type: ignore[arg-type]
    assert brightness == sorted(brightness)
    assert (brightness[2] > 500) == (hottest - coldest > thermal.SPAN_LEAST), "noise does not look like a fire"


async def stored(served: Served, extension: str, content: bytes) -> str:
    action = DataId(len(extension), "2026-11-23T120000Z_Boiler round", "Flange", 1_795_435_200_000_000, "ir", extension)
    blob = await served.parts.blobs.put(content)
    origin = Origin(RobotIdentity("spot-1", "10.0.0.3", "Spot 1"), 1)
    captured = CapturedFile(action, "data", action.action_time_us, extension, blob)
    await served.parts.database.write(lambda tx: Recording(tx, origin, action.action_time_us).add_all([captured]))
    async with served.client() as client:
        listed = (await client.get("/api/v0/run_captures")).json()["resources"]
    return next(one["uuid"] for one in listed if one["dataUrl"].endswith(extension))


async def test_only_raw_thermal_captures_have_one(served: Served) -> None:
    thermal_uuid = await stored(served, ".raw", raw(2931, 3531))
    other_uuid = await stored(served, ".json", b"{}")
    start = "/api/roundsman/v1/run_captures"
    async with served.client() as client:
        answer = await client.get(f"{start}/{thermal_uuid}/preview")
        again = await client.get(f"{start}/{thermal_uuid}/preview", headers={"if-none-match": answer.headers["etag"]})
        others = [await client.get(f"{start}/{uuid}/preview") for uuid in (other_uuid, "no-such-capture")]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (320, 256)
    assert again.status_code == 304
    assert [other.status_code for other in others] == [404, 404]
    async with served.client("") as client:
        assert (await client.get(f"{start}/{thermal_uuid}/preview")).status_code in (401, 403)
