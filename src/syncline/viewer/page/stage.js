// Two videos in step with everything around them. Needs no network: the page that is shared plays by it too.
import { clockText, el, say, viewKeys, withColours } from "/page/dom.js";
import { Follower, Path } from "/page/follow.js";
import { MatrixPlot, TempoPlot, drawTrack } from "/page/plots.js";
import { Transport } from "/page/transport.js";

const KEYS = [["Space", "play or pause"], ["← →", "one frame"], ["Shift ← →", "one second"], ["Home End", "start, end"], ["L", "loop this segment"], ["[ ]", "loop from, to here"], ["+ −", "zoom the matrix"]];

function verdict(data) {
  if (!data.segments.length) return el("p", { class: "verdict bad" }, el("strong", {}, "Nothing matches in this mode."), " Try global.");
  if (data.matches) return el("p", { class: "verdict good" }, el("strong", {}, "These two match."), data.matchScore === null ? "" : ` Score ${data.matchScore.toFixed(2)}`);
  return el("p", { class: "verdict bad" }, el("strong", {}, "These two hardly match."), ` Score ${(data.matchScore ?? 0).toFixed(2)}: do not trust the path.`);
}

// parts: {data, tile, names, videos: [element, element], clocks, fetchTile, tools: [elements], keys(key, stage), extraKeys}
export function makeStage({ data, tile, names, videos: [left, right], clocks, fetchTile = null, tools = [], keys = () => false, extraKeys = [] }) {
  left.id = "a"; right.id = "b"; right.muted = true;
  left.setAttribute("aria-label", `A: ${names[0]}`); right.setAttribute("aria-label", `B: ${names[1]}`);
  const path = new Path(data.segments, data.gaps), follower = new Follower(right, clocks[1]);
  const timeB = el("span", { class: "time", id: "time-b" });
  const waiting = el("p", { class: "waits", role: "status", hidden: true });
  const figureB = el("figure", { class: "b" }, el("div", { class: "screen" }, right, waiting), el("figcaption", {}, el("span", { class: "tag" }, "B"), el("span", { class: "name" }, names[1]), timeB));
  const timeA = el("span", { class: "time", id: "time-a" });
  const figureA = el("figure", { class: "a" }, el("div", { class: "screen" }, left), el("figcaption", {}, el("span", { class: "tag" }, "A"), el("span", { class: "name" }, names[0]), timeA));
  const track = el("canvas", { class: "track", role: "img", "aria-label": "Where A is matched (solid) and where it has no counterpart (stripes)" });
  const canvas = el("canvas", { class: "matrix", tabindex: 0, role: "slider", "aria-label": "Similarity of every frame of A (across) and B (up) with the path; arrow keys move in A, plus and minus zoom",
    "aria-valuemin": 0, "aria-valuemax": clocks[0].end.toFixed(2), "aria-valuenow": 0 });
  const tempoCanvas = el("canvas", { class: "tempo", role: "img", "aria-label": "Tempo: seconds of B that pass in one second of A" });
  let pending = false;
  const plots = () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      matrix.move(transport.second, state.b);
      tempo.draw();
      drawTrack(track, { duration: clocks[0].end, segments: data.segments, events: data.events[0], now: transport.second, loop: transport.loop });
    });
  };
  const state = { b: 0 };
  const shown = (frame, second, playing) => {
    const target = path.at(second), waits = path.waits(second);
    if (!playing) follower.settle(target);
    state.b = target;
    waiting.hidden = !waits;
    figureB.classList.toggle("waiting", waits);
    if (waits) say(waiting, data.segments.length ? "B waits: nothing in it matches this part of A" : "No match");
    say(timeA, `${clockText(second)} · frame ${frame + 1}`);
    const frameB = clocks[1].frame(playing ? right.currentTime : target);
    say(timeB, `${clockText(clocks[1].seconds[frameB])} · frame ${frameB + 1}`);
    if (transport) plots();
  };
  let transport = null, matrix = null, tempo = null;
  transport = new Transport(left, clocks[0], { name: "A", onframe: (...facts) => { if (matrix) shown(...facts); } });
  matrix = new MatrixPlot(canvas, data, tile, { seek: (second) => { transport.pause(); transport.goTo(second); }, fetchTile });
  tempo = new TempoPlot(tempoCanvas, data, matrix);
  const steer = () => { // every presented frame of A steers B
    if (!left.isConnected) return;
    if (transport.playing) { const t = left.currentTime; follower.steer(path.at(t), path.slope(t), left.playbackRate, path.waits(t)); }
    left.requestVideoFrameCallback(steer);
  };
  left.requestVideoFrameCallback(steer);

  const loop = el("button", { "aria-pressed": "false", title: "Loop the matched stretch around this moment (L)", onclick: () => setLoop(transport.loop ? null : whole()) }, "Loop segment");
  const whole = () => { const segment = path.segment(transport.second) || data.segments[0]; return segment ? [...segment.a] : [0, clocks[0].end]; };
  const setLoop = (value) => { transport.loop = value; loop.setAttribute("aria-pressed", String(Boolean(value))); plots(); };
  const gapList = data.gaps.map((gap) => el("li", { class: gap.video }, el("button", { class: "link", onclick: () => { transport.pause(); transport.goTo(gap.video === "a" ? gap.from : before(gap.from)); } },
    `${gap.video.toUpperCase()} ${clockText(gap.from)} – ${clockText(gap.to)}`), gap.video === "a" ? " not in B: B waits" : " not in A: skipped"));
  const before = (b) => { const row = data.rows.filter(([, time]) => time <= b).at(-1) || data.rows[0]; return row ? row[0] : 0; };
  const keyList = el("details", { class: "keys" }, el("summary", {}, "Keyboard"), el("dl", {}, [...KEYS, ...extraKeys].map(([key, does]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, does)))));
  transport.bar.append(loop);
  const root = el("div", { class: "stage" }, el("div", { class: "pair" }, figureA, figureB),
    el("div", { class: "deck" }, track, transport.bar),
    el("div", { class: "below" },
      el("section", { class: "panel", "aria-label": "Similarity and tempo" }, el("h2", {}, "Similarity"), canvas, el("h2", {}, "Tempo of B against A"), tempoCanvas),
      el("aside", { class: "panel facts" }, verdict(data), tools.length ? el("div", { class: "tools" }, tools) : null,
        el("h2", {}, "Without counterpart"), gapList.length ? el("ul", { class: "gaps" }, gapList) : el("p", { class: "soft" }, "No gap of half a second or more."), keyList)));
  viewKeys(root, (key, event) => {
    if (keys(key, transport, event)) return true;
    if (event.target === canvas && (key === "ArrowUp" || key === "ArrowDown")) { transport.step(key === "ArrowUp" ? 1 : -1); return true; }
    if (key === "l" || key === "L") setLoop(transport.loop ? null : whole());
    else if (key === "[") setLoop([transport.second, Math.max(transport.loop ? transport.loop[1] : clocks[0].end, transport.second + 0.1)]);
    else if (key === "]") setLoop([Math.min(transport.loop ? transport.loop[0] : 0, transport.second - 0.1), transport.second]);
    else if (key === "+" || key === "=") { matrix.zoom(0.7); tempo.draw(); }
    else if (key === "-") { matrix.zoom(1 / 0.7); tempo.draw(); }
    else return transport.key(key, event);
    return true;
  });
  canvas.addEventListener("wheel", () => tempo.draw());
  new ResizeObserver(plots).observe(canvas);
  withColours(root, plots);
  // one presentation makes sure that both stand on exact frames once they can be shown
  right.addEventListener("loadeddata", () => { if (!transport.playing) follower.settle(path.at(transport.second)); });
  return { root, transport, follower, path, start: (second) => transport.goTo(second) };
}
