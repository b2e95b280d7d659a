// Shows what the events of the server say; keeps nothing, and asks nobody else.
"use strict";

const UNKNOWN = "unknown";
const TROUBLE = {
  stalled: "The camera has stalled: no new frames come. It is opened again.",
  frozen: "The camera sends the same frame again and again. It is opened again.",
  failed: "The camera cannot be opened.",
  waiting: "The camera is gone. It is tried again in a moment.",
  wedged: "The camera's process cannot be ended. This machine has to be restarted.",
  ended: "The camera's run has ended.",
};
const MOST_BARS = 10;
const WINDOWS_S = [60, 120, 300, 600];
const SILENT_MS = 7000; // the server repeats itself every 2 s
const PICTURE_MS = 6000;
const el = (id) => document.getElementById(id);
const isUnsure = (text) => text === UNKNOWN || /^[?\s]+$/.test(text); // "?" stands among others
const percent = (part, digits = 0) => `${(100 * part).toFixed(digits)}\u00a0%`;

let model = {}, state = null, events = null, heardAt = 0, isConnected = false;
let points = [], marks = [], chosen = null;

// --- connection ---

function connect() {
  if (events) events.close();
  heardAt = performance.now();
  events = new EventSource("/events");
  const on = (name, take) => events.addEventListener(name, (event) => {
    heardAt = performance.now();
    take(JSON.parse(event.data));
  });
  on("model", (value) => { model = value; showModel(); });
  on("past", takePast);
  on("state", (value) => {
    if (!isConnected) {
      isConnected = true;
      startPicture();
    }
    state = value;
    show();
  });
  events.onerror = () => {
    isConnected = false;
    showBanner();
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 3000); // refused, not lost
  };
}

function watchConnection() {
  if (performance.now() - heardAt > SILENT_MS) {
    isConnected = false;
    showBanner();
    connect();
  }
}

// --- picture ---

const picture = el("picture");
let pictureAt = 0, pictureWait = PICTURE_MS, pictureSeen = "", pictureSerial = 0, loads = 0;
const probe = Object.assign(document.createElement("canvas"), { width: 24, height: 18 });
const pen = probe.getContext("2d", { willReadFrequently: true });

function startPicture() {
  if (document.hidden) return;
  pictureAt = performance.now();
  picture.src = `/stream.mjpg?${++loads}`;
}

function stopPicture() {
  picture.removeAttribute("src");
}

function watchPicture() {
  if (document.hidden || !isConnected) return;
  let seen = "";
  if (picture.naturalWidth) {
    pen.drawImage(picture, 0, 0, 24, 18);
    seen = pen.getImageData(0, 0, 24, 18).data.join();
  }
  const serial = state ? state.page.picture : 0;
  const now = performance.now();
  if (seen !== pictureSeen || serial === pictureSerial) { // it moves, or there is no newer one
    if (seen !== pictureSeen) pictureWait = PICTURE_MS;
    pictureSeen = seen;
    pictureSerial = serial;
    pictureAt = now;
  } else if (now - pictureAt > pictureWait) {
    pictureWait = Math.min(2 * pictureWait, 60000);
    startPicture();
  }
  el("picture-note").hidden = seen !== "";
}

picture.addEventListener("error", () => {
  if (!picture.hasAttribute("src")) return;
  el("picture-note").hidden = false;
  el("picture-note").textContent = isConnected
    ? "no picture: too many watch, or none has come" : "waiting for the picture";
  setTimeout(() => isConnected && startPicture(), 5000);
});

// --- now ---

function show() {
  showBanner();
  const now = state.snapshot;
  if (!now) return;
  setText(el("source"), now.source);
  document.title = `${now.reading || "–"} · ${now.source}`;
  const isDown = now.camera in TROUBLE;
  const pill = el("camera");
  setText(pill, now.is_still && !isDown ? `${now.camera}, nothing moves` : now.camera);
  pill.dataset.state = isDown && now.camera !== "ended" ? "trouble" : now.camera;
  el("frame").classList.toggle("is-old", isDown);
  showAnswer(now, isDown);
  showFigures(now, isDown);
}

