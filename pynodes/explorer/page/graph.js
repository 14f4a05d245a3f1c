// Graph: nodes and edges as SVG, with what is believed at the step.

const NODE = 20, RING = 33, BESIDE = 39, LONGEST = run.crowded ? 12 : 14, LETTER = 7.4;
const INSIDE = run.nodes.every((node) => node.name.length <= 5); // names stand alike: all inside, or all beside
const drawing = document.getElementById("drawing");
const shown = new Map();
const edgePaths = [];

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shapeOf(role) {
  if (role === "input") return svg("rect", { x: -18, y: -18, width: 36, height: 36, rx: 3, class: "shape" });
  if (role === "known") return svg("path", { d: "M0 -23L23 0L0 23L-23 0Z", class: "shape" });
  if (role === "layer") return svg("rect", { x: -27, y: -17, width: 54, height: 34, rx: 9, class: "shape" });
  return svg("circle", { r: NODE, class: "shape" });
}

function head(id, volatile) {
  const way = volatile ? { d: "M1 1L9 5L1 9", fill: "none", stroke: "var(--volatility)", "stroke-width": 1.6 } : { d: "M0 0L10 5L0 10Z", fill: "var(--value)" };
  const box = { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto" };
  return svg("marker", box, svg("path", way));
}

function drawGraph() {
  const [width, height] = run.size;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `Graph of ${run.nodes.length} nodes` });
  picture.append(svg("defs", {}, head("value-head", false), head("volatility-head", true)));
  for (const edge of run.edges.filter((edge) => edge.path)) {
    const way = svg("path", { d: edge.path, class: edge.volatile ? "edge volatile" : "edge", "marker-end": `url(#${edge.volatile ? "volatility" : "value"}-head)` });
    way.append(svg("title", {}, `${edge.name}: ${edge.coupling} ${edge.remark}`));
    const remark = svg("text", { x: edge.spot[0], y: edge.spot[1], class: "remark", "text-anchor": "middle", "dominant-baseline": "central" });
    remark.textContent = edge.remark.replace("-", "−");
    const plate = svg("rect", { class: "plate", x: edge.spot[0] - plateWidth(edge.remark) / 2, y: edge.spot[1] - 9, width: edge.remark ? plateWidth(edge.remark) : 0, height: 18 });
    picture.append(way, plate, remark);
    edgePaths.push({ edge, way, remark });
  }
  for (const node of run.nodes) picture.append(drawNode(node));
  drawing.append(picture);
  document.getElementById("graph").classList.toggle("wide", width > 700);
  const room = Math.max(innerHeight - 310, 260); // so that all of it is seen beside what scrolls
  const fitting = Math.max(Math.min(1, drawing.clientWidth / width, width > 700 ? 1 : room / height), 0.74);
  picture.setAttribute("width", width * fitting);
  picture.setAttribute("height", height * fitting);
  drawing.scrollLeft = (drawing.scrollWidth - drawing.clientWidth) / 2;
}

function drawNode(node) {
  const group = svg("g", { class: "node", tabindex: 0, role: "button", transform: `translate(${node.place.join(" ")})`, "data-node": node.name });
  const line = INSIDE ? 0 : 1;
  const parts = {
    group,
    shape: shapeOf(node.role),
    ring: svg("circle", { r: 0, class: "ring" }),
    plate: svg("rect", { class: "plate" }),
    mean: svg("text", textPlace(line, 1 + line)),
    other: svg("text", textPlace(line + 1, 1 + line)),
    ...extremes(node),
  };
  const name = svg("text", INSIDE ? { class: "name", "text-anchor": "middle", "dominant-baseline": "central" } : { ...textPlace(0, 2), class: "beside name" });
  name.textContent = shortened(node.name);
  group.append(svg("title", {}, node.name));
  group.append(svg("rect", { ...groundOf(), class: "ground" }), parts.plate, svg("circle", { r: RING + 4, class: "focus" }), parts.ring, parts.shape, name, parts.mean, parts.other);
  group.addEventListener("click", () => choose(node.name));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(node.name);
  });
  shown.set(node.name, parts);
  return group;
}

// Long names keep both ends, where they differ.
function shortened(name) {
  return name.length > LONGEST ? `${name.slice(0, LONGEST / 2 - 1)}…${name.slice(-LONGEST / 2)}` : name;
}

// What a pointer hits: the node, its ring and its numbers.
function groundOf() {
  const reach = RING + 4;
  return run.crowded ? { x: -reach, y: -reach, width: 2 * reach, height: 2 * reach + 46 } : { x: -reach, y: -reach, width: 2 * reach + 60, height: 2 * reach };
}

// Numbers stand beside their node, or below where neighbours are close; a name that does not fit inside comes first.
function textPlace(line, last) {
  const common = { class: "beside", "dominant-baseline": "central" };
  return run.crowded ? { ...common, y: RING + 10 + 15 * line, "text-anchor": "middle" } : { ...common, x: BESIDE, y: 16 * (line - last / 2) };
}

function plateWidth(text) {
  return LETTER * text.length + 6;
}

// Behind what is written beside a node no edge is seen.
function coverBehind(plate, lines) {
  const written = lines.filter((text) => text), wide = Math.max(...lines.map(plateWidth));
  const high = written.length ? 16 * lines.length + 4 : 0;
  const spot = run.crowded ? { x: -wide / 2, y: RING + 1 } : { x: BESIDE - 3, y: -high / 2 };
  for (const [key, value] of Object.entries({ ...spot, width: written.length ? wide : 0, height: high })) plate.setAttribute(key, value);
}

