// From a moment of A to the frame of B: times of frames, the path, and steering one video after another.
import { clamp } from "/page/dom.js";

const ROUNDING = 1e-3; // seconds; the rule is that of syncline.video.on_display

// when each frame of a video is shown
export class FrameTimes {
  constructor(seconds) {
    this.seconds = seconds;
    this.count = seconds.length;
    this.step = this.count > 1 ? (seconds[this.count - 1] - seconds[0]) / (this.count - 1) : 0.04;
    this.end = seconds[this.count - 1] + this.step;
  }
  frame(t) { // the frame on display
    let low = 0, high = this.count - 1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (this.seconds[middle] <= t + 1e-9) low = middle; else high = middle - 1; }
    const next = Math.min(low + 1, this.count - 1), gap = this.seconds[next] - this.seconds[low];
    return t >= this.seconds[0] && this.seconds[next] - t <= Math.min(ROUNDING + 1e-9, gap / 2) ? next : low;
  }
  middle(k) { // a moment well inside a frame: whatever the browser rounds, it shows this one
    const start = this.seconds[k], end = k + 1 < this.count ? this.seconds[k + 1] : this.end;
    return start + (end - start) / 2;
  }
}

// the alignment as the player needs it: never undefined, never backwards. Where A has no counterpart B stands still, and
// that is called waiting only in a gap that the alignment names: shorter ones are tempo, not worth a word
export class Path {
  constructor(segments, gaps) { this.segments = segments; this.gaps = gaps.filter(({ video }) => video === "a"); }
  segment(t) { return this.segments.find(({ a: [start, end] }) => t >= start - 1e-9 && t <= end + 1e-9) || null; }
  waits(t) { return !this.segments.length || this.gaps.some(({ from, to }) => t >= from - 1e-9 && t < to - 1e-9); }
  at(t) {
    const segment = this.segment(t);
    if (segment) return along(segment.knots, t);
    let before = null;
    for (const other of this.segments) if (other.a[1] < t) before = other;
    if (before) return before.b[1];
    return this.segments.length ? this.segments[0].b[0] : 0;
  }
  slope(t, width = 0.25) {
    const segment = this.segment(t);
    if (!segment) return 0;
    const from = Math.max(segment.a[0], t - width), to = Math.min(segment.a[1], t + width);
    return to > from ? Math.max(0, (this.at(to) - this.at(from)) / (to - from)) : 0;
  }
}

function along(knots, t) {
  let low = 0, high = knots.length - 1;
  if (t <= knots[0][0]) return knots[0][1];
  while (low < high) { const middle = (low + high + 1) >> 1; if (knots[middle][0] <= t) low = middle; else high = middle - 1; }
  if (low === knots.length - 1) return knots[low][1];
  const [t0, b0] = knots[low], [t1, b1] = knots[low + 1];
  return b0 + (b1 - b0) * (t - t0) / (t1 - t0);
}

// A video is brought to a moment, whatever it is busy with: before it is ready or while it seeks the wish is kept, and
// a later wish replaces it. `aria-busy` says that the picture is not yet the one that was asked for.
export class Seeker {
  constructor(video) {
    Object.assign(this, { video, goal: null, asked: false });
    for (const name of ["loadedmetadata", "loadeddata", "canplay", "seeked"]) video.addEventListener(name, () => this.next());
  }
  to(t) { this.goal = t; this.asked = false; this.next(); }
  next() {
    const { video, goal } = this;
    if (goal === null) return;
    const waiting = video.readyState < 1 || video.seeking; // one of the events above comes, and with it this again
    if (!waiting && (this.asked || Math.abs(video.currentTime - goal) < 1e-6)) this.goal = null;
    else if (!waiting) { this.asked = true; video.currentTime = goal; }
    video.setAttribute("aria-busy", String(this.goal !== null));
  }
}

// a video that follows: by its playback rate while the leader plays, by an exact seek when it stands still
export class Follower {
  constructor(video, pts) { this.video = video; this.pts = pts; this.seeker = new Seeker(video); this.frame = 0; }
  settle(t) { // stand still on the frame that belongs to the moment t
    if (!this.video.paused) this.video.pause();
    this.frame = this.pts.frame(clamp(t, this.pts.seconds[0], this.pts.end));
    this.seeker.to(this.pts.middle(this.frame));
    return this.frame;
  }
  steer(t, slope, rate, waits) { // be at t and move on at slope seconds a second of the leader
    const video = this.video, target = clamp(t, 0, this.pts.end - 0.001), error = target - video.currentTime;
    if (waits || rate === 0) { // run up to the place to wait at, then stand still on it
      if (error > 0.05) { video.playbackRate = clamp(1.5 * error + 0.5, 0.1, 8); if (video.paused) this.start(); }
      else if (!video.paused || Math.abs(error) > 0.3) this.settle(target);
      return;
    }
    if (Math.abs(error) > 0.6 && !video.seeking) this.seeker.to(target + Math.min(0.1, 0.05 * slope));
    const wanted = rate * slope + 6 * error;
    if (wanted < 0.07) { if (!video.paused) video.pause(); return; }
    video.playbackRate = clamp(wanted, 0.0625, 8);
    if (video.paused) this.start();
  }
  start() { if (!this.starting) { this.starting = true; this.video.play().catch(() => {}).finally(() => { this.starting = false; }); } }
}
