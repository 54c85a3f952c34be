"""What one does with embeddings, one file a verb: align, sync, search, transfer, deviate."""

from syncline.tasks.align import align, align_pairs
from syncline.tasks.align_by_folder import align_within, reference_of
from syncline.tasks.alignment_result import Alignment, Gap, Segment
from syncline.tasks.carry_directly import event_votes
from syncline.tasks.consensus_moments import find_moments, same_moments
from syncline.tasks.deviate import deviate, deviate_from_group, distance_rule, rank, tempo_curve
from syncline.tasks.deviation_result import Deviation, Report
from syncline.tasks.embedding_offset import Offset, estimate_offset
from syncline.tasks.folder_consensus import FolderConsensus, Votes, default_tolerance, gather_folder, voting
from syncline.tasks.gap_scale import gap_seconds
from syncline.tasks.label_next import Suggestion, suggest
from syncline.tasks.pair_similarity import similarity
from syncline.tasks.pinned_moments import Pin, pinned_frames, read_pins
from syncline.tasks.search import Hit, MomentIndex
from syncline.tasks.sync import Timeline, medoid, synchronize
from syncline.tasks.template import MadeWith, Template
from syncline.tasks.transfer import leave_one_out, next_to_label, transfer_events, transfer_in_folder
from syncline.tasks.transfer_result import LabelledVideo, Transferred

__all__ = [
    "Alignment",
    "Deviation",
    "FolderConsensus",
    "Gap",
    "Hit",
    "LabelledVideo",
    "MomentIndex",
    "MadeWith",
    "Offset",
    "Pin",
    "Report",
    "Segment",
    "Suggestion",
    "Template",
    "Timeline",
    "Transferred",
    "Votes",
    "align",
    "align_pairs",
    "align_within",
    "default_tolerance",
    "deviate",
    "deviate_from_group",
    "distance_rule",
    "estimate_offset",
    "event_votes",
    "find_moments",
    "gap_seconds",
    "gather_folder",
    "leave_one_out",
    "medoid",
    "next_to_label",
    "pinned_frames",
    "rank",
    "read_pins",
    "reference_of",
    "same_moments",
    "similarity",
    "suggest",
    "synchronize",
    "tempo_curve",
    "transfer_events",
    "transfer_in_folder",
    "voting",
]
