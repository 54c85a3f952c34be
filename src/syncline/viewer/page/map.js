// The frames of all videos in two dimensions.
import { timeText, el, sized, viewKeys, withColours } from "/page/dom.js";
import { getJSON, go, heading, nameOf, pictureOf, state } from "/page/core.js";

const MARGIN = 16;
const COLOURS = {
  progress: { label: "Progress", of: (map, i) => `hsl(${250 - 210 * map.progress[i]} 75% ${48 + 12 * map.progress[i]}%)` },
  video: { label: "Video", of: (map, i) => `hsl(${(map.video[i] * 137.5) % 360} 65% 55%)` },
  phase: { label: "Phase", of: (map, i) => map.phase[i] < 0 ? "hsl(220 10% 55%)" : `hsl(${(map.phase[i] * 47 + 200) % 360} 65% 55%)` },
};

export async function mapView(root) {
  root.replaceChildren(heading("All frames", "Frames that lie close together look like the same moment."), el("p", { class: "wait soft", role: "status" }, "Loading …"));
  const map = await getJSON("/api/map");
  if (!root.isConnected) return;
  const hasPhases = map.phase.some((phase) => phase >= 0);
  let by = hasPhases ? "phase" : "progress", current = 0, trail = true;
  const choose = el("select", { "aria-label": "Colour by", onchange: () => { by = choose.value; legend.replaceChildren(...entries()); draw(); } },
    Object.entries(COLOURS).filter(([name]) => name !== "phase" || hasPhases).map(([name, { label }]) => el("option", { value: name, selected: name === by }, label)));
  const line = el("input", { type: "checkbox", checked: true, onchange: () => { trail = line.checked; draw(); } });
  const canvas = el("canvas", { class: "map", tabindex: 0, role: "img", "aria-label": "Every frame of every video in two dimensions. Arrow keys go along the video, page keys to the next video, enter opens the moment." });
  const image = el("img", { alt: "", width: 320, height: 240, hidden: true }), caption = el("p", { role: "status" }, "Point at a frame, or use the arrow keys.");
  const opens = el("button", { hidden: true, onclick: () => open() }, "Go to this moment");
  const places = { x: [], y: [] };
  const starts = map.video.map((video, i) => i === 0 || video !== map.video[i - 1] ? i : -1).filter((i) => i >= 0);
  const legend = el("ul", { class: "legend", "aria-label": "What the colours mean" });
  const entries = () => {
    const named = (colour, text) => {
      const dot = el("i");
      dot.style.background = colour;
      return el("li", {}, dot, text);
    };
    if (by === "progress") return [el("li", {}, "start", el("i", { class: "ramp" }), "end of each video")];
    if (by === "video") return starts.slice(0, 12).map((i) => named(COLOURS.video.of(map, i), nameOf(map.video[i]))).concat(starts.length > 12 ? el("li", {}, `and ${starts.length - 12} more`) : []);
    const phases = [...new Set(map.phase)].sort((x, y) => x - y), events = state.folder.events;
    return phases.map((phase) => named(COLOURS.phase.of(map, map.phase.indexOf(phase)), phase < 0 ? "unlabelled" : phase === 0 ? "before the first event" : `from ${events[phase - 1] || `event ${phase}`}`));
  };
  const draw = () => {
    if (!canvas.isConnected) return;
    const { pen, width, height } = sized(canvas), colourOf = COLOURS[by].of;
    places.x = map.x.map((x) => MARGIN + (x + 1) / 2 * (width - 2 * MARGIN)); places.y = map.y.map((y) => MARGIN + (1 - y) / 2 * (height - 2 * MARGIN));
    const size = map.x.length > 8000 ? 1.6 : 2.4;
    pen.globalAlpha = 0.6;
    for (let i = 0; i < map.x.length; i++) { pen.fillStyle = colourOf(map, i); pen.beginPath(); pen.arc(places.x[i], places.y[i], size, 0, 7); pen.fill(); }
    pen.globalAlpha = 1;
    const ink = getComputedStyle(document.body).color, first = starts.findLast((i) => i <= current), after = starts.find((i) => i > current) ?? map.x.length;
    if (trail) { pen.strokeStyle = ink; pen.globalAlpha = 0.8; pen.lineWidth = 1.5; pen.beginPath(); for (let i = first; i < after; i++) pen.lineTo(places.x[i], places.y[i]); pen.stroke(); pen.globalAlpha = 1; }
    pen.lineWidth = 2.5; pen.strokeStyle = ink; pen.fillStyle = colourOf(map, current);
    pen.beginPath(); pen.arc(places.x[current], places.y[current], 7, 0, 7); pen.fill(); pen.stroke();
  };
  let waiting = null;
  const pick = (i) => {
    current = i; draw();
    const phase = map.phase[i] < 0 ? "" : ` · phase ${map.phase[i] + 1}`;
    caption.textContent = `${nameOf(map.video[i])} at ${timeText(map.second[i])}${phase}`;
    clearTimeout(waiting);
    waiting = setTimeout(() => { image.src = pictureOf(map.video[i], map.second[i]); image.alt = caption.textContent; image.hidden = false; opens.hidden = false; }, 60);
  };
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = 0, least = Infinity;
    for (let i = 0; i < map.x.length; i++) { const d = (places.x[i] - x) ** 2 + (places.y[i] - y) ** 2; if (d < least) { least = d; best = i; } }
    return best;
  };
  const open = () => go("search", { id: map.video[current], t: map.second[current] });
  canvas.addEventListener("pointermove", (event) => pick(nearest(event)));
  canvas.addEventListener("click", (event) => { pick(nearest(event)); open(); });
  viewKeys(root, (key, event) => {
    const place = starts.findLastIndex((i) => i <= current), here = event.target === canvas; // elsewhere up and down scroll
    if (key === "ArrowRight" || (here && key === "ArrowDown")) pick(Math.min(map.x.length - 1, current + 1));
    else if (key === "ArrowLeft" || (here && key === "ArrowUp")) pick(Math.max(0, current - 1));
    else if (key === "PageDown") pick(starts[Math.min(starts.length - 1, place + 1)]);
    else if (key === "PageUp") pick(starts[Math.max(0, place - 1)]);
    else if (key === "Enter") open();
    else return false;
    return true;
  }, [["← →", "along the video"], ["PageUp PageDown", "previous, next video"], ["Enter", "go to this moment"]]);
  root.replaceChildren(heading("All frames", `${map.x.length} frames of ${starts.length} video${starts.length === 1 ? "" : "s"}. Those that lie close together look like the same moment.`),
    el("div", { class: "bar" }, el("label", { class: "choice" }, el("span", {}, "Colour by"), choose), el("label", { class: "check" }, line, "path of the video"), legend),
    el("div", { class: "around" }, canvas, el("aside", { class: "panel seen" }, image, caption, opens)));
  new ResizeObserver(draw).observe(canvas);
  withColours(root, draw);
  legend.replaceChildren(...entries());
  draw();
  pick(0);
}