function showBanner() {
  const banner = el("banner");
  const now = state && state.snapshot;
  let text = "";
  if (!isConnected) text = "Connection lost, trying again.";
  else if (now && now.camera in TROUBLE) text = TROUBLE[now.camera] + (now.message ? ` (${now.message})` : "");
  else if (state && state.silent_s > 5) text = `Nothing new for ${Math.round(state.silent_s)} s.`;
  setText(banner, text);
  banner.hidden = !text;
  document.body.classList.toggle("is-lost", !isConnected);
  if (!isConnected) el("frame").classList.add("is-old");
}

function showAnswer(now, isDown) {
  const reading = el("reading");
  const text = isDown ? "–" : now.reading || "–";
  const isUnknown = isUnsure(text);
  setText(reading, text);
  reading.dataset.kind = text === "–" ? "none" : isUnknown ? "unknown" : "known";
  reading.classList.toggle("is-long", text.length > 8);
  setText(el("score"), text === "–" ? "no answer" : isUnknown ? "not sure enough"
    : percent(now.reading_score, 1));
  showThings(isDown ? [] : now.things);
}

const keyOf = (thing, place) => thing.track === null ? `at ${place}` : `track ${thing.track}`;

function showThings(things) {
  const box = el("things");
  box.hidden = things.length < 2;
  const selected = things.find((thing, place) => keyOf(thing, place) === chosen) || things[0];
  if (things.length > 1) {
    while (box.children.length > things.length) box.lastChild.remove();
    while (box.children.length < things.length) box.append(thingButton());
    things.forEach((thing, place) => {
      const button = box.children[place];
      button.dataset.key = keyOf(thing, place);
      setText(button.firstChild, thing.stable_label === UNKNOWN ? "?" : thing.stable_label);
      setText(button.lastChild, percent(thing.stable_score));
      button.setAttribute("aria-pressed", String(thing === selected));
    });
  }
  const of = things.length > 1 ? ` of the ${ordinal(things.indexOf(selected) + 1)} thing` : "";
  setText(el("bars-title"), `Probabilities${of}`);
  showBars(selected);
}

function thingButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.append(document.createElement("span"), document.createElement("small"));
  button.addEventListener("click", () => { chosen = button.dataset.key; if (state) show(); });
  return button;
}

