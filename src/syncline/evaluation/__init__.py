"""Embeddings and labels -> metrics, controls, statistics."""

from syncline.evaluation.classification import phase_classification
from syncline.evaluation.kendall import kendall_tau
from syncline.evaluation.progression import phase_progression
from syncline.evaluation.retrieval import retrieval_precision

__all__ = ["kendall_tau", "phase_classification", "phase_progression", "retrieval_precision"]
