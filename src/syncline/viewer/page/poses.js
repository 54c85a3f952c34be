// Bodies drawn over their films, by a switch.
import { el, failing } from "/page/dom.js";
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
