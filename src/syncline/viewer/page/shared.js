// The page of one shared comparison: everything is inside it.
import { el } from "/page/dom.js";
import { FrameTimes } from "/page/follow.js";
import { makeStage } from "/page/stage.js";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const given = JSON.parse(document.getElementById("data").textContent);
const tile = { cells: bytes(given.matrix.cells), shape: given.matrix.shape, extent: given.matrix.extent };
const videos = given.videos.map((text) => el("video", { playsinline: true, preload: "auto", src: URL.createObjectURL(new Blob([bytes(text)], { type: "video/mp4" })) }));
const stage = makeStage({ data: given.compare, tile, names: given.names, videos, sounds: given.sounds, bothPts: given.pts.map((seconds) => new FrameTimes(seconds)) });
document.getElementById("main").replaceChildren(stage.root);
stage.start(0);
