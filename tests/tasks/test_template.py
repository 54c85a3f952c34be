"""A folder's consensus that is kept, and clips that come later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor
from walks import walk, warp

import syncline
from syncline.alignment import pair_posteriors
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import Template, deviate_from_group, gather_folder, rank, transfer_in_folder
from syncline.tasks.template import MadeWith

EVENTS = (0.3, 0.7)


def people(count: int, first: int = 0) -> list[Embedding]:
    return [walk(warp(50 + 2 * k, k), f"v{k}", noise=0.2, seed=k) for k in range(first, first + count)]


def true_events(number: int) -> tuple[float, ...]:
    course = warp(50 + 2 * number, number)
    return tuple(float(np.interp(event, course, np.arange(len(course)) / 10)) for event in EVENTS)


@pytest.fixture(scope="module")
def template() -> Template:
    marks = {k: true_events(k) for k in (0, 3)}
    return Template.of(gather_folder(people(8)), event_names=("lift", "put"), events=marks)


def test_a_saved_template_answers_as_before_and_as_the_folder_does(template: Template, tmp_path: Path) -> None:
    template.save(tmp_path / "kept" / "walks.template")
    again = Template.load(tmp_path / "kept" / "walks.template")
    assert again.event_names == ("lift", "put")
    assert again.events == template.events
    clips = people(2, first=20)
    joined, before = again.with_clips(clips), template.with_clips(clips)
    found = transfer_in_folder(joined, again.events or {}, [8, 9])
    assert [one.events for one in found] == [
        one.events for one in transfer_in_folder(before, again.events or {}, [8, 9])
    ]
    for number, one in enumerate(found, start=20):
        assert list(one.events) == pytest.approx(true_events(number), abs=0.4)
    at_once = gather_folder([*people(8), *clips], voters=range(8))
    same = transfer_in_folder(at_once, again.events or {}, [8, 9])
    for one, other in zip(found, same, strict=True):
        assert list(one.events) == pytest.approx(list(other.events), abs=1e-6)


def test_another_clip_changes_no_answer(template: Template) -> None:
    one, other = people(2, first=20)
    alone, beside = template.with_clips([one]), template.with_clips([one, other])
    np.testing.assert_allclose(
        alone.group.matrix(8, 0).toarray(), beside.group.matrix(8, 0).toarray(), atol=1e-6
    )  # fmt: skip


def test_a_clip_costs_its_alignments_with_the_kept_videos(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    aligned: list[int] = []
    align = pair_posteriors.expected_alignment

    def counting(similarity: Tensor, **options: Any) -> Tensor:
        aligned.append(len(similarity))
        return align(similarity, **options)

    monkeypatch.setattr(pair_posteriors, "expected_alignment", counting)
    template.with_clips([])
    known = sum(aligned)
    template.with_clips(people(1, first=20))
    assert sum(aligned) == known + known + len(template.embeddings)


def test_few_videos_are_kept_the_labelled_among_them_and_no_stranger() -> None:
    noise = np.random.default_rng(0).standard_normal((60, people(1)[0].vectors.shape[1]))
    folder = gather_folder([*people(9), Embedding(noise.astype(np.float32), np.arange(60) / 10, "noise")])
    assert folder.votes.strangers == (9,)
    kept = Template.of(folder, event_names=("lift",), events={7: (2.0,)}, most=3)
    names = [embedding.source for embedding in kept.embeddings]
    assert "v7" in names
    assert "noise" not in names
    assert 3 <= len(names) <= 5
    assert kept.events == {names.index("v7"): (2.0,)}


def test_a_stranger_to_the_template_is_told(template: Template) -> None:
    noise = np.random.default_rng(0).standard_normal((60, people(1)[0].vectors.shape[1]))
    stranger = Embedding(noise.astype(np.float32), np.arange(60) / 10, "noise")
    folder = template.with_clips([*people(1, first=20), stranger])
    assert folder.votes.strangers == (9,)
    _, reports = deviate_from_group(folder.embeddings, folder.group, reference=template.reference, only=[8, 9])
    assert [(report.source, report.stranger) for report in rank(reports)] == [("v20", False), ("noise", True)]


def test_from_python_by_arrays_and_by_file(template: Template, tmp_path: Path) -> None:
    template.save(tmp_path / "t")
    clip = people(1, first=20)[0]
    found = syncline.transfer([clip], template=tmp_path / "t")[0]
    assert list(found.events) == pytest.approx(true_events(20), abs=0.4)
    assert [report.source for report in syncline.deviate([clip], template=template)] == ["v20"]
    aligned = syncline.align(clip, template=template)
    assert aligned.sources == ("v20", template.embeddings[template.reference].source)
    assert syncline.align(clip, people(1, first=21)[0], template=template).mode == "consensus"
    with pytest.raises(SynclineError, match="give one of the two"):
        syncline.transfer([clip], {0: [1.0]}, template=template)
    with pytest.raises(SynclineError, match="widths"):
        syncline.deviate([Embedding(clip.vectors[:, :5], clip.pts_seconds, "narrow")], template=template)


def test_files_that_are_no_template_of_this_version_are_refused(template: Template, tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="no such file"):
        Template.load(tmp_path / "none")
    path = tmp_path / "t"
    path.write_text("nothing of the kind")
    with pytest.raises(SynclineError, match="is no template"):
        Template.load(path)
    template.save(path)
    with safe_open(path, framework="np") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in ("vectors", "pts_seconds", "lengths", "weights")}
    save_file(tensors, path, metadata=about | {"format": "syncline template 9"})
    with pytest.raises(SynclineError, match="format is 'syncline template 9'"):
        Template.load(path)
    lacking = {key: value for key, value in json.loads(about["about"]).items() if key != "groups"}
    save_file(tensors, path, metadata=about | {"about": json.dumps(lacking)})
    with pytest.raises(SynclineError, match="damaged template"):
        Template.load(path)


def test_labels_must_fit_their_names() -> None:
    with pytest.raises(SynclineError, match="as many events"):
        Template.of(gather_folder(people(3)), event_names=("one",), events={0: (1.0, 2.0)})
    assert Template.of(gather_folder(people(1)), made_with=MadeWith("run", "abc")).reference == 0