const ordinal = (n) => n + (["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] || "th");

function showBars(thing) {
  const scores = new Map(thing ? thing.top : []);
  const labels = model.labels || [];
  // Every label where they are few, so that no bar moves; else the best ones, in the labels' order.
  let shown = labels.length && labels.length <= MOST_BARS ? labels : [...scores.keys()];
  if (shown !== labels) shown.sort((a, b) => labels.indexOf(a) - labels.indexOf(b) || (a < b ? -1 : 1));
  const list = el("bars");
  while (list.children.length > shown.length) list.lastChild.remove();
  while (list.children.length < shown.length) list.append(bar());
  list.classList.toggle("has-words", shown.some((label) => label.length > 2));
  list.classList.toggle("is-unsure", Boolean(thing) && thing.stable_label === UNKNOWN);
  const best = thing && thing.top.length ? thing.top[0][0] : null;
  shown.forEach((label, place) => {
    const row = list.children[place], score = scores.get(label) || 0;
    const [name, track, number] = row.children;
    row.classList.toggle("is-best", label === best);
    setText(name, label);
    name.title = label;
    track.firstChild.style.width = `${(100 * score).toFixed(2)}%`;
    setText(number, scores.has(label) ? percent(score, 1) : "–");
  });
}

function bar() {
  const row = document.createElement("li");
  const [name, track, fill, number] = ["span", "div", "div", "span"].map((tag) => document.createElement(tag));
  name.className = "name"; track.className = "track"; fill.className = "fill"; number.className = "number";
  track.append(fill);
  row.append(name, track, number);
  return row;
}

// --- figures ---

function showFigures(now, isDown) {
  const tally = now.tally, board = state.board, rows = [];
  const add = (name, value, more = "", isBad = false) => rows.push([name, value, more, isBad]);
  add("Frame age", isDown && state.frame_age_s !== null ? `${state.frame_age_s.toFixed(0)} s`
    : now.age_ms === null ? "–" : `${now.age_ms.toFixed(0)} ms`, "", isDown);
  add("Camera", now.frames_per_s.toFixed(1), "frames/s");
  add("Answers", now.answers_per_s.toFixed(1), "per second");
  add("Latency", now.latency_ms === null ? "–" : now.latency_ms.toFixed(1), "ms");
  add("Passed over", percent(tally.frames ? tally.drops / tally.frames : 0, 1),
    `${tally.drops.toLocaleString("en")} of ${tally.frames.toLocaleString("en")}`);
  add("Errors", tally.errors.toLocaleString("en"), "", tally.errors > 0);
  add("Camera restarts", tally.restarts.toLocaleString("en"));
  if (board.temperature_c !== null) add("Temperature", board.temperature_c.toFixed(0), "°C", board.temperature_c >= 80);
  if (board.throttled_now.length) add("Throttled now", board.throttled_now.join(", "), "", true);
  else if (board.throttled_before.length) add("Throttled earlier", board.throttled_before.join(", "));
  for (const [name, sink] of Object.entries(now.sinks)) {
    add(name, sink.sent.toLocaleString("en"), `sent${sink.lost ? `, ${sink.lost.toLocaleString("en")} lost` : ""}`, !sink.connected);
  }
  const list = el("figures");
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(figure());
  rows.forEach(([name, value, more, isBad], place) => {
    const item = list.children[place];
    setText(item.children[0], name);
    setText(item.children[1].firstChild, value);
    setText(item.children[1].lastChild, more ? ` ${more}` : "");
    item.classList.toggle("is-bad", isBad);
  });
}

function figure() {
  const item = document.createElement("div"), value = document.createElement("dd");
  value.append(document.createElement("span"), document.createElement("small"));
  item.append(document.createElement("dt"), value);
  return item;
}

function showModel() {
  const line = el("model"), part = (tag, text, kind = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    node.className = kind;
    return node;
  };
  line.replaceChildren(part("b", `${model.name} ${model.variant}`), ` on ${model.runtime} · `);
  if (model.proven) {
    line.append(`proven: ${percent(model.accuracy, 2)} of ${model.pictures.toLocaleString("en")} ` +
      `test pictures (${model.dataset}) on ${model.runtimes.join(" and ")}`);
  } else {
    line.append(part("span", "UNPROVEN: this model was never held against labelled pictures", "unproven"));
  }
  line.append(` · ${model.label_count} labels · sha256 `, part("code", (model.sha256 || "").slice(0, 12)));
}

// --- the last minutes ---

function takePast(news) {
  const now = performance.now() / 1000;
  if (news.is_all) points = [], marks = [];
  for (const [ago, label, score, rate, age, camera] of news.points) {
    points.push({ at: now - ago, label, score, camera });
  }
  for (const [ago, kind, text] of news.marks) marks.push({ at: now - ago, kind, text });
  const oldest = now - WINDOWS_S.at(-1);
  points = points.filter((one) => one.at >= oldest);
  marks = marks.filter((one) => one.at >= oldest);
  drawTimeline();
}

function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawTimeline() {
  const chart = el("timeline"), width = chart.clientWidth, now = performance.now() / 1000;
  if (!width || !points.length) return;
  const span = WINDOWS_S.find((one) => now - points[0].at <= one) || WINDOWS_S.at(-1);
  const left = 38, right = 6, lane = [4, 30], plot = [44, 124];
  const x = (at) => left + (width - left - right) * Math.max(0, 1 - (now - at) / span);
  const y = (score) => plot[1] - (plot[1] - plot[0]) * score;
  const parts = [hatch()];
  for (const score of [0, 0.5, 1]) {
    parts.push(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(score), y2: y(score) }));
    parts.push(svg("text", { x: left - 6, y: y(score) + 4, "text-anchor": "end" }, `${100 * score}%`));
  }
  for (const part of [0, 0.5, 1]) {
    const ago = span * (1 - part);
    const words = ago === 0 ? "now" : ago < 60 ? `${ago} s ago` : `${ago / 60} min ago`;
    parts.push(svg("text", { x: x(now - ago), y: 144, "text-anchor": ["start", "middle", "end"][2 * part] }, words));
  }
  parts.push(...runs(now, (one) => one.camera in TROUBLE).filter((run) => run.value)
    .map((run) => svg("rect", { class: "trouble", x: x(run.from), y: 0, width: Math.max(2, x(run.to) - x(run.from)), height: plot[1] })));
  for (const run of runs(now, (one) => one.label)) {
    if (!run.value) continue;
    const isWeak = isUnsure(run.value), wide = Math.max(1.5, x(run.to) - x(run.from) - 1);
    parts.push(svg("rect", { class: `lane${isWeak ? " unsure" : ""}`, x: x(run.from), y: lane[0], width: wide, height: lane[1] - lane[0], rx: 3 }));
    if (wide > 8.2 * run.value.length + 3 && !isWeak) {
      parts.push(svg("text", { class: "on-lane", x: x(run.from) + wide / 2, y: lane[1] - 8, "text-anchor": "middle" }, run.value));
    }
  }
  for (const run of runs(now, (one) => one.label !== "")) {
    if (run.value) parts.push(svg("polyline", { class: "score", points: run.points.map((one) => `${x(one.at).toFixed(1)},${y(one.score).toFixed(1)}`).join(" ") }));
  }
  for (const mark of marks) {
    if (mark.kind !== "camera" || !(mark.text in TROUBLE)) continue;
    const at = x(mark.at), node = svg("path", { class: "trouble-mark", d: `M${at - 5} ${plot[1] + 8}h10l-5 -8z` });
    node.append(svg("title", {}, mark.text));
    parts.push(node);
  }
  chart.replaceChildren(...parts);
  const changes = marks.filter((one) => one.kind === "label").length;
  const troubles = marks.filter((one) => one.kind === "camera" && one.text in TROUBLE).length;
  const note = `${changes} ${changes === 1 ? "answer" : "answers"}, ${["no trouble with the camera", "trouble with the camera once"][troubles] || `trouble with the camera ${troubles} times`}`;
  setText(el("past-note"), `· ${note}`);
  chart.setAttribute("aria-label", `The last ${span / 60} minutes: ${note}`);
}

function runs(now, valueOf) { // neighbouring points of one value, each up to the next one's time
  const found = [];
  points.forEach((one, place) => {
    const value = valueOf(one), last = found.at(-1), next = points[place + 1];
    const to = next ? Math.min(next.at, one.at + 5) : Math.min(now, one.at + 1.5);
    if (last && last.value === value && one.at - last.to < 0.5) {
      last.to = to;
      last.points.push(one);
    } else found.push({ value, from: one.at, to, points: [one] });
  });
  return found;
}

function hatch() {
  const pattern = svg("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(25)" });
  pattern.append(svg("rect", { width: 8, height: 8 }), svg("path", { d: "M2 0V8" }));
  return pattern;
}

// --- start ---

function setText(node, text) { // only what differs: a live region is read out when it is touched
  if (node.textContent !== text) node.textContent = text;
}

document.addEventListener("visibilitychange", () => document.hidden ? stopPicture() : isConnected && startPicture());
new ResizeObserver(drawTimeline).observe(el("timeline"));
setInterval(watchConnection, 1000);
setInterval(watchPicture, 1500);
connect();
