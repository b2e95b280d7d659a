"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const UNKNOWN = -1, CARDS = 48, MOST_BARS = 20, SHARP_PX = 48;
const classes = data.labels.length;
const label = (index) => (index === UNKNOWN ? "unknown" : data.labels[index]);
const percent = (value, digits = 2) => `${(100 * value).toFixed(digits)}\u00a0%`;

// 16 bits a probability, little endian: a tenth of what they take as text.
const bytes = Uint8Array.from(atob(data.chances), (letter) => letter.charCodeAt(0));
const sixteen = new DataView(bytes.buffer);
const chance = (place, index) => sixteen.getUint16(2 * (place * classes + index), true) / 65535;
const score = (place) => (data.called[place] === UNKNOWN ? 0 : chance(place, data.called[place]));
const placeOf = new Map(data.numbers.map((number, place) => [number, place]));

function element(tag, parent, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
}

function load(sprite) {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.src = sprite.uri;
  });
}

function paint(canvas, sprite, place) {
  const [height, width] = data.size, [down, across] = sprite.cell;
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("sharp", Math.max(height, width) < SHARP_PX);
  const left = (place % sprite.columns) * across, top = Math.floor(place / sprite.columns) * down;
  sprite.image.then((image) =>
    canvas.getContext("2d").drawImage(image, left, top, width, height, 0, 0, width, height));
}

// One picture -------------------------------------------------------------------------------

function ask(number) {
  const place = placeOf.get(number);
  byId("number").value = number;
  byId("bars").replaceChildren();
  byId("name").textContent = "";
  byId("shown").hidden = place === undefined;
  const verdict = byId("verdict");
  if (place === undefined) {
    verdict.className = "verdict";
    verdict.textContent = number >= 0 && number < data.total
      ? `Picture ${number} is not in this page: edgeproof plots ${data.name} --index ${number}`
      : `There is no picture ${number}: 0 to ${data.total - 1}`;
    return;
  }
  const truth = data.targets[place], called = data.called[place];
  paint(byId("shown"), data.sprite, place);
  byId("shown").ariaLabel = `picture ${number}: ${label(truth)}`;
  byId("name").textContent = data.names ? data.names[place] : "";
  const isRight = called === truth;
  verdict.className = `verdict ${isRight ? "right" : "wrong"}`;
  verdict.textContent = called === UNKNOWN ? "unknown: nothing found in it"
    : `called ${label(called)}, ${percent(score(place))}`;
  if (data.threshold !== null && called !== UNKNOWN && score(place) < data.threshold) {
    verdict.textContent += `: unknown, below ${percent(data.threshold, 1)}`;
  }
  verdict.textContent += isRight ? " · right" : ` · wrong, it is ${label(truth)}`;
  for (const index of shownClasses(place, truth)) {
    const row = element("li", byId("bars"));
    if (index === truth) row.className = "true";
    else if (index === called) row.className = "wrong";
    element("span", row, label(index)).title = label(index);
    element("i", element("div", row)).style.width = `${100 * chance(place, index)}%`;
    element("b", row, percent(chance(place, index)));
  }
}

function shownClasses(place, truth) {
  const all = data.labels.map((_, index) => index);
  if (classes <= MOST_BARS) return all;
  const best = all.sort((a, b) => chance(place, b) - chance(place, a)).slice(0, MOST_BARS);
  return best.includes(truth) ? best : [...best, truth];
}

function neighbour(step) {
  if (step === 0) return data.numbers[Math.floor(Math.random() * data.numbers.length)];
  const sorted = [...data.numbers].sort((a, b) => a - b), now = Number(byId("number").value);
  const next = step > 0 ? sorted.find((n) => n > now) : sorted.reverse().find((n) => n < now);
  return next ?? now;
}

byId("ask").addEventListener("submit", (event) => event.preventDefault());
byId("number").addEventListener("input", (event) => {
  if (event.target.value !== "") ask(Number(event.target.value));
});
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => ask(neighbour(Number(button.dataset.step))));
}

// The gallery -------------------------------------------------------------------------------

let found = [], cards = 0;

function refill() {
  const kind = byId("kind").value, order = byId("order").value;
  const truth = byId("true").value, called = byId("called").value;
  found = data.numbers.map((_, place) => place).filter((place) =>
    (kind === "all" || (data.called[place] === data.targets[place]) === (kind === "right")) &&
    (truth === "" || data.targets[place] === Number(truth)) &&
    (called === "" || data.called[place] === Number(called)));
  const by = {
    sure: (a, b) => score(b) - score(a) || data.numbers[a] - data.numbers[b],
    unsure: (a, b) => score(a) - score(b) || data.numbers[a] - data.numbers[b],
    number: (a, b) => data.numbers[a] - data.numbers[b],
  };
  found.sort(by[order]);
  cards = 0;
  byId("gallery").replaceChildren();
  byId("count").textContent = found.length === 1 ? "1 picture." : `${found.length.toLocaleString("en")} pictures.`;
  addCards();
}

function addCards() {
  for (const place of found.slice(cards, cards + CARDS)) {
    const isRight = data.called[place] === data.targets[place];
    const button = element("button", element("li", byId("gallery")));
    button.type = "button";
    paint(element("canvas", button, undefined, "picture"), data.sprite, place);
    element("b", button, label(data.called[place]), isRight ? "right" : "wrong");
    element("span", button, isRight ? "" : `true: ${label(data.targets[place])}`);
    element("small", button, `${percent(score(place), 1)}, #${data.numbers[place]}`);
    button.addEventListener("click", () => {
      ask(data.numbers[place]);
      byId("picture").scrollIntoView();
    });
  }
  cards += CARDS;
  byId("more").hidden = cards >= found.length;
}

