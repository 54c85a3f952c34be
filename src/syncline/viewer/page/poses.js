// Bodies drawn over their films, by a switch, and the angles of a joint in both.
import { clamp, colour, el, failing, say, sized } from "/page/dom.js";
import { getJSON } from "/page/core.js";

const asked = new Map(); // of each video, what is drawn: it never changes while the page is open
const poseOf = (id) => {
  if (!asked.has(id)) { const found = getJSON(`/api/pose?id=${id}`); found.catch(() => asked.delete(id)); asked.set(id, found); }
  return asked.get(id);
};

// the joints at a second, on straight lines between the frames that were looked at; null where one is not known
function jointsAt({ seconds, frames }, second) {
  let high = seconds.findIndex((value) => value >= second);
  if (high < 0) high = seconds.length - 1;
  const low = Math.max(0, high - 1), width = seconds[high] - seconds[low];
  const share = width > 0 ? Math.min(1, Math.max(0, (second - seconds[low]) / width)) : 1;
  return frames[high].map((end, joint) => {
    const start = frames[low][joint];
    return start && end ? [start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share] : share < 0.5 ? start : end;
  });
}

class Body {
  constructor(id, video) {
    this.video = video;
    this.canvas = el("canvas", { class: "pose", role: "img", "aria-label": "Body pose" });
    video.parentElement.append(this.canvas);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(video);
    this.onseeked = () => this.draw();
    video.addEventListener("seeked", this.onseeked);
    const onframe = (now, frame) => { if (!this.canvas.isConnected) return; this.draw(frame.mediaTime); video.requestVideoFrameCallback(onframe); };
    video.requestVideoFrameCallback(onframe);
    this.ready = poseOf(id).then((pose) => { this.pose = pose; this.draw(); });
  }
  draw(second = this.video.currentTime) {
    const { canvas, video, pose } = this, width = video.clientWidth, height = video.clientHeight;
    if (!pose || !pose.seconds.length || !video.videoWidth || !width) return;
    const dense = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
    canvas.width = width * dense; canvas.height = height * dense; // which clears it
    const scale = Math.min(width / video.videoWidth, height / video.videoHeight); // the picture stands whole in its box
    const shown = [video.videoWidth * scale, video.videoHeight * scale], edge = [(width - shown[0]) / 2, (height - shown[1]) / 2];
    const points = jointsAt(pose, second).map((joint) => joint && [edge[0] + joint[0] * shown[0], edge[1] + joint[1] * shown[1]]);
    pen.scale(dense, dense);
    pen.lineCap = "round";
    const colour = getComputedStyle(canvas).color;
    for (const [style, thick] of [["rgba(0, 0, 0, .55)", 6], [colour, 3]]) {
      pen.strokeStyle = style; pen.fillStyle = style; pen.lineWidth = thick;
      pen.beginPath();
      for (const [a, b] of pose.bones) if (points[a] && points[b]) { pen.moveTo(...points[a]); pen.lineTo(...points[b]); }
      pen.stroke();
      for (const point of points) if (point) { pen.beginPath(); pen.arc(...point, thick * 0.8, 0, 7); pen.fill(); }
    }
    canvas.dataset.joints = points.filter(Boolean).length;
  }
  remove() { this.sizes.disconnect(); this.video.removeEventListener("seeked", this.onseeked); this.canvas.remove(); }
}

let shownNow = false; // the switch stays as it was from one view to the next

// A button that draws bodies over the films; hidden where there are no poses. films: [[number, video element], ...], which
// stand in their boxes by the time that it is pressed
export function poseSwitch(films) {
  let bodies = [];
  const set = async (wanted) => {
    shownNow = wanted;
    button.setAttribute("aria-pressed", String(wanted));
    bodies.forEach((body) => body.remove());
    bodies = wanted ? films.map(([id, video]) => new Body(id, video)) : [];
    await Promise.all(bodies.map((body) => body.ready));
  };
  const button = el("button", { hidden: true, "aria-pressed": "false", title: "Draw the bodies over the films", onclick: failing(() => set(!shownNow)) }, "Poses");
  getJSON("/api/poses").then(({ available }) => { button.hidden = !available; if (available && shownNow) failing(set)(true); }, () => {});
  return button;
}

// The same button, hidden where there are no poses
export function withPoses(button) {
  button.hidden = true;
  getJSON("/api/poses").then(({ available }) => { button.hidden = !available; }, () => {});
  return button;
}

// where a second lies among the times of frames: the frame before it, the one after, and how far it is between the two
function between(seconds, second) {
  let low = 0, high = seconds.length - 1;
  if (high < 0 || second < seconds[0] - 1e-6 || second > seconds[high] + 1e-6) return null;
  while (high - low > 1) { const middle = (low + high) >> 1; if (seconds[middle] <= second) low = middle; else high = middle; }
  const width = seconds[high] - seconds[low];
  return [low, high, width > 0 ? clamp((second - seconds[low]) / width, 0, 1) : 0];
}

function angleAt({ seconds, angles }, joint, second) {
  const place = between(seconds, second);
  if (!place) return null;
  const [low, high, share] = place, start = angles[joint][low], end = angles[joint][high];
  if (start === null || end === null) return share < 0.5 ? start : end;
  return start + (end - start) * share;
}

