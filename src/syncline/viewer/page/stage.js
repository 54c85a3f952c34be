// Two videos in step with everything around them. Needs no network: the page that is shared plays by it too.
import { timeText, el, say, viewKeys, withColours } from "/page/dom.js";
import { Follower, Path } from "/page/follow.js";
import { MatrixPlot, TempoPlot, drawTrack } from "/page/plots.js";
import { Screens } from "/page/screens.js";
import { PLAYER_KEYS, Transport } from "/page/transport.js";

const KEYS = [...PLAYER_KEYS, ["R", "repeat this segment"], ["[ ]", "repeat from, to here"], ["O", "next layout"], ["Z Shift+Z 0", "zoom the pictures in, out, fit"], ["W", "full screen"], ["+ −", "zoom the matrix"]];

function verdict({ segments, matches, matchScore, threshold, carried = null, leastCarried }) {
  if (!segments.length) return el("p", { class: "verdict bad" }, el("strong", {}, "Nothing matches in this mode."), " Try global.");
  const score = matchScore === null ? null : el("p", { class: "soft" }, `${carried === null ? "Score" : "By themselves they have a score of"} ${matchScore.toFixed(3)}, needs ${threshold.toFixed(2)}; strangers have about 0.`);
  const folder = carried === null ? null : el("p", { class: "soft" }, carried === 0 ? "The folder carries nothing between the two." : `The folder ${carried >= leastCarried ? "links" : "does not link"} the two: it carries ${Math.round(100 * carried)} % of the shorter one, needs ${Math.round(100 * leastCarried)} %.`);
  const meter = matchScore === null ? null : el("meter", { min: 0, max: 1, low: threshold, optimum: 1, value: Math.max(0, matchScore), "aria-label": `Match score ${matchScore.toFixed(3)} of 1, needs ${threshold.toFixed(2)}` });
  if (matches) return el("div", { class: "verdict good" }, el("strong", {}, "These two match."), folder, meter, score);
  return el("div", { class: "verdict bad" }, el("strong", {}, "These two hardly match."), " Do not trust the path.", folder, meter, score);
}

function soundSelect(videos, sounds) {
  const choices = [["a", "A"], ["b", "B"]].filter((_, k) => sounds[k]);
  const select = el("select", { "aria-label": "Sound", onchange: () => videos.forEach((video, k) => { video.muted = select.value !== "ab"[k]; }) },
    [...choices, ["", "off"]].map(([value, text]) => el("option", { value }, text)));
  videos.forEach((video, k) => { video.muted = select.value !== "ab"[k]; });
  return { select, node: choices.length ? el("label", { class: "choice" }, el("span", {}, "Sound"), select) : null };
}

