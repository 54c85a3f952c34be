"""What one does with embeddings, one file a verb: align, sync, search, transfer, deviate."""

from syncline.tasks.align import align, align_pairs
from syncline.tasks.alignment_result import Alignment, Gap, Segment
from syncline.tasks.deviate import Deviation, Report, deviate, distance_rule, rank, tempo_curve
from syncline.tasks.pairs import similarity
from syncline.tasks.search import Hit, MomentIndex
from syncline.tasks.sync import Offset, Timeline, barycentre, estimate_offset, medoid, synchronize
from syncline.tasks.transfer import (
    LabelledVideo,
    Transferred,
    event_votes,
    leave_one_out,
    next_to_label,
    transfer_events,
)

__all__ = [
    "Alignment",
    "Deviation",
    "Gap",
    "Hit",
    "LabelledVideo",
    "MomentIndex",
    "Offset",
    "Report",
    "Segment",
    "Timeline",
    "Transferred",
    "align",
    "align_pairs",
    "barycentre",
    "deviate",
    "distance_rule",
    "estimate_offset",
    "event_votes",
    "leave_one_out",
    "medoid",
    "next_to_label",
    "rank",
    "similarity",
    "synchronize",
    "tempo_curve",
    "transfer_events",
]
