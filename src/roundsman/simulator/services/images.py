"""`image`: the cameras of the body. Source: robot-link.md §3.1 (`image`: names, 640×480, JPEG)."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import asyncio
from typing import Any

from bosdyn.api import image_pb2, image_service_pb2

from roundsman.simulator.model import Pose
from roundsman.simulator.services.calls import Service
from roundsman.simulator.services.captures import fill_shot
from roundsman.simulator.services.robot_state import fill_pose

COLUMNS, ROWS, FOCAL_LENGTH_PX = 640, 480, 330.0
Response, Image = image_pb2.ImageResponse, image_pb2.Image


class ImageService(Service):
    """Pictures of the moment."""

    name = "image"
    descriptor = image_service_pb2.DESCRIPTOR.services_by_name["ImageService"]

    def ListImageSources(self, request: Any, response: Any) -> None:
        """The cameras."""
        for name in self.robot.image_sources():
            _fill_source(response.image_sources.add(), name)

    async def GetImage(self, request: Any, response: Any) -> None:
        """One picture per request."""
        for asked in request.image_requests:
            answer = response.image_responses.add()
            if asked.image_source_name not in self.robot.image_sources():
                answer.status = Response.STATUS_UNKNOWN_CAMERA
            elif asked.image_format not in (Image.FORMAT_UNKNOWN, Image.FORMAT_JPEG):
                answer.status = Response.STATUS_UNSUPPORTED_IMAGE_FORMAT_REQUESTED
            else:
                await self._fill_picture(answer, asked.image_source_name)

    async def _fill_picture(self, answer: Any, source: str) -> None:
        content = await asyncio.to_thread(self.robot.image, source)
        fill_shot(answer.shot, content, self.robot.now_us(), source)
        answer.shot.image.data = content
        frames = answer.shot.transforms_snapshot.child_to_parent_edge_map
        frames["body"].parent_frame_name = ""
        frames["odom"].parent_frame_name = frames[source].parent_frame_name = "body"
        fill_pose(frames["odom"].parent_tform_child, Pose(0, 0))
        fill_pose(frames[source].parent_tform_child, Pose(0.3, 0.0))
        _fill_source(answer.source, source)
        answer.status = Response.STATUS_OK


def _fill_source(source: Any, name: str) -> None:
    source.name, source.cols, source.rows = name, COLUMNS, ROWS
    source.image_type = image_pb2.ImageSource.IMAGE_TYPE_VISUAL
    source.pixel_formats.append(Image.PIXEL_FORMAT_GREYSCALE_U8)
    source.image_formats.append(Image.FORMAT_JPEG)
    intrinsics = source.pinhole.intrinsics
    intrinsics.focal_length.x = intrinsics.focal_length.y = FOCAL_LENGTH_PX
    intrinsics.principal_point.x, intrinsics.principal_point.y = COLUMNS / 2, ROWS / 2
