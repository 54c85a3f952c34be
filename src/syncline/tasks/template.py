"""`Template`: a folder's consensus in one small file, for clips that come later.

A template holds the embeddings of the videos that match the rest of the folder best (among them the labelled ones), the
weights of their votes, how frames were embedded, and the events. Alignments among its videos are computed when it is
opened; that takes seconds, and the file stays small. A new clip is aligned with each of them. It has no vote, so it
changes no answer for another clip.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from syncline.alignment import Consensus
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.files import replacing
from syncline.tasks.align_by_folder import reference_of
from syncline.tasks.folder_consensus import FolderConsensus, Votes, belonging, clip_seconds, judges_of
from syncline.tasks.label_next import suggest
from syncline.tasks.pair_similarity import check_pair
from syncline.wording import counted

FORMAT = "syncline template 1"
MOST_VIDEOS = 40
"""Videos that a template keeps, labelled ones not counted: more say little more."""

Events = tuple[float | None, ...]


@dataclass(frozen=True, eq=False)
class MadeWith:
    """How the frames of a template were embedded, and those of new clips have to be.

    Attributes:
        features: `pictures`, `run`, a kind of body pose, or `given` (arrays and embeddings of the user's own).
        made_by: hash of the backbone, the run or the options of the poses; "" for `given`.
        rate_hz: sampled frames a second; None for those of the run, or `given`.
        arrays: what features are standardised with, by name.
    """

    features: str = "given"
    made_by: str = ""
    rate_hz: float | None = None
    arrays: Mapping[str, NDArray[np.floating[Any]]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """A folder's consensus, to be kept.

    Attributes:
        embeddings: of the videos that are kept, their names as sources.
        weights: (n,) what each one's opinion counts, above 0.
        groups: (n,) number of the cluster of each; clusters have nothing to do with each other.
        usual_match: by which strangers are told; NaN where there were too few videos.
        reference: index of the video that stands for the folder.
        made_with: how frames were embedded.
        event_names: () without labels.
        events: index of a labelled video -> seconds of its events, None where one is absent.
        pins: as `Consensus` takes them.
    """

    embeddings: tuple[Embedding, ...]
    weights: NDArray[np.float64]
    groups: tuple[int, ...]
    usual_match: float
    reference: int
    made_with: MadeWith
    event_names: tuple[str, ...] = ()
    events: Mapping[int, Events] | None = None
    pins: Mapping[tuple[int, int], NDArray[np.int64]] | None = None

    def __repr__(self) -> str:
        events = f", events {', '.join(self.event_names)}" if self.event_names else ""
        reference = Path(self.embeddings[self.reference].source).name
        return f"Template({counted(len(self.embeddings), 'video')}, reference {reference!r}{events})"

    @classmethod
    def of(
        cls,
        folder: FolderConsensus,
        *,
        names: Sequence[str] | None = None,
        made_with: MadeWith | None = None,
        event_names: Sequence[str] = (),
        events: Mapping[int, Events] | None = None,
        most: int = MOST_VIDEOS,
    ) -> Template:
        """The template of a folder.

        Args:
            folder: its consensus.
            names: of its videos; their sources by default.
            made_with: how frames were embedded.
            event_names, events: of labelled videos, by their index in the folder.
            most: videos that are kept beside labelled ones. Strangers are not.

        Raises:
            SynclineError: nobody votes, or labelled videos have different numbers of events.

        Examples:
            >>> t = np.linspace(0, 3, 20)
            >>> clip = Embedding(np.stack([np.cos(t), np.sin(t)], 1).astype(np.float32), t, "a")
            >>> from syncline.tasks import gather_folder
            >>> int(Template.of(gather_folder([clip, clip])).with_clips([clip]).group.row(2, 9, 0).argmax())
            9
        """
        events = {} if events is None else dict(events)
        if len({len(seconds) for seconds in events.values()} | ({len(event_names)} if events else set())) > 1:
            raise SynclineError("labelled videos must have as many events each as there are names of events")
        weights = folder.votes.weights
        votes = [i for i in range(len(weights)) if weights[i] > 0]
        if not votes:
            raise SynclineError("no video of the folder has a vote, so there is nothing to keep as a template")
        start = reference_of(folder.group)
        first = [i for i in suggest(folder, len(weights)).videos if i in set(votes)] if len(votes) > most else votes
        kept = sorted({start, *first[:most], *(i for i in events if weights[i] > 0)})
        at = {i: number for number, i in enumerate(kept)}
        names = [e.source for e in folder.embeddings] if names is None else names
        pins = {(at[i], at[j]): k for (i, j), k in folder.group.pins.items() if i in at and j in at}
        return cls(
            tuple(replace(folder.embeddings[i], source=names[i]) for i in kept), weights[kept],
            tuple(folder.votes.groups[i] for i in kept), folder.votes.usual_match, at[start],
            MadeWith() if made_with is None else made_with, tuple(event_names),
            {at[i]: tuple(seconds) for i, seconds in events.items() if i in at}, pins,
        )  # fmt: skip

    def with_clips(self, clips: Sequence[Embedding]) -> FolderConsensus:
        """The consensus with new clips behind its own videos; each costs its alignments with them, and has no vote.

        A clip that matches none of them well is a stranger: its weight is 0. So are all, but for the pairs that they
        are in, to the consensus of the others.

        Raises:
            SynclineError: a clip without frames, or of another width.
        """
        for clip in clips:
            check_pair(self.embeddings[0], clip)
        count = len(self.embeddings)
        group = Consensus(
            [e.vectors for e in self.embeddings], weights=self.weights, groups=self.groups, pins=self.pins
        )
        groups, strangers, doubtful = list(self.groups), [], []
        judges = judges_of(self.embeddings)
        matches = np.full((count + len(clips), len(judges)), np.nan)
        for number, clip in enumerate(clips, start=count):
            found = belonging(clip, self.embeddings, self.groups, self.usual_match)
            matches[number] = found.matches
            group.add(clip.vectors, weight=float(not found.stranger), votes=False, group=found.cluster)
            groups.append(found.cluster)
            strangers += [number] * found.stranger
            doubtful += [number] * found.doubtful
        clusters = [tuple(i for i in range(count) if self.groups[i] == one) for one in sorted(set(self.groups))]
        votes = Votes(
            group.weights, tuple(strangers), (), tuple(clusters), tuple(groups), self.usual_match, tuple(judges),
            matches, tuple(doubtful),
        )  # fmt: skip
        return FolderConsensus((*self.embeddings, *clips), group, votes, clip_seconds(self.embeddings))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        about = {
            "names": [e.source for e in self.embeddings], "groups": list(self.groups), "reference": self.reference,
            "usual_match": self.usual_match if math.isfinite(self.usual_match) else None,
            "event_names": list(self.event_names),
            "events": [[i, list(seconds)] for i, seconds in (self.events or {}).items()],
            "pins": [[*pair, frames.tolist()] for pair, frames in (self.pins or {}).items()],
            "features": self.made_with.features, "made_by": self.made_with.made_by, "rate_hz": self.made_with.rate_hz,
        }  # fmt: skip
        tensors = {
            "vectors": np.concatenate([e.vectors for e in self.embeddings]),
            "pts_seconds": np.concatenate([e.pts_seconds for e in self.embeddings]),
            "lengths": np.array([len(e) for e in self.embeddings], dtype=np.int64),
            "weights": np.asarray(self.weights),
        }
        tensors |= {f"made_with.{name}": np.asarray(a) for name, a in (self.made_with.arrays or {}).items()}
        with replacing(path) as temporary:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in tensors.items()}, temporary,
                metadata={"format": FORMAT, "about": json.dumps(about)},
            )  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Template:
        """A template that was saved.

        Raises:
            SynclineError: no such file, another kind of file, or one that is damaged.
        """
        if not Path(path).is_file():
            raise SynclineError(f"template {path}: no such file; syncline sync FOLDER --save-template writes one")
        try:
            with safe_open(path, framework="np") as file:
                described = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise SynclineError(f"{path} is no template, or a damaged one ({error})") from error
        if described.get("format") != FORMAT:
            raise SynclineError(
                f"{path} is not a template that this version reads (its format is "
                f"{described.get('format', 'none')!r}, expected {FORMAT!r}); save it anew"
            )
        try:
            return cls._from(json.loads(described["about"]), arrays)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise SynclineError(f"{path} is a damaged template ({error!r}); save it anew") from error

    @classmethod
    def _from(cls, about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Template:
        ends = np.cumsum(arrays["lengths"])[:-1]
        rows, seconds = np.split(arrays["vectors"], ends), np.split(arrays["pts_seconds"], ends)
        own = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith("made_with.")}
        usual = about["usual_match"]
        return cls(
            tuple(Embedding(*parts) for parts in zip(rows, seconds, about["names"], strict=True)), arrays["weights"],
            tuple(about["groups"]), math.nan if usual is None else float(usual), int(about["reference"]),
            MadeWith(about["features"], about["made_by"], about["rate_hz"], own), tuple(about["event_names"]),
            {int(i): tuple(events) for i, events in about["events"]},
            {(i, j): np.array(frames, dtype=np.int64) for i, j, frames in about["pins"]},
        )  # fmt: skip