function fillChoices() {
  data.labels.forEach((name, index) => {
    for (const id of ["true", "called"]) element("option", byId(id), name).value = index;
  });
  if (data.called.includes(UNKNOWN)) element("option", byId("called"), "unknown").value = UNKNOWN;
}

for (const id of ["kind", "true", "called", "order"]) byId(id).addEventListener("change", refill);
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", addCards);
for (const button of document.querySelectorAll("[data-called]")) {
  button.addEventListener("click", () => {
    byId("kind").value = "all";
    byId("true").value = button.dataset.true;
    byId("called").value = button.dataset.called;
    refill();
    byId("gallery-section").scrollIntoView();
  });
}

// Training curves ---------------------------------------------------------------------------

function chart(figure, curve, width) {
  const height = 220, left = 44, right = 12, top = 10, bottom = 30;
  const series = Object.entries(curve.series), values = series.flatMap(([, numbers]) => numbers);
  const epochs = Math.max(...series.map(([, numbers]) => numbers.length));
  const ticks = niceTicks(Math.min(...values), Math.max(...values), 5);
  const low = ticks[0], high = ticks[ticks.length - 1];
  const x = (epoch) => left + (width - left - right) * (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5);
  const y = (value) => top + (height - top - bottom) * (1 - (value - low) / (high - low));
  const line = (kind, x1, y1, x2, y2) => `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
  const parts = [];
  for (const tick of ticks) {
    parts.push(line("grid", left, y(tick), width - right, y(tick)));
    parts.push(`<text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${Number(tick.toPrecision(6))}</text>`);
  }
  const labelled = niceTicks(1, epochs, Math.max(2, width / 70)).filter((e) => e >= 1 && e <= epochs && Number.isInteger(e));
  for (const epoch of new Set([1, ...labelled])) {
    parts.push(`<text x="${x(epoch)}" y="${height - 10}" text-anchor="middle">${epoch}</text>`);
  }
  if (data.best_epoch) parts.push(line("kept", x(data.best_epoch), top, x(data.best_epoch), height - bottom));
  for (const [name, numbers] of series) {
    const points = numbers.map((value, index) => `${x(index + 1).toFixed(1)},${y(value).toFixed(1)}`);
    parts.push(`<path class="${name}" d="M${points.join("L")}"/>`);
  }
  parts.push(line("cursor", 0, top, 0, height - bottom));
  for (const [name] of series) parts.push(`<circle class="${name}" r="4"/>`);
  figure.chart.innerHTML = `<svg viewBox="0 0 ${width} ${height}" height="${height}" tabindex="0" role="img" aria-label="${curve.title} by epoch">${parts.join("")}</svg>`;
  const svg = figure.chart.firstChild;
  const show = (wanted) => {
    const epoch = Math.min(epochs, Math.max(1, wanted));
    figure.epoch = epoch;
    const cursor = svg.querySelector(".cursor");
    cursor.setAttribute("x1", x(epoch));
    cursor.setAttribute("x2", x(epoch));
    figure.caption.replaceChildren();
    element("b", figure.caption, `${curve.title}, epoch ${epoch} of ${epochs}`);
    series.forEach(([name, numbers], index) => {
      const value = numbers[epoch - 1], dot = svg.querySelectorAll("circle")[index];
      dot.setAttribute("cx", x(epoch));
      dot.setAttribute("cy", value === undefined ? -99 : y(value));
      const said = element("span", figure.caption);
      element("i", said, undefined, `key ${name}`);
      said.append(`${name} ${value === undefined ? "none" : value.toPrecision(4)}`);
    });
  };
  svg.addEventListener("pointermove", (event) => {
    const at = (event.offsetX * width) / svg.clientWidth;
    show(Math.round(1 + ((at - left) / (width - left - right)) * (epochs - 1)));
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); show(figure.epoch + step); }
  });
  show(figure.epoch ?? (data.best_epoch || epochs));
}

function niceTicks(low, high, count) {
  if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const ticks = [];
  for (let index = Math.floor(low / step + 1e-9); ; index += 1) {
    ticks.push(index * step);
    if (index * step >= high - 1e-9 * step) return ticks;
  }
}

if (byId("charts")) {
  const figures = data.curves.map((curve) => {
    const figure = element("figure", byId("charts"));
    return { curve, caption: element("figcaption", figure), chart: element("div", figure) };
  });
  const draw = () => {
    for (const one of figures) chart(one, one.curve, Math.max(240, one.chart.clientWidth));
  };
  draw();
  addEventListener("resize", draw);
}

// The start ---------------------------------------------------------------------------------

data.sprite.image = load(data.sprite);
data.samples.image = load(data.samples);
fillChoices();
const longest = Math.max(...data.labels.map((name) => name.length));
byId("bars").style.setProperty("--name", `${Math.min(20, longest + 8)}ch`);
if (data.called.every((called, place) => called === data.targets[place])) byId("kind").value = "all";
refill();
ask(data.numbers[0]);
data.sample_targets.forEach((target, place) => {
  const item = element("li", byId("samples"));
  paint(element("canvas", item, undefined, "picture"), data.samples, place);
  element("b", item, label(target));
});