// The lowest and highest mean of a run, and its largest standard deviation.
function extremes(node) {
  const main = partsOf(node) === 1 ? mainOf(node) : null;
  if (!main) return { low: 0, high: 0, widest: 0 };
  let low = Infinity, high = -Infinity, widest = 0;
  for (let step = 0; step < run.steps; step++) {
    if (main[step] < low) low = main[step];
    if (main[step] > high) high = main[step];
    const spread = spreadAt(node, step);
    if (spread > widest && spread < Infinity) widest = spread;
  }
  if (node.form === "outcome" || node.form === "probability") [low, high] = [0, 1];
  return { low, high, widest };
}

function updateGraph() {
  const stops = ["low", "middle", "high"].map(channels);
  for (const node of run.nodes) {
    const parts = shown.get(node.name), [mean, other] = texts(node, now.step);
    const main = partsOf(node) === 1 ? mainOf(node) : null;
    const place = main && parts.high > parts.low ? (main[now.step] - parts.low) / (parts.high - parts.low) : 0.5;
    const spread = spreadAt(node, now.step);
    parts.shape.style.fill = blended(stops, Number.isFinite(place) ? place : 0.5);
    parts.ring.setAttribute("r", spread && parts.widest ? NODE + (RING - NODE) * Math.min(spread / parts.widest, 1) : 0);
    parts.mean.textContent = mean;
    parts.other.textContent = other;
    coverBehind(parts.plate, INSIDE ? [mean, other] : [shortened(node.name), mean, other]);
    parts.group.classList.toggle("missing", node.role === "input" && !observedAt(node, now.step));
    parts.group.setAttribute("aria-pressed", String(node.name === now.chosen));
    parts.group.setAttribute("aria-label", `${node.name}, ${node.kind}: ${mean} ${other}`);
  }
}

// What stands beside a node: its belief, and its spread or what was seen.
function texts(node, step) {
  if (!node.main) return ["", ""];
  const values = Array.from({ length: partsOf(node) }, (_, part) => mainOf(node, part)[step]);
  let text = short(values[0], 3);
  if (values.length > 1) {
    const largest = values.indexOf(Math.max(...values));
    text = `[${largest}] ${short(values[largest], 3)}`;
  }
  if (node.role !== "input") return [text, node.form === "band" ? `± ${short(spreadAt(node, step), 3)}` : node.size && `of ${node.size}`];
  return [text, observedAt(node, step) ? sawWhat(node, step) : "not seen"];
}

function sawWhat(node, step) {
  if (node.learner) {
    const seen = (node.outcome?.series ?? []).slice(0, 4).map((place) => short(series[place][step], 3));
    return seen.length ? `saw ${seen.join(", ")}` : "seen";
  }
  if (node.form !== "several") return `saw ${short(valuesOf(node, "mean")[step], 3)}`;
  const seen = Array.from({ length: partsOf(node) }, (_, part) => valuesOf(node, "mean", part)[step]);
  return `saw [${seen.indexOf(Math.max(...seen))}]`;
}

function updateShown() {
  const visible = (name) => byName.has(name) && !now.hidden.has(name);
  for (const [name, parts] of shown) parts.group.style.display = visible(name) ? "" : "none";
  for (const { edge, way, remark } of edgePaths) {
    const both = visible(edge.parent) && visible(edge.child);
    way.style.display = remark.style.display = both ? "" : "none";
    way.classList.toggle("touched", edge.parent === now.chosen || edge.child === now.chosen);
  }
}

function drawLegend() {
  const roles = { state: "state", layer: "layer", input: "input", known: "known value" };
  const symbol = (...children) => svg("svg", { width: 30, height: 20, viewBox: "-30 -24 60 48", "aria-hidden": "true" }, ...children);
  const entry = (mark, text) => document.getElementById("legend").append(element("li", {}, mark, text));
  for (const [role, text] of Object.entries(roles)) {
    if (run.nodes.some((node) => node.role === role)) entry(symbol(svg("g", { class: "node" }, shapeOf(role))), text);
  }
  const line = (volatile) => svg("path", { d: "M-28 0H28", class: volatile ? "edge volatile" : "edge", "stroke-width": 4, "marker-end": `url(#${volatile ? "volatility" : "value"}-head)` });
  if (run.edges.some((edge) => edge.path && !edge.volatile)) entry(symbol(line(false)), "value");
  if (run.edges.some((edge) => edge.path && edge.volatile)) entry(symbol(line(true)), "volatility");
  if (run.nodes.every((node) => partsOf(node) !== 1)) return;
  const patches = ["low", "middle", "high"].map((name, place) => svg("rect", { x: 20 * place - 30, y: -14, width: 20, height: 28, fill: `var(--${name})`, stroke: "var(--rule)" }));
  entry(symbol(...patches), "low to high mean");
  if (run.nodes.some(precisionOf)) entry(symbol(svg("g", { class: "node" }, svg("circle", { r: 20, class: "ring", style: "stroke-width:3.5;stroke-dasharray:5 6" }))), "standard deviation");
}
repainted.push(() => shown.size && updateGraph());
