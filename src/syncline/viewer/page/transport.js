// One video with its frame-exact controls: play, frame steps, speed, a range that counts frames, and a loop.
import { clamp, timeText, el, problem, say } from "/page/dom.js";
import { Seeker } from "/page/follow.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];
export const PLAYER_KEYS = [["Space K", "play or pause"], [", .", "one frame back, on"], ["← →", "one frame back, on"], ["J L", "one second back, on"], ["Shift+← Shift+→", "one second back, on"], ["< >", "slower, faster"], ["Home End", "start, end"]];

export class Transport {
  // onframe(frame, second, playing) is called for every frame that comes on display, and at every seek at once
  constructor(video, pts, { name = "the video", onframe = () => {} } = {}) {
    Object.assign(this, { video, pts, onframe, frame: 0, loop: null });
    this.seeker = new Seeker(video);
    this.play = el("button", { id: "play", class: "round primary", "aria-label": "Play", title: "Play or pause (space)", onclick: () => this.toggle() }, "▶");
    this.back = el("button", { class: "round", "aria-label": "One frame back", title: "One frame back (←)", onclick: () => this.step(-1) }, "◂");
    this.on = el("button", { class: "round", "aria-label": "One frame on", title: "One frame on (→)", onclick: () => this.step(1) }, "▸");
    this.range = el("input", { type: "range", min: 0, max: pts.count - 1, step: 1, value: 0, "aria-label": `Position in ${name}`, oninput: () => this.go(Number(this.range.value)) });
    this.speed = el("select", { "aria-label": "Speed", onchange: () => { video.playbackRate = Number(this.speed.value); } },
      SPEEDS.map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
    this.text = el("span", { class: "time" }); // said by the range: a live region would speak at every frame
    this.bar = el("div", { class: "transport" }, this.back, this.play, this.on, this.range, this.text, this.speed);
    video.addEventListener("play", () => this.shownAs("❚❚", "Pause"));
    video.addEventListener("pause", () => { this.shownAs("▶", "Play"); this.go(this.frame); });
    video.addEventListener("ended", () => {
      if (!this.loop) { this.go(pts.count - 1); return; }
      this.goTo(this.loop[0]); this.toggle();
    });
    const presented = (now, facts) => {
      if (!video.isConnected) return;
      if (!video.paused && !video.seeking) this.show(pts.frame(facts.mediaTime), true);
      video.requestVideoFrameCallback(presented);
    };
    video.requestVideoFrameCallback(presented);
    this.show(0, false);
  }
  shownAs(sign, label) { this.play.textContent = sign; this.play.setAttribute("aria-label", label); }
  get second() { return this.pts.seconds[this.frame]; }
  get playing() { return !this.video.paused; }
  show(frame, playing) {
    this.frame = frame;
    if (playing && this.loop && this.second >= this.loop[1] - 1e-6) { this.go(this.pts.frame(this.loop[0])); return; }
    if (document.activeElement !== this.range || playing) this.range.value = frame;
    this.range.setAttribute("aria-valuetext", `${timeText(this.second)}, frame ${frame + 1} of ${this.pts.count}`);
    say(this.text, `${timeText(this.second)} · ${frame + 1}/${this.pts.count}`);
    this.onframe(frame, this.second, playing);
  }
  go(frame) { // to a frame, exactly
    frame = clamp(frame, 0, this.pts.count - 1);
    this.seeker.to(this.pts.middle(frame));
    this.range.value = frame;
    this.show(frame, false);
  }
  goTo(second) { this.go(this.pts.frame(second)); }
  pause() { if (this.playing) this.video.pause(); }
  step(frames) { this.pause(); this.go(this.frame + frames); }
  skip(seconds) { this.goTo(clamp(this.second + seconds, 0, this.pts.end)); }
  toggle() {
    if (this.playing) { this.video.pause(); return; }
    if (this.frame >= this.pts.count - 1) this.go(this.loop ? this.pts.frame(this.loop[0]) : 0);
    this.video.playbackRate = Number(this.speed.value);
    this.video.play().catch((error) => { if (error.name !== "AbortError") problem(error.message); });
  }
  faster(steps) {
    this.speed.selectedIndex = clamp(this.speed.selectedIndex + steps, 0, SPEEDS.length - 1);
    this.video.playbackRate = Number(this.speed.value);
  }
  key(key, event) { // the keys that every player knows
    const letter = key.length === 1 ? key.toLowerCase() : key;
    if (letter === " " || letter === "k") this.toggle();
    else if (letter === ",") this.step(-1);
    else if (letter === ".") this.step(1);
    else if (letter === "j") this.skip(-1);
    else if (letter === "l") this.skip(1);
    else if (letter === "<") this.faster(-1);
    else if (letter === ">") this.faster(1);
    else if (key === "ArrowRight") event.shiftKey ? this.skip(1) : this.step(1);
    else if (key === "ArrowLeft") event.shiftKey ? this.skip(-1) : this.step(-1);
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(this.pts.count - 1);
    else return false;
    return true;
  }
}
