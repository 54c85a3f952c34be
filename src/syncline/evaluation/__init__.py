"""Embeddings and labels -> metrics, controls, statistics."""

from syncline.evaluation.classification import phase_classification
from syncline.evaluation.evaluate_encoder import evaluate
from syncline.evaluation.event_transfer import event_transfer_error
from syncline.evaluation.kendall import kendall_tau
from syncline.evaluation.progression import phase_progression
from syncline.evaluation.retrieval import retrieval_precision
from syncline.evaluation.statistics import paired_bootstrap
from syncline.evaluation.without_labels import label_free_signs

__all__ = [
    "evaluate",
    "event_transfer_error",
    "kendall_tau",
    "label_free_signs",
    "paired_bootstrap",
    "phase_classification",
    "phase_progression",
    "retrieval_precision",
]