// parts: {data, tile, names, videos: [element, element], bothPts, sounds, look, fetchTile, tools: [elements], panels: [elements], keys(key, stage, event), extraKeys,
// under: {root, draw}, what stands under the players}
export function makeStage({ data, tile, names, videos, bothPts, sounds = [true, true], look, fetchTile = null, tools = [], panels = [], keys = () => false, extraKeys = [], pins = null, under = null }) {
  const [left, right] = videos;
  left.id = "a"; right.id = "b";
  left.setAttribute("aria-label", `A: ${names[0]}`); right.setAttribute("aria-label", `B: ${names[1]}`);
  const path = new Path(data.segments, data.gaps), follower = new Follower(right, bothPts[1]);
  const sound = soundSelect(videos, sounds), state = { b: 0, nudge: 0 };
  const screens = new Screens(videos, names, { look, onclick: () => transport.toggle() });
  const track = el("canvas", { class: "track", role: "img", "aria-label": "Where A is matched (solid) and where it has no counterpart (stripes)" });
  const canvas = el("canvas", { class: "matrix", tabindex: 0, role: "slider", "aria-label": "Similarity of every frame of A (across) and B (up) with the path; arrow keys move in A, plus and minus zoom",
    "aria-valuemin": 0, "aria-valuemax": bothPts[0].end.toFixed(2), "aria-valuenow": 0 });
  const tempoCanvas = el("canvas", { class: "tempo", role: "img", "aria-label": "Tempo: seconds of B that pass in one second of A" });
  let pending = false, transport = null, matrix = null, tempo = null;
  const plots = () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      matrix.move(transport.second, state.b);
      tempo.draw();
      under?.draw({ second: transport.second, end: bothPts[0].end, path });
      drawTrack(track, { duration: bothPts[0].end, segments: data.segments, gaps: path.gaps, events: data.events[0], names: data.names, now: transport.second, loop: transport.loop });
    });
  };
  const shown = (frame, second, playing) => {
    const waits = path.waits(second);
    if (playing) state.nudge = 0;
    const at = bothPts[1].frame(path.at(second)), frameB = Math.min(bothPts[1].count - 1, Math.max(0, at + state.nudge));
    const target = state.nudge ? bothPts[1].seconds[frameB] : path.at(second);
    if (!playing) follower.settle(target);
    state.b = target;
    screens.waiting.hidden = !waits;
    screens.figures[1].classList.toggle("waiting", waits);
    if (waits) say(screens.waiting, data.segments.length ? "B waits: nothing in it matches this part of A" : "No match");
    say(screens.times[0], `${timeText(second)} · frame ${frame + 1}`);
    const now = playing ? bothPts[1].frame(right.currentTime) : frameB;
    say(screens.times[1], `${timeText(bothPts[1].seconds[now])} · frame ${now + 1}${state.nudge ? " · moved" : ""}`);
    plots();
  };
  transport = new Transport(left, bothPts[0], { name: "A", onframe: (frame, ...facts) => {
    if (frame !== state.frame) state.nudge = 0;
    state.frame = frame;
    if (matrix) shown(frame, ...facts);
  } });
  matrix = new MatrixPlot(canvas, data, tile, { seek: (second) => { transport.pause(); transport.goTo(second); }, fetchTile, pins });
  tempo = new TempoPlot(tempoCanvas, data, matrix);
  const steer = () => { // every presented frame of A steers B
    if (!left.isConnected) return;
    if (transport.playing) { const t = left.currentTime; follower.steer(path.at(t), path.slope(t), left.playbackRate, path.waits(t)); }
    left.requestVideoFrameCallback(steer);
  };
  left.requestVideoFrameCallback(steer);

  const loop = el("button", { "aria-pressed": "false", title: "Repeat the matched stretch around this moment (R)", onclick: () => setLoop(transport.loop ? null : whole()) }, "Repeat segment");
  const whole = () => { const segment = path.segment(transport.second) || data.segments[0]; return segment ? [...segment.a] : [0, bothPts[0].end]; };
  const setLoop = (value) => { transport.loop = value; loop.setAttribute("aria-pressed", String(Boolean(value))); plots(); };
  const before = (b) => { const row = data.rows.filter(([, time]) => time <= b).at(-1) || data.rows[0]; return row ? row[0] : 0; };
  const gapList = data.gaps.map((gap) => el("li", { class: gap.video }, el("button", { class: "link", onclick: () => { transport.pause(); transport.goTo(gap.video === "a" ? gap.from : before(gap.from)); } },
    `${gap.video.toUpperCase()} ${timeText(gap.from)} – ${timeText(gap.to)}`), gap.video === "a" ? " not in B: B waits" : " not in A: skipped"));
  const slowList = data.slower.map((one) => el("li", { class: one.video }, `${one.video.toUpperCase()} takes its time: ${timeText(one.from)} – ${timeText(one.to)}`));
  const theatre = el("div", { class: "theatre" });
  const full = () => { if (document.fullscreenElement) document.exitFullscreen(); else theatre.requestFullscreen?.().catch(() => {}); };
  transport.bar.append(loop);
  theatre.append(screens.pair, el("div", { class: "deck" }, track, transport.bar,
    el("div", { class: "transport looks" }, screens.tools, sound.node, el("button", { title: "Full screen (W)", onclick: full }, "Full screen"))));
  const root = el("div", { class: "stage" }, theatre, under?.root,
    el("div", { class: "below" },
      el("section", { class: "panel", "aria-label": "Similarity and tempo" }, el("h2", {}, "Similarity"), canvas, el("h2", {}, "Tempo of B against A"), tempoCanvas),
      el("aside", { class: "panel facts" }, verdict(data), tools.length ? el("div", { class: "tools" }, tools) : null, panels,
        el("h2", {}, "Without counterpart"), gapList.length ? el("ul", { class: "gaps" }, gapList) : el("p", { class: "soft" }, `No gap of ${Number(data.gapScale.toFixed(2))} s or more.`), slowList.length ? el("ul", { class: "slow" }, slowList) : null)));
  const nudge = (frames) => { transport.pause(); state.nudge += frames; shown(transport.frame, transport.second, false); };
  const stage = { root, transport, follower, path, screens, sound: sound.select, nudge, get b() { return state.b; }, redraw: plots, start: (second) => transport.goTo(second) };
  viewKeys(root, (key, event) => {
    if (keys(key, stage, event)) return true;
    if (event.target === canvas && (key === "ArrowUp" || key === "ArrowDown")) { transport.step(key === "ArrowUp" ? 1 : -1); return true; }
    if (key === "r" || key === "R") setLoop(transport.loop ? null : whole());
    else if (key === "w" || key === "W") full();
    else if (key === "[") setLoop([transport.second, Math.max(transport.loop ? transport.loop[1] : bothPts[0].end, transport.second + 0.1)]);
    else if (key === "]") setLoop([Math.min(transport.loop ? transport.loop[0] : 0, transport.second - 0.1), transport.second]);
    else if (key === "+" || key === "=") { matrix.zoom(0.7); tempo.draw(); }
    else if (key === "-") { matrix.zoom(1 / 0.7); tempo.draw(); }
    else return screens.key(key) || transport.key(key, event);
    return true;
  }, [...KEYS, ...extraKeys]);
  canvas.addEventListener("wheel", () => tempo.draw());
  new ResizeObserver(plots).observe(canvas);
  withColours(root, plots);
  return stage;
}
