"""The server without a browser: who is answered, what is served, and that no path leaves the library."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bars import write_bar_codes
from odd_films import after_sound
from starlette.testclient import TestClient
from viewing import known_embedding, make_folder, make_library, until

from syncline.data import open_videos
from syncline.data.labels.label_formats import read_labels
from syncline.data.labels.video_labels import known_events
from syncline.video import VideoReader
from syncline.viewer.app import create_app
from syncline.viewer.embedding_sources import Given
from syncline.viewer.library import Library

TOKEN = "the-token-of-this-session"
CHANGES = [
    ("/api/labels", {"id": 0, "event": 0, "second": 1.0}),
    ("/api/names", {"event": 0, "name": "grasp"}),
    ("/api/undo", {}),
    ("/api/rank", {}),
    ("/api/train", {}),
    ("/api/stop", {}),
    ("/api/source", {"name": "another"}),
    ("/api/pins", {"a": 0, "b": 1, "second_a": 1.0, "second_b": 1.0}),
    ("/api/add?name=no-video.mp4", {}),
    ("/api/open?name=no-labels.csv", {}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("bars"), {"one": 40, "two": 40, "three": 30})


@pytest.fixture
def library(folder: Path, tmp_path: Path) -> Library:
    return make_library(folder, tmp_path / "work")


def ready_client(library: Library) -> TestClient:
    app = create_app(library, Given(known_embedding), token=TOKEN)
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    until(lambda: client.get("/api/status").json()["embedding"]["state"] != "working", 300)  # a busy machine's
    state = client.get("/api/status").json()["embedding"]
    assert state["state"] == "ready", state
    return client


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """One for all tests that do not look at what was changed."""
    return ready_client(make_library(folder, tmp_path_factory.mktemp("shared") / "work"))


@pytest.fixture
def fresh(library: Library) -> TestClient:
    """One whose library nobody has changed."""
    return ready_client(library)


# ---- who is answered


@pytest.mark.parametrize(
    "host", ["evil.example", "192.168.1.7:8000", "www.localhost:8000", "localhost.evil.example:8000", ""]
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/api/library", "/video/0", "/page/app.js"):
        assert client.get(path, headers={"host": host}).status_code == 400


def test_own_names_are_answered(client: TestClient) -> None:
    for host in ("127.0.0.1:8000", "localhost:8000"):
        assert client.get("/api/library", headers={"host": host}).status_code == 200


def test_wherever_it_listens_names_of_others_are_refused(library: Library) -> None:
    app = create_app(library, Given(known_embedding), host="0.0.0.0", token=TOKEN)
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    good = ["192.168.1.7:8000", "[fe80::1]:8000", "localhost:8000"]
    bad = ["evil.example:8000", "192.168.1.7.evil.example:8000", "localhost.evil.example", ""]
    for host, status in [*((host, 200) for host in good), *((host, 400) for host in bad)]:
        assert client.get("/api/status", headers={"host": host}).status_code == status, host


def test_at_port_80_browsers_name_no_port(library: Library) -> None:
    own = {"x-syncline-token": TOKEN}
    for host, good in (("127.0.0.1", ["127.0.0.1", "localhost"]), ("0.0.0.0", ["192.168.1.7", "[fe80::1]"])):
        client = TestClient(create_app(library, Given(known_embedding), host=host, token=TOKEN))
        for name in good:
            origin = {"host": name, "origin": f"http://{name}"}
            assert client.post("/api/labels", json={"id": 0, "event": 0}, headers=own | origin).status_code == 200, name
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(("path", "body"), CHANGES)
def test_changes_need_the_token_and_the_own_origin(client: TestClient, path: str, body: dict[str, object]) -> None:
    own, other = {"x-syncline-token": TOKEN}, {"origin": "http://evil.example"}
    assert client.post(path, json=body).status_code == 403
    assert client.post(path, json=body, headers={"x-syncline-token": "guessed"}).status_code == 403
    assert client.post(path, json=body, headers={"x-syncline-token": "\u00e9".encode("latin-1")}).status_code == 403
    assert client.post(path, json=body, headers=own | other).status_code == 403
    assert client.post(path, json=body, headers=own | {"origin": "null"}).status_code == 403
    accepted = client.post(path, json=body, headers=own | {"origin": "http://127.0.0.1:8000"})
    assert accepted.status_code in (200, 409)  # 409: said in words, as that there is nothing to train


def test_nothing_changes_by_get(fresh: TestClient, library: Library) -> None:
    for path, _ in CHANGES:
        fresh.get(f"{path}?id=0&event=0&second=1&name=x")
    assert library.journal.marks() == {}
    assert not library.journal.path.exists()


def test_every_answer_has_the_strict_headers(client: TestClient) -> None:
    for path in ("/", "/api/library", "/page/app.js", "/video/0", "/nothing", "/api/compare?a=0&b=99"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert (
        "access-control-allow-origin"
        not in client.get("/api/library", headers={"origin": "http://evil.example"}).headers
    )


# ---- no path leaves the library

ESCAPES = [
    "/video/../secret.txt", "/video/%2e%2e/secret.txt", "/video/..%2fsecret.txt", "/video/%2fetc%2fpasswd",
    "/video//etc/passwd", "/video/-1", "/video/3", "/video/0x0", "/video/one.mp4", "/video/0/../../secret.txt",
    "/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/..%5capp.py", "/page/%2fetc%2fpasswd", "/page/index.html",
    "/page/app.js%00.css", "/secret.txt", "/one.mp4", "/.syncline/labels.jsonl",
]  # fmt: skip


@pytest.mark.parametrize("path", ESCAPES)
def test_no_request_names_a_file(client: TestClient, folder: Path, path: str) -> None:
    (folder / "secret.txt").write_text("secret")
    answer = client.get(path)
    assert answer.status_code in (404, 409), (path, answer.status_code)
    assert "secret" not in answer.text.replace("/secret.txt", "")
    assert "root:" not in answer.text


def test_the_page_holds_no_path_of_this_machine(client: TestClient, folder: Path) -> None:
    for path in (
        "/",
        "/api/library",
        "/api/status",
        "/api/compare?a=0&b=1",
        "/api/labels",
        "/api/search?id=0&t=1",
        "/api/map",
    ):
        assert str(folder) not in client.get(path).text


# ---- what is served


def test_videos_come_in_ranges(client: TestClient, folder: Path) -> None:
    whole = (folder / "one.mp4").read_bytes()
    part = client.get("/video/0", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get("/video/0").content == whole


def test_what_is_named_by_number_is_never_shown_unasked(client: TestClient) -> None:
    """The port and the numbers are those of another folder the next time."""
    for path in ("/video/0", "/api/strip/0", "/api/picture/0?t=1"):
        assert client.get(path).headers["cache-control"] == "private, no-cache"


def test_bad_requests_are_one_clear_line(fresh: TestClient) -> None:
    bad = [
        "compare", "compare?a=x&b=1", "picture/0", "picture/0?t=nan", "picture/0?t=inf", "search?id=0&t=x",
        "compare?a=0&b=9", "compare?a=0&b=1&mode=odd", "timeline?ids=0", "timeline?ids=0,0", "export?form=exe",
        "export?form=csv", "matrix?a=0&b=1&a0=5&a1=4&b0=0&b1=1", "film?a=0&b=1", "pins?a=0&b=9",
        "film?a=0&b=1&layout=odd&mix=0&zoom=1&x=0&y=0&aspect=1.7&from=0&to=1",
        "film?a=0&b=1&layout=side&mix=0&zoom=9&x=0&y=0&aspect=1.7&from=0&to=1",
    ]  # fmt: skip
    for path in bad:
        answer = fresh.get(f"/api/{path}")
        assert answer.status_code in (400, 409), path
        assert len(answer.json()["error"].splitlines()) == 1
    own = {"x-syncline-token": TOKEN}
    good = {"id": 0, "event": 0, "second": 1}
    wrong = [{"id": 7}, {"event": -1}, {"second": -4}, {"second": float("nan")}, {"id": "x"}, {"event": None}]
    bodies = [b"", b"[]", b"{", b'{"id": 0}', b" " * 200_000, *(json.dumps(good | part).encode() for part in wrong)]
    for body in bodies:
        assert fresh.post("/api/labels", content=body, headers=own).status_code in (400, 409), body[:40]


def test_an_added_file_lies_beside_the_marks_whatever_its_name_says(
    fresh: TestClient, library: Library, folder: Path
) -> None:
    own, film = {"x-syncline-token": TOKEN}, (folder / "one.mp4").read_bytes()
    answer = fresh.post("/api/add?name=..%2F..%2Ffour.mp4", content=film, headers=own)
    assert answer.json() == {"id": 3}
    assert [path.name for path in (library.work / "added").iterdir()] == ["four.mp4"]
    assert fresh.get("/video/3").content == film
    for name, why in (("four.mp4", "already"), (".hidden.mp4", "cannot be the name"), ("text.mp4", "text.mp4")):
        refused = fresh.post(f"/api/add?name={name}", content=b"text" if name == "text.mp4" else film, headers=own)
        assert refused.status_code == 409
        assert why in refused.json()["error"]
        assert str(folder.parent) not in refused.json()["error"]
    assert [path.name for path in (library.work / "added").iterdir()] == ["four.mp4"]


def test_a_read_only_folder_is_told(folder: Path, tmp_path: Path) -> None:
    library = Library(open_videos(folder), tmp_path / "work", read_only=True)
    assert ready_client(library).get("/api/library").json()["readOnly"] is True


def test_a_full_disk_is_one_clear_line(
    fresh: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr("syncline.files.os.fsync", full)
    answer = fresh.post("/api/labels", json={"id": 0, "event": 0}, headers={"x-syncline-token": TOKEN})
    assert answer.status_code == 507
    assert answer.json()["error"].endswith("nothing was saved: No space left on device")
    assert library.journal.marks() == {}


def test_times_of_pictures_name_the_frame_itself(client: TestClient) -> None:
    """Frames of 15 a second begin between milliseconds; three digits would be the end of the one before."""
    clock = np.frombuffer(client.get("/api/pts/0").content, "<f8")
    found = client.get("/api/map").json()
    seconds = np.array([second for second, video in zip(found["second"], found["video"], strict=True) if video == 0])
    assert np.abs(seconds - clock[::2]).max() < 2e-5


def test_matrix_and_clock_are_bytes(client: TestClient) -> None:
    answer = client.get("/api/matrix?a=0&b=2")
    rows, columns = map(int, answer.headers["x-shape"].split(","))
    assert (rows, columns) == (20, 20)
    assert len(answer.content) == rows * columns
    diagonal = np.frombuffer(client.get("/api/matrix?a=0&b=0").content, np.uint8).reshape(20, 20)
    assert (diagonal.argmax(axis=0) == np.arange(20)).all()
    clock = np.frombuffer(client.get("/api/pts/0").content, "<f8")
    assert np.allclose(clock, np.arange(40) / 15, atol=1e-4)


def test_labels_transfer_names_and_next(fresh: TestClient) -> None:
    own = {"x-syncline-token": TOKEN}
    assert fresh.get("/api/transfer").json() == {"videos": []}
    until(lambda: fresh.get("/api/status").json()["group"]["state"] == "ready", 300)
    first = fresh.get("/api/next").json()["next"]  # before any mark: the one in which most is found again
    assert (first["event"], first["second"]) == (0, None)
    assert 0.3 < first["covered"] <= 1.0
    for event, second in ((0, 0.6), (1, 1.4)):
        fresh.post("/api/labels", json={"id": 0, "event": event, "second": second}, headers=own)
    found = {entry["id"]: entry["events"] for entry in fresh.get("/api/transfer").json()["videos"]}
    assert [event["by"] for event in found[0]] == ["hand", "hand"]
    assert [event["by"] for event in found[2]] == ["carried", "carried"]
    assert fresh.get("/api/next").json()["next"]["id"] in (1, 2)
    # one event of another video corrected: the other event of it is still carried, and both vote for the third
    fresh.post("/api/labels", json={"id": 2, "event": 0, "second": 0.2}, headers=own)
    found = {entry["id"]: entry["events"] for entry in fresh.get("/api/transfer?ids=2,1").json()["videos"]}
    assert found[2][0] == {"second": 0.2, "confidence": 1.0, "by": "hand"}
    assert found[2][1]["by"] == "carried"
    assert found[2][1]["second"] is not None
    assert len(found[1]) == 2
    fresh.post("/api/names", json={"event": 1, "name": "  let \n go "}, headers=own)
    assert fresh.get("/api/labels").json()["names"] == ["event 1", "let go"]
    assert fresh.post("/api/names", json={"event": 1, "name": "a;b"}, headers=own).status_code == 409


SLOW_THEN_FAST = [*(k / 10 for k in range(30)), *(3 + k / 30 for k in range(30))]
"""Times of a film of variable rate: frame 30 is shown at 3.0 s, where the mean rate would have frame 45."""


def test_every_form_is_exported_with_the_frames_of_the_clock(tmp_path: Path) -> None:
    folder, own = make_folder(tmp_path / "bars", {"two": 40}), {"x-syncline-token": TOKEN}
    write_bar_codes(folder / "one.mp4", 60, times=SLOW_THEN_FAST)
    fresh = ready_client(make_library(folder, tmp_path / "work"))
    for event, second in ((0, 1.0), (1, 3.0)):
        fresh.post("/api/labels", json={"id": 0, "event": event, "second": second}, headers=own)
    forms, names = fresh.get("/api/library").json()["forms"], set()
    for form in forms:
        for carried in (0, 1):
            answer = fresh.get(f"/api/export?form={form}&carried={carried}")
            assert answer.status_code == 200, (form, answer.text)
            name = answer.headers["content-disposition"].split('"')[1]
            names.add(name)
            written = tmp_path / f"{form}-{carried}" / name
            written.parent.mkdir()
            written.write_bytes(answer.content)
            if written.suffix == ".zip":
                zipfile.ZipFile(written).extractall(written.parent)
                written.unlink()
                written = written.parent
            rate = None if form == "label-studio" else 10.0  # which says its own
            tracks = {Path(track.video).stem: track for track in read_labels(written, frame_rate=rate)}
            assert sorted(tracks) == (["one", "two"] if carried else ["one"]), form
            track = known_events(tracks["one"])
            if track.frames is not None:
                assert track.frames == (10, 30), form
            else:
                near = 0.04 if form == "label-studio" else 0.005  # which counts frames at a steady rate
                assert [second for _, second in track.events] == pytest.approx([1.0, 3.0], abs=near), form
    assert len(names) == len(forms), "a name says which form it is"


def test_label_files_may_count_from_where_the_container_begins(tmp_path: Path) -> None:
    folder, own = make_folder(tmp_path / "bars", {"one": 40, "two": 40}), {"x-syncline-token": TOKEN}
    after_sound(folder / "one.mp4", folder / "one.mkv", 0.4)
    (folder / "one.mp4").unlink()
    begins = VideoReader(folder / "one.mkv").container_offset
    library = Library(open_videos(folder), tmp_path / "work", event_names=(), time_origin="container")
    fresh = ready_client(library)
    assert fresh.get("/api/library").json()["timeOrigin"] == "container"
    table = f"video,event,seconds\none.mkv,lift,{1 + begins}\none.mkv,put,{2 + begins}\n"
    assert fresh.post("/api/open?name=marks.csv", content=table, headers=own).status_code == 200
    marks = fresh.get("/api/labels").json()["marks"]["one.mkv"]
    assert list(marks.values()) == pytest.approx([1, 2], abs=1e-6), "marks count from the first picture"
    shown = VideoReader(folder / "one.mkv").pts_seconds
    on_display = [float(shown[shown <= second + 1e-3].max()) + begins for second in (1, 2)]
    for form in ("csv", "json", "boris", "boris-csv", "activitynet"):
        path = tmp_path / fresh.get(f"/api/export?form={form}&carried=0").headers["content-disposition"].split('"')[1]
        path.write_bytes(fresh.get(f"/api/export?form={form}&carried=0").content)
        (track,) = read_labels(path)
        assert [second for _, second in track.events] == pytest.approx(on_display, abs=1e-3), form
    early = f"video,event,seconds\none.mkv,lift,{begins / 2}\n"
    refused = fresh.post("/api/open?name=marks.csv", content=early, headers=own)
    assert refused.status_code == 409
    assert "comes before its first picture" in refused.json()["error"]


def test_label_files_that_do_not_fit_a_film_are_refused_and_change_nothing(tmp_path: Path) -> None:
    folder, own = make_folder(tmp_path / "bars", {"one": 45, "two": 40}), {"x-syncline-token": TOKEN}
    fresh = ready_client(Library(open_videos(folder), tmp_path / "work", event_names=(), label_rate=30.0))
    array = tmp_path / "one.npy"
    np.save(array, np.repeat([0, 1], 30))  # of another film: sixty frames
    late = b"video,event,seconds\none.mp4,lift,1\none.mp4,put,3.5\n"
    for name, content, said in (
        ("one.npy", array.read_bytes(), "60 labels for 45 frames"),
        ("late.csv", late, "outside the video"),
    ):
        answer = fresh.post(f"/api/open?name={name}", content=content, headers=own)
        assert answer.status_code == 409
        assert said in answer.json()["error"]
    assert fresh.get("/api/labels").json()["marks"] == {}
    region = {"type": "timelinelabels", "value": {"ranges": [{"start": 31, "end": 40}], "timelinelabels": ["lift"]}}
    task = {"id": 1, "data": {"video": "one.mp4"}, "annotations": [{"result": [region]}]}
    answer = fresh.post("/api/open?name=project.json", content=json.dumps([task]), headers=own)
    assert answer.status_code == 200, answer.text
    assert fresh.get("/api/labels").json()["marks"] == {"one.mp4": {"0": 1.0}}, "at 30 a second, whatever the film's"


def test_shared_page_asks_nobody(client: TestClient) -> None:
    page = client.get("/api/share?a=0&b=1").text
    head = page[: page.index('<script type="application/json"')]
    assert "default-src 'none'" in head
    script = page[page.rindex("<script") :]
    assert "import " not in script
    assert "fetch(" not in script
    assert "http://" not in head + script
    assert "https://" not in head + script
    assert "</script" not in page[page.index('id="data">') : page.index("</script>")]


def test_map_search_and_timeline(client: TestClient) -> None:
    found = client.get("/api/map").json()
    assert len({len(column) for column in found.values()}) == 1
    assert max(map(abs, found["x"] + found["y"])) <= 1
    hits = client.get("/api/search?id=0&t=1.3&k=2").json()["hits"]
    assert {hit["id"] for hit in hits} <= {1, 2}
    timeline = client.get("/api/timeline?ids=0,2").json()
    assert len(timeline["positions"]) == len(timeline["absent"]) == 2
    assert client.get("/api/partner?a=0").json()["id"] in (1, 2)
