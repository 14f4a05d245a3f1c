// Trajectories: a small chart for every node that is shown, made when it comes into sight.

const rows = new Map();

function listTrajectories() {
  const total = { label: "surprise of all inputs", lines: [{ values: totalSurprise(), colour: "surprise", name: "surprise" }] };
  addRow("", element("strong", {}, "surprise"), total, "nats, all inputs");
  for (const { name, place } of run.responses) {
    const given = { label: `${name}: what was done`, lines: [], points: [{ values: series[place], colour: "ink", alone: true }] };
    addRow(`response ${name}`, element("strong", {}, name), given, "responses");
  }
  for (const node of run.nodes) {
    const button = element("button", { type: "button", "aria-label": `Choose ${node.name}` }, node.name);
    button.addEventListener("click", () => choose(node.name));
    addRow(node.name, button, beliefPicture(node), node.kind);
  }
  for (const node of run.nodes) listToggle(node);
}

function addRow(name, title, picture, remark) {
  const host = element("div", { class: "chart small", "aria-label": picture.label });
  const row = element("div", { class: "trajectory" }, element("div", {}, title, element("span", { class: "quiet" }, remark)), host);
  document.getElementById("trajectories").append(row);
  rows.set(name, { row, host, picture, chart: null });
  sight.observe(row);
}

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const found = [...rows.values()].find(({ row }) => row === target);
    if (isIntersecting && !found.chart) found.chart = new Chart(found.host, found.picture);
    else if (!isIntersecting && found.chart && charts.size > 12) {
      found.chart.remove();
      found.chart = null;
    }
  }
}, { rootMargin: "150px" });

function listToggle(node) {
  const box = element("input", { type: "checkbox", "data-toggle": node.name });
  box.checked = true;
  box.addEventListener("change", () => {
    if (box.checked) now.hidden.delete(node.name);
    else now.hidden.add(node.name);
    updateToggles();
  });
  document.getElementById("toggles").append(element("label", {}, box, node.name));
}

function updateToggles() {
  for (const box of document.querySelectorAll("[data-toggle]")) box.checked = !now.hidden.has(box.dataset.toggle);
  for (const [name, { row }] of rows) row.style.display = now.hidden.has(name) ? "none" : "";
  updateShown();
}

document.getElementById("all").addEventListener("click", () => {
  now.hidden.clear();
  updateToggles();
});
document.getElementById("around").addEventListener("click", () => {
  const near = new Set([now.chosen]);
  for (const edge of run.edges) {
    if (edge.parent === now.chosen) near.add(edge.child);
    if (edge.child === now.chosen) near.add(edge.parent);
  }
  now.hidden = new Set(run.nodes.map((node) => node.name).filter((name) => !near.has(name)));
  updateToggles();
});
