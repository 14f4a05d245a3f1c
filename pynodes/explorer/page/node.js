// Node: the chosen node's pictures and numbers.

const chosen = { charts: [], cells: [], preferred: null };

function choose(name) {
  now.chosen = name;
  const node = byName.get(name);
  document.getElementById("choice").value = name;
  document.getElementById("chosen-title").textContent = name;
  const parameters = Object.entries(node.parameters).map(([field, value]) => `${field} ${value.replace("-", "−")}`);
  const left = node.left_out.length ? ` Too large to be shown: ${node.left_out.join("; ")}.` : "";
  document.getElementById("about").textContent = `${node.kind}${parameters.length ? ": " : "."}${parameters.join(", ")}${left}`;
  fillTables(node);
  fillQuantities(node);
  updateShown();
  update();
  return drawChosen(node);
}

function fillQuantities(node) {
  const list = document.getElementById("quantity"), offered = quantitiesOf(node);
  list.replaceChildren(...[...offered.keys()].map((key) => element("option", { value: key }, key.replaceAll("_", " "))));
  const wanted = [chosen.preferred, "value_error", "surprise", "pull of each child"].find((key) => offered.has(key));
  list.value = wanted ?? [...offered.keys()][0];
}

function drawChosen(node) {
  for (const chart of chosen.charts) chart.remove();
  const belief = beliefPicture(node), beside = quantitiesOf(node).get(document.getElementById("quantity").value);
  const hosts = [[document.getElementById("belief"), belief], [document.getElementById("beside"), beside]];
  chosen.charts = hosts.filter(([, picture]) => picture).map(([host, picture]) => {
    host.setAttribute("aria-label", `${picture.label}. The numbers are in the tables below.`);
    keyFor(host, picture);
    const chart = new Chart(host, picture);
    for (const axis of chart.figure.below) axis.setv({ axis_label: run.time_name, axis_label_text_color: colour("quiet"), axis_label_text_font_size: "12px", axis_label_text_font_style: "normal", axis_label_standoff: 0 });
    return chart;
  });
  document.getElementById("belief-title").textContent = belief.label.slice(node.name.length + 2).replace(/^./, (letter) => letter.toUpperCase());
  return Promise.all(chosen.charts.map((chart) => chart.ready));
}

// Which line is which, where there are several.
function keyFor(host, picture) {
  host.previousElementSibling?.classList.contains("key") && host.previousElementSibling.remove();
  const named = (picture.lines ?? []).filter((line) => line.name);
  if (picture.lines.length < 2) return;
  const key = element("ul", { class: "legend key" });
  for (const line of named.slice(0, LINES)) {
    const mark = svg("svg", { width: 22, height: 10, "aria-hidden": "true" }, svg("path", { d: "M0 5H22", stroke: `var(--${line.colour})`, "stroke-width": 3 }));
    key.append(element("li", {}, mark, line.name));
  }
  if (named.length > LINES) key.append(element("li", {}, `and ${named.length - LINES} more, in the same colours`));
  host.before(key);
}

function cell(values, data) {
  const made = element("td", { class: "number", ...data });
  chosen.cells.push({ made, values });
  return made;
}

function fillTables(node) {
  chosen.cells = [];
  const fields = document.querySelector("#fields tbody");
  fields.replaceChildren();
  for (const [field, { series: places, shape }] of Object.entries(node.fields)) {
    places.forEach((place, part) => {
      const label = field.replaceAll("_", " ") + labelled(places.length, part, shape);
      fields.append(element("tr", {}, element("th", { scope: "row" }, label), cell(series[place], { "data-field": field, "data-part": part })));
    });
  }
  const spread = precisionOf(node);
  if (spread) {
    const values = once(`spread ${node.name}`, () => stepwise((step) => spreadAt(node, step)));
    fields.append(element("tr", {}, element("th", { scope: "row" }, "standard deviation"), cell(values, { "data-field": "sd", "data-part": 0 })));
  }
  fillAbove(node);
  fillBelow(node);
  const untold = document.getElementById("untold"), joined = run.edges.some((edge) => edge.parent === node.name || edge.child === node.name);
  untold.hidden = !run.untold || !joined;
  untold.textContent = `What went along edges is ${run.untold}.`;
}

// What each parent adds to the node's prediction.
function fillAbove(node) {
  const table = document.getElementById("above"), body = table.querySelector("tbody");
  body.replaceChildren();
  for (const edge of run.edges.filter((edge) => edge.child === node.name && edge.series.contribution)) {
    const { series: places, shape } = edge.series.contribution;
    places.forEach((place, part) => {
      const inlet = edge.inlet.replaceAll("_", " ") + labelled(places.length, part, shape);
      const data = { "data-edge": edge.name, "data-what": "contribution", "data-part": part };
      body.append(element("tr", {}, element("th", { scope: "row" }, edge.parent), element("td", {}, inlet), cell(series[place], data)));
    });
  }
  table.hidden = !body.children.length;
}

const SAID = ["gradient", "curvature", "support", "learning_rate", "slope", "steepness", "correlation"];

// What each child said about the node, a row for each, and how far it pulled.
function fillBelow(node) {
  const table = document.getElementById("below"), edges = run.edges.filter((edge) => edge.parent === node.name);
  const pulled = valuesOf(node, "precision") && partsOf(node) === 1;
  const columns = new Map();
  for (const edge of edges) {
    for (const what of SAID.filter((what) => edge.series[what])) {
      const { series: places, shape } = edge.series[what];
      places.forEach((_, part) => columns.set(`${what.replace("_", " ").replace("support", "log density")}${labelled(places.length, part, shape)}`, { what, part }));
    }
    if (pulled && edge.series.gradient) columns.set("pull", { what: "pull", part: 0 });
  }
  const heads = [...columns.keys()].map((label) => element("th", { scope: "col", class: "number" }, label));
  table.querySelector("thead").replaceChildren(element("tr", {}, element("th", { scope: "col" }, "child"), ...heads));
  table.querySelector("tbody").replaceChildren(...edges.map((edge) => {
    const cells = [...columns.values()].map(({ what, part }) => {
      const values = what === "pull" ? edge.series.gradient && pullOf(edge) : edge.series[what] && series[edge.series[what].series[part]];
      return values ? cell(values, { "data-edge": edge.name, "data-what": what, "data-part": part }) : element("td");
    });
    return element("tr", {}, element("th", { scope: "row" }, edge.child), ...cells);
  }));
  table.hidden = !columns.size;
  const box = table.parentElement;
  if (box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", 0);
  else box.removeAttribute("tabindex");
}

function updateTables() {
  for (const { made, values } of chosen.cells) {
    const value = values[now.step], truth = made.dataset.field === "observed";
    made.textContent = truth ? (value ? "yes" : "no") : short(value, 6);
    made.dataset.value = String(value);
  }
}

document.getElementById("choice").addEventListener("change", (event) => choose(event.target.value));
document.getElementById("quantity").addEventListener("change", (event) => {
  chosen.preferred = event.target.value;
  drawChosen(byName.get(now.chosen));
});
