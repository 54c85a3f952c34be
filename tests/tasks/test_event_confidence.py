"""How sure a carried event is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from syncline.tasks.event_confidence import OFFSET_SD, Peak, calibrated_by, hit_probability, hit_weights

PEAK = Peak(gathered=0.4, votes=0.7, second=0.1, at_edge=False, labelled=2)


def test_the_rule_has_a_weight_for_every_feature() -> None:
    assert len(hit_weights()) == 1 + len(PEAK.features())


def test_more_votes_at_the_peak_make_an_event_surer() -> None:
    sure = [hit_probability(replace(PEAK, gathered=g)) for g in (0.05, 0.2, 0.4, 0.65)]
    assert sure == sorted(sure)
    assert sure[-1] - sure[0] > 0.2


def test_votes_that_are_nearly_none_leave_it_unsure() -> None:
    assert hit_probability(Peak(0.0, 0.0, 0.0, at_edge=True, labelled=3)) == 0.0
    assert hit_probability(Peak(0.01, 0.02, 0.01, at_edge=True, labelled=1)) < 0.25


def test_labelled_events_that_were_missed_lower_all_confidences() -> None:
    confidence, raw = np.array([0.2, 0.5, 0.9]), np.full(12, 0.7)
    lower = calibrated_by(confidence, raw, np.zeros(12))
    assert (lower < confidence).all()
    assert (np.diff(lower) > 0).all()
    assert (calibrated_by(confidence, raw, np.ones(12)) > confidence).all()


def test_a_few_labelled_events_move_confidences_little() -> None:
    confidence = np.array([0.5])
    moved = [abs(calibrated_by(confidence, np.full(n, 0.5), np.ones(n))[0] - 0.5) for n in (1, 4, 16)]
    assert moved == sorted(moved)
    assert moved[0] < 0.1
    assert moved[-1] < 1 / (1 + np.exp(-4 * OFFSET_SD)) - 0.5
    assert calibrated_by(confidence, np.zeros(0), np.zeros(0)).tolist() == [0.5]
