"""The stand-in of the estimator."""

from __future__ import annotations

from estimator_stand_in import estimated as estimated