const inWords = (joint) => joint.replaceAll("_", " ");
const EDGE = 8, ABOVE = 18, BELOW = 6; // the track above has the same edges, so that moments stand under one another

let jointNow = null; // the joint stays as it was from one pair to the next

// Under two videos in step: the angle of a joint in A, and in B at the moments that belong to it, over the time of A.
// Hidden where there are no poses. draw({second, end, path}) is called whenever the moment or the path has changed.
export function angleCurves(a, b, seek) {
  const select = el("select", { "aria-label": "Joint", onchange: () => { jointNow = select.value; draw(); } });
  const text = el("output", { class: "time" });
  const canvas = el("canvas", { class: "angles", role: "img" });
  const root = el("section", { class: "deck", hidden: true, "aria-label": "Angle of a joint" }, el("div", { class: "transport" }, el("label", { class: "choice" }, el("span", {}, "Joint"), select), text), canvas);
  let both = null, last = null;
  const atB = (second) => last.path.segment(second) ? last.path.at(second) : null;
  const values = (joint, second) => {
    const other = atB(second);
    return [angleAt(both[0], joint, second), other === null ? null : angleAt(both[1], joint, other)];
  };
  const apart = (joint) => { // mean difference in degrees over the moments of A that have both
    let sum = 0, count = 0;
    for (const second of both[0].seconds) { const [one, other] = values(joint, second); if (one !== null && other !== null) { sum += Math.abs(one - other); count += 1; } }
    return count ? sum / count : null;
  };
  const list = () => { // the joint that differs most comes first
    const joints = Object.keys(both[0].angles).filter((joint) => joint in both[1].angles).map((joint) => [joint, apart(joint)]);
    joints.sort((one, other) => (other[1] ?? -1) - (one[1] ?? -1));
    const chosen = joints.some(([joint]) => joint === jointNow) ? jointNow : joints[0]?.[0];
    select.replaceChildren(...joints.map(([joint, degrees]) => el("option", { value: joint, selected: joint === chosen }, inWords(joint) + (degrees === null ? "" : ` (${Math.round(degrees)}° apart)`))));
    root.hidden = !joints.length;
  };
  const draw = (now = last) => {
    const changed = now && now.path !== last?.path;
    last = now;
    if (!both || !last) return;
    if (changed || !select.options.length) list();
    const joint = select.value;
    if (!joint || !canvas.isConnected) return;
    const told = values(joint, last.second).map((value) => value === null ? "–" : `${Math.round(value)}°`);
    say(text, `A ${told[0]} · B ${told[1]}`);
    canvas.setAttribute("aria-label", `Angle of the ${inWords(joint)} in A and in B over the time of A`);
    const { pen, width, height } = sized(canvas), x = (second) => EDGE + second / Math.max(last.end, 1e-6) * (width - 2 * EDGE);
    const curves = [[], []];
    for (let at = EDGE; at <= width - EDGE; at += 2) { const second = (at - EDGE) / (width - 2 * EDGE) * last.end; values(joint, second).forEach((value, k) => curves[k].push([at, value])); }
    const known = curves.flat().map(([, value]) => value).filter((value) => value !== null);
    const low = known.length ? Math.max(0, Math.floor(Math.min(...known) / 30) * 30) : 0, high = known.length ? Math.min(180, Math.max(low + 30, Math.ceil(Math.max(...known) / 30) * 30)) : 180;
    const y = (value) => height - BELOW - (value - low) / (high - low) * (height - ABOVE - BELOW);
    pen.font = "11px system-ui, sans-serif"; pen.textAlign = "left"; pen.textBaseline = "bottom";
    for (let value = low; value <= high; value += high - low > 90 ? 60 : 30) {
      pen.strokeStyle = colour("--line"); pen.lineWidth = 1; pen.beginPath(); pen.moveTo(EDGE, y(value)); pen.lineTo(width - EDGE, y(value)); pen.stroke();
      pen.fillStyle = colour("--soft"); pen.fillText(`${value}°`, EDGE + 2, y(value) - 1);
    }
    ["--a", "--b"].forEach((name, k) => {
      pen.strokeStyle = colour(name); pen.lineWidth = 2.5; pen.lineJoin = "round"; pen.setLineDash(k ? [7, 4] : []); // told apart without colours, too
      pen.beginPath();
      let drawing = false;
      for (const [at, value] of curves[k]) { if (value === null) drawing = false; else if (drawing) pen.lineTo(at, y(value)); else { pen.moveTo(at, y(value)); drawing = true; } }
      pen.stroke();
    });
    pen.setLineDash([]);
    pen.fillStyle = colour("--cursor"); pen.fillRect(x(last.second) - 0.75, 0, 1.5, height);
  };
  const pointed = (event) => { if (last) seek(clamp((event.offsetX - EDGE) / Math.max(1, canvas.clientWidth - 2 * EDGE), 0, 1) * last.end); };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); pointed(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) pointed(event); });
  failing(async () => {
    if (!(await getJSON("/api/poses")).available) return;
    both = await Promise.all([a, b].map((id) => getJSON(`/api/angles?id=${id}`)));
    draw();
    requestAnimationFrame(() => draw()); // now that it has its place and size
  })();
  return { root, draw };
}
