"""Frames -> body pose: keypoint files of any form, the estimator, normalisation, joint angles."""

from syncline.pose.keypoint_files import find_keypoints as find_keypoints
from syncline.pose.keypoint_files import read_keypoints as read_keypoints
from syncline.pose.keypoint_files import write_keypoints as write_keypoints
from syncline.pose.keypoints import Keypoints as Keypoints
from syncline.pose.normalise import PoseOptions as PoseOptions
from syncline.pose.normalise import PoseSpace as PoseSpace
from syncline.pose.normalise import pose_embeddings as pose_embeddings
from syncline.pose.skeleton import Skeleton as Skeleton

__all__ = [
    "Keypoints",
    "PoseOptions",
    "PoseSpace",
    "Skeleton",
    "find_keypoints",
    "pose_embeddings",
    "read_keypoints",
    "write_keypoints",
]
