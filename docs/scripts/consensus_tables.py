"""Tables of `docs/tasks-measured.md` about the folder's consensus: events carried, how sure they are, who votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def pairs(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """The newest `direct` and `consensus` of every set, protocol, features and number of labelled clips."""
    found: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in rows:
        key = (row["set"], row["features"], row["protocol"], row["labelled"])
        found.setdefault(key, {})[row["method"]] = row
    return [(both["direct"], both["consensus"]) for both in found.values() if len(both) == 2]


def percent(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{100 * value:.{digits}f}"


def head(*columns: str) -> list[str]:
    """The first two lines of a table."""
    return ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def consensus_lines(rows: Iterable[Row]) -> list[str]:
    """One line a set, protocol and number of labelled clips: `--no-consensus` / with consensus."""
    lines = head(
        "set", "clips", "labelled", "draws", "hits", "F1", "gain in F1 (95 % interval)", "error, median (90th)",
        "false claims",
    )  # fmt: skip
    measured = pairs(rows)
    if not measured:
        return ["Not measured since it last changed."]
    for direct, found in measured:
        low, high = found["interval"]
        gain = f"{100 * found['gain']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
        sure = low > 0 or high < 0
        errors = f"{found['median']:.2f} ({found['p90']:.2f}) s"
        both = [f"{percent(direct[key])} / {percent(found[key])}" for key in ("hits", "f1", "false_claims")]
        lines.append(f"| {found['set']} | {found['protocol']} | {found['labelled']} | {found['draws']} | {both[0]} | "
                     f"{both[1]} | {f'**{gain}**' if sure else gain} | {errors} | "
                     f"{both[2] if found['false_claims'] is not None else ''} |")  # fmt: skip
    return lines


def confidence_lines(rows: Iterable[Row], fitted: Mapping[str, Row]) -> list[str]:
    """Calibration on validation clips, and of the rule fitted to the other sets on training clips."""
    lines = [
        "| set | clips | labelled | calibration error | confidence - hit rate (95 % interval) | AUROC |",
        "|---" * 6 + "|",
    ]
    measured = pairs(rows)
    if not measured and not fitted:
        return ["Not measured since it last changed."]
    for _, found in measured:
        low, high = found["sure_minus_hit_interval"]
        gap = f"{found['sure_minus_hit']:+.2f} [{low:+.2f}, {high:+.2f}]"
        lines.append(f"| {found['set']} | {found['protocol']} | {found['labelled']} | {found['ece']:.2f} | {gap} | "
                     f"{'' if found['auroc'] is None else format(found['auroc'], '.2f')} |")  # fmt: skip
    if fitted:
        lines += [
            "",
            "| fitted without this set | calibration error | confidence - hit rate | AUROC |",
            "|---" * 4 + "|",
        ]
    for name, row in fitted.items():
        lines.append(f"| {name} | {row['other_sets_ece']:.2f} | {row['other_sets_sure_minus_hit']:+.2f} | "
                     f"{row['other_sets_auroc']:.2f} |")  # fmt: skip
    return lines


def stranger_lines(rows: Iterable[Row]) -> list[str]:
    """Per folder: clips of the set without a vote, and strangers with one; and who of them is in doubt."""
    newest = {(row["set"], row["foreign"], row["seed"]): row for row in rows}
    lines = [
        "| set | mixed in | its clips without a vote | other activity with one | stills | noise | "
        "without one but in doubt: its clips, others, stills, noise | "
        "pairs of its clips that match by their own score / by the folder | of them with other activity |",
        "|---" * 9 + "|",
    ]
    for row in newest.values():
        doubt = [str(row[key]) for key in ("in_doubt", *(f"{k}_in_doubt" for k in ("other", "still", "noise")))
                 if key in row]  # fmt: skip
        kinds = [
            f"{row[f'{kind}_passed']} of {row[kind]}" if kind in row else "" for kind in ("other", "still", "noise")
        ]
        lines.append(
            f"| {row['set']} | {row['foreign'] or ''} | {row['silenced']} of {row['true']} | {' | '.join(kinds)} | "
            f"{', '.join(doubt)} | {_matching(row, 'pairs')} | {_matching(row, 'other_pairs')} |"
        )
    return lines


def _matching(row: Row, pairs: str) -> str:
    """Of drawn pairs: how many match by their own score and how many the folder links."""
    return f"{row[f'{pairs}_by_score']} / {row[f'{pairs}_linked']} of {row[pairs]}" if row.get(pairs) else ""
